"""Every door over HTTP: what goes in, what comes out, and what is refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text

from tests.claims import claim, line, resource

ROOT = Path(__file__).parents[2]
SERVICE = "/cds-services/fhir-massage-order-sign"
TOO_MANY = claim(
    line("97140", units=3, minutes=22, modifiers=("GP",)),
    line("97110", units=2, minutes=33, modifiers=("GP",)),
    payer="medicare-part-b",
)
CORRECT = claim(line("97140", units=1, minutes=22, modifiers=("GP",)), payer="medicare-part-b")


def hook(bundle: dict[str, Any]) -> dict[str, Any]:
    """An order-sign request whose draft orders hold the bundle's claim, and whose prefetch the rest."""
    bundle = copy.deepcopy(bundle)
    rest = [e for e in bundle["entry"] if e["resource"]["resourceType"] != "Claim"]
    return {
        "hook": "order-sign",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {
            "userId": "Practitioner/therapist",
            "patientId": "p1",
            "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": resource(bundle, "Claim")}]},
        },
        "prefetch": {"coverage": {"resourceType": "Bundle", "type": "searchset", "entry": rest}, "conditions": None},
    }


def test_a_claim_with_too_many_units_gets_one_card_that_corrects_it(client: FlaskClient) -> None:
    answer = client.post(SERVICE, json=hook(TOO_MANY))
    assert answer.status_code == 200
    (card,) = answer.json["cards"]
    assert len(card["summary"]) < 140
    assert card["indicator"] == "warning"
    assert card["selectionBehavior"] == "at-most-one"
    assert card["extension"]["fhir-massage.finding"]["rule"] == "units-exceed-minutes"
    (suggestion,) = card["suggestions"]
    assert suggestion["isRecommended"]
    corrected = suggestion["actions"][0]["resource"]
    assert corrected["item"][0]["quantity"]["value"] == 2
    again = client.post(SERVICE, json=hook({"entry": [{"resource": corrected}, *TOO_MANY["entry"][1:]]}))
    assert again.json["cards"] == []


def test_a_correct_claim_gets_no_card(client: FlaskClient) -> None:
    assert client.post(SERVICE, json=hook(CORRECT)).json == {"cards": []}


def test_the_example_that_the_start_prints_shows_a_card(client: FlaskClient) -> None:
    content = (ROOT / "examples/hooks/order-sign.json").read_bytes()
    answer = client.post(SERVICE, data=content, content_type="application/json")
    assert len(answer.json["cards"]) == 1


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"hook": "patient-view"}, "hook"),
        ({"hookInstance": None}, "hookInstance"),
        ({"context": []}, "context"),
        ({"context": {"userId": "Practitioner/a", "patientId": "p1"}}, "context.draftOrders"),
        ({"prefetch": 3}, "prefetch"),
    ],
)
def test_a_wrong_request_is_refused_where_it_is_wrong(client: FlaskClient, change: dict[str, Any], place: str) -> None:
    answer = client.post(SERVICE, json={**hook(CORRECT), **change})
    assert answer.status_code == 400
    assert answer.json["issue"][0]["expression"] == [place]


def test_a_coverage_of_another_patient_is_not_used(client: FlaskClient) -> None:
    request = hook(TOO_MANY)
    for entry in request["prefetch"]["coverage"]["entry"]:
        if entry["resource"]["resourceType"] == "Coverage":
            entry["resource"] = {**entry["resource"], "beneficiary": {"reference": "Patient/other"}}
    rules = {c["extension"]["fhir-massage.finding"]["rule"] for c in client.post(SERVICE, json=request).json["cards"]}
    assert "units-exceed-minutes" not in rules


def test_feedback_is_kept_without_what_the_clinician_wrote(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    comment = "Pat Example asked for it"
    sent = {
        "feedback": [
            {
                "card": "4e0a3a1e-3283-4575-ab82-028d55fe2719",
                "outcome": "overridden",
                "overrideReason": {"reason": {"code": "documented"}, "userComment": comment},
                "outcomeTimestamp": "2026-11-10T10:00:00Z",
            }
        ]
    }
    assert client.post(f"{SERVICE}/feedback", json=sent).status_code == 200
    client.post(SERVICE, json=hook(TOO_MANY))
    app.extensions["fhir_massage"].store.close()
    with create_engine(f"sqlite:///{tmp_path / 'fhir_massage.sqlite'}").connect() as store:
        assert store.execute(text("select outcome, reason from feedback")).all() == [("overridden", "documented")]
        assert "units-exceed-minutes" in store.execute(text("select rules from hook_calls")).scalar_one()
    kept = (tmp_path / "fhir_massage.sqlite").read_bytes()
    assert comment.encode() not in kept
    assert b"Patient" not in kept


def test_validate_answers_with_an_outcome(client: FlaskClient) -> None:
    answer = client.post("/fhir/Claim/$validate", data=json.dumps(TOO_MANY), content_type="application/fhir+json")
    assert answer.status_code == 200
    issue = next(i for i in answer.json["issue"] if i["severity"] == "error")
    assert issue["expression"] == ["Claim.item[0].quantity"]
    assert issue["details"]["coding"][0] == {
        "system": "urn:fhir-massage:rule",
        "code": "units-exceed-minutes",
        "display": "More units than the minutes make",
    }


def test_validate_takes_parameters(client: FlaskClient) -> None:
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": "resource", "resource": TOO_MANY}, {"name": "mode", "valueCode": "create"}],
    }
    answer = client.post("/fhir/Claim/$validate", json=body)
    assert "units-exceed-minutes" in answer.text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"resourceType": "Claim",\n "item": }', "line 2, column 10"),
        (b'{"resourceType": "Claim", "item": [{"sequence": "one"}]}', "Claim.item[0].sequence"),
        (b'{"resourceType": "Claim", "id": "a", "id": "b"}', "Claim.id"),
        (b'{"resourceType": "Patient"}', "expected a Claim"),
        (b"[]", "expected a JSON object"),
        (b"", "not JSON"),
        (b"[" * 100_000, "nested"),
    ],
)
def test_an_unusable_body_is_refused_with_the_place(client: FlaskClient, body: bytes, words: str) -> None:
    answer = client.post("/fhir/Claim/$validate", data=body, content_type="application/fhir+json")
    assert answer.status_code in (400, 413)
    assert answer.json["resourceType"] == "OperationOutcome"
    assert words in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "/nowhere", 404),
        ("post", "/cds-services/nothing", 404),
        ("get", SERVICE, 405),
        ("post", "/fhir/Patient/$validate", 400),
    ],
)
def test_every_error_is_an_outcome(client: FlaskClient, method: str, path: str, status: int) -> None:
    answer = getattr(client, method)(path)
    assert answer.status_code == status
    assert answer.json["resourceType"] == "OperationOutcome"


def test_another_content_type_and_a_large_body_are_refused(app: Flask, client: FlaskClient) -> None:
    assert client.post(SERVICE, data="hook=1", content_type="text/plain").status_code == 415
    app.config["MAX_CONTENT_LENGTH"] = 100
    assert client.post(SERVICE, data=b" " * 200, content_type="application/json").status_code == 413


def test_it_says_how_it_is(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").json["checks"] == {"facts": True, "store": True, "staying": True}
    statement = client.get("/fhir/metadata").json
    assert (statement["resourceType"], statement["fhirVersion"]) == ("CapabilityStatement", "4.0.1")
    assert b"fhir_massage_hook_seconds" in client.get("/metrics").data


def test_the_workbench_reviews_applies_and_gives_back(client: FlaskClient) -> None:
    assert b'name="claim"' in client.get("/").data
    page = client.post("/", data={"claim": json.dumps(TOO_MANY)}).text
    assert 'data-rule="units-exceed-minutes"' in page
    assert 'data-expression="Claim.item[0].quantity"' in page
    assert 'data-correction="Bill 2 units"' in page
    after = client.post("/", data={"claim": json.dumps(TOO_MANY), "correction": "all"}).text
    assert "units-exceed-minutes" not in after
    kept = client.post("/corrected", data={"claim": json.dumps(TOO_MANY)})
    assert kept.json["entry"][0]["resource"]["item"][0]["quantity"]["value"] == 2


def test_what_is_pasted_is_shown_and_not_run(client: FlaskClient) -> None:
    hostile = json.dumps(TOO_MANY).replace("c1", "<script>alert(1)</script>")
    answer = client.post("/", data={"claim": hostile})
    assert "<script>alert" not in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_a_bad_paste_says_where(client: FlaskClient) -> None:
    answer = client.post("/", data={"claim": '{"resourceType": "Claim",\n oops}'})
    assert answer.status_code == 400
    assert "line 2, column 2" in answer.text
