"""``$validate`` as FHIR R4 defines it, over HTTP: its forms, modes, profile and formats, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationdefinition import OperationDefinition
from fhir.resources.R4B.operationoutcome import OperationOutcome
from flask.testing import FlaskClient

from tests.claims import order, resource
from tests.web.test_doors import CORRECT, TOO_MANY

Json = dict[str, Any]
ADDRESS = "/fhir/Claim/$validate"
X12_EXAMPLE = Path(__file__).parents[2] / "examples" / "x12" / "professional.x12"
NOTHING = "Nothing to correct was found."


def parameters(resource: Json | None = None, **given: str) -> Json:
    named = [{"name": name, "valueUri" if name == "profile" else "valueCode": value} for name, value in given.items()]
    with_resource = [{"name": "resource", "resource": resource}] if resource else []
    return {"resourceType": "Parameters", "parameter": with_resource + named}


def issues(answer: Any) -> list[Json]:
    assert answer.status_code == 200, answer.text
    OperationOutcome.model_validate(answer.json)
    found: list[Json] = answer.json["issue"]
    return found


def texts(answer: Any) -> list[str]:
    return [each["details"]["text"] for each in issues(answer)]


def rules(answer: Any) -> list[str]:
    return [each["details"]["coding"][0]["code"] for each in issues(answer) if "coding" in each["details"]]


def test_the_statement_leads_to_the_definition(client: FlaskClient) -> None:
    statement = client.get("/fhir/metadata").json
    CapabilityStatement.model_validate(statement)
    operations = {each["type"]: each["operation"] for each in statement["rest"][0]["resource"] if "operation" in each}
    assert set(operations) == {"Claim", "ServiceRequest", "Coverage"}
    addresses = {operation["definition"] for each in operations.values() for operation in each}
    definition = client.get(addresses.pop()).json
    assert not addresses
    OperationDefinition.model_validate(definition)
    assert (definition["code"], definition["type"], definition["instance"]) == ("validate", True, True)
    assert definition["base"] == "http://hl7.org/fhir/OperationDefinition/Resource-validate"
    assert set(definition["resource"]) == set(operations)
    assert [each["name"] for each in definition["parameter"]] == ["resource", "mode", "profile", "return"]


def test_there_is_no_other_definition(client: FlaskClient) -> None:
    answer = client.get("/fhir/OperationDefinition/other")
    assert (answer.status_code, answer.json["issue"][0]["code"]) == (404, "not-found")


def test_a_resource_alone_a_bundle_and_parameters_say_the_same(client: FlaskClient) -> None:
    alone = {**resource(TOO_MANY, "Claim"), "contained": []}
    del alone["contained"]
    assert "units-exceed-minutes" in rules(client.post(ADDRESS, json=TOO_MANY))
    assert rules(client.post(ADDRESS, json=parameters(TOO_MANY))) == rules(client.post(ADDRESS, json=TOO_MANY))
    assert rules(client.post(ADDRESS, json=parameters(alone))) == rules(client.post(ADDRESS, json=alone))


@pytest.mark.parametrize("mode", ["create", "profile"])
def test_a_mode_of_the_type_changes_nothing(client: FlaskClient, mode: str) -> None:
    assert texts(client.post(ADDRESS, json=parameters(CORRECT, mode=mode))) == [NOTHING]
    assert rules(client.post(ADDRESS, json=parameters(TOO_MANY, mode=mode))) == ["units-exceed-minutes"]


def test_an_update_bears_the_id_of_its_address(client: FlaskClient) -> None:
    body = parameters(CORRECT, mode="update")
    assert texts(client.post("/fhir/Claim/c1/$validate", json=body)) == [NOTHING]
    wrong = issues(client.post("/fhir/Claim/c2/$validate", json=body))
    assert [(each["severity"], each["expression"]) for each in wrong if "expression" in each] == [
        ("error", ["Claim.id"])
    ]
    assert "Claim/[id]/$validate" in texts(client.post(ADDRESS, json=body))[-1]


def test_a_deletion_is_not_stood_against_and_needs_no_resource(client: FlaskClient) -> None:
    for answer in (
        client.post("/fhir/Claim/c1/$validate", json=parameters(mode="delete")),
        client.post("/fhir/Claim/c1/$validate", json=parameters(TOO_MANY, mode="delete")),
        client.post("/fhir/Claim/c1/$validate?mode=delete"),
    ):
        (said,) = issues(answer)
        assert said["severity"] == "information"
        assert "Nothing is kept here" in said["details"]["text"]


def test_without_a_resource_nothing_can_be_said(client: FlaskClient) -> None:
    assert client.post(ADDRESS, json=parameters(mode="create")).status_code == 400
    assert client.post("/fhir/Claim/c1/$validate").status_code == 400


def test_a_mode_that_fhir_does_not_have_is_refused(client: FlaskClient) -> None:
    for answer in (
        client.post(ADDRESS, json=parameters(CORRECT, mode="destroy")),
        client.post(f"{ADDRESS}?mode=destroy", json=CORRECT),
    ):
        assert (answer.status_code, answer.json["issue"][0]["expression"]) == (400, ["mode"])


def test_a_profile_that_cannot_be_checked_is_an_error_beside_the_findings(client: FlaskClient) -> None:
    base = "http://hl7.org/fhir/StructureDefinition/Claim"
    other = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/profile-claim"
    assert texts(client.post(ADDRESS, json=parameters(CORRECT, profile=f"{base}|4.0.1"))) == [NOTHING]
    for answer in (
        client.post(ADDRESS, json=parameters(TOO_MANY, profile=other)),
        client.post(ADDRESS, json=TOO_MANY, query_string={"profile": other}),
    ):
        found = issues(answer)
        assert rules(answer) == ["units-exceed-minutes"]
        assert (found[-1]["severity"], found[-1]["code"]) == ("error", "not-supported")


@pytest.mark.parametrize(
    ("kind", "bundle"), [("ServiceRequest", order("97140")), ("Coverage", CORRECT), ("Claim", CORRECT)]
)
def test_each_type_is_validated_in_each_form(client: FlaskClient, kind: str, bundle: Json) -> None:
    name = resource(bundle, kind)["id"]
    for path, body in (
        (f"/fhir/{kind}/$validate", bundle),
        (f"/fhir/{kind}/{name}/$validate", parameters(bundle, mode="update")),
    ):
        assert not [each for each in issues(client.post(path, json=body)) if each["severity"] == "error"]
    broken = {**resource(bundle, kind), "status": ["active"]}
    answer = client.post(f"/fhir/{kind}/$validate", json=broken)
    assert f"{kind}.status" in answer.text


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({}, "", 200),
        ({"Accept": "*/*"}, "", 200),
        ({"Accept": "application/json"}, "", 200),
        ({"Accept": "application/fhir+json; fhirVersion=4.0"}, "", 200),
        ({"Accept": "application/fhir+xml;q=0.9, application/fhir+json;q=0.5"}, "", 200),
        ({"Accept": "application/fhir+xml"}, "?_format=json", 200),
        ({}, "?_format=application/fhir%2Bjson", 200),
        ({}, "?_format=application/fhir+json", 200),
        ({"Accept": "application/fhir+xml"}, "", 406),
        ({"Accept": "text/turtle"}, "", 406),
        ({"Accept": "application/fhir+json"}, "?_format=xml", 406),
    ],
)
def test_answers_are_in_json_and_in_nothing_else(
    client: FlaskClient, headers: dict[str, str], query: str, status: int
) -> None:
    for answer in (
        client.post(f"{ADDRESS}{query}", json=CORRECT, headers=headers),
        client.get(f"/fhir/metadata{query}", headers=headers),
    ):
        assert answer.status_code == status
        assert answer.mimetype == "application/fhir+json"
        assert answer.json["resourceType"] == (
            "CapabilityStatement" if b"fhirVersion" in answer.data else "OperationOutcome"
        )


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/fhir+json", 200),
        ("application/fhir+json; charset=UTF-8", 200),
        ("application/json; charset=utf-8", 200),
        ("application/fhir+json; fhirVersion=4.0", 200),
        ("application/json; charset=iso-8859-1", 415),
        ("application/fhir+xml", 415),
    ],
)
def test_the_body_is_json_in_utf_8(client: FlaskClient, kind: str, status: int) -> None:
    assert client.post(ADDRESS, data=json.dumps(CORRECT), content_type=kind).status_code == status


X12 = {"content_type": "application/edi-x12"}


def test_an_x12_interchange_is_validated_with_the_segment_of_each_finding(client: FlaskClient) -> None:
    answer = client.post(ADDRESS, data=X12_EXAMPLE.read_bytes(), **X12)
    assert rules(answer) == ["therapy-modifier-missing"]
    assert "SV101, segment 24 of transaction 0001" in issues(answer)[0]["location"][0]


def test_what_says_it_is_x12_and_is_not_is_refused(client: FlaskClient) -> None:
    answer = client.post(ADDRESS, data=b"\x00\x01", **X12)
    assert (answer.status_code, answer.json["resourceType"]) == (400, "OperationOutcome")


def test_another_version_of_x12_is_refused_by_name(client: FlaskClient) -> None:
    old = X12_EXAMPLE.read_bytes().replace(b"005010X222A1", b"004010X098A1")
    answer = client.post(ADDRESS, data=old, **X12)
    assert answer.status_code == 400
    assert "004010X098A1" in answer.json["issue"][0]["details"]["text"]
