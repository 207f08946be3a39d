"""What Da Vinci CRD asks of the service as a whole: every payer at one address, every US Core, every kind of card."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from fhir_massage.hooks.services import SERVICES
from tests.claims import PAYORS
from tests.crd import coverage_information, values
from tests.web.test_hooks import CALLS, call

Json = dict[str, Any]
ORDERS = {name: content for name, content in CALLS.items() if name.startswith(("order-", "appointment"))}
EVERY_ORDER = pytest.mark.parametrize("name", ORDERS)
US_CORE = {
    "3.1.1": {"name": [{"family": "Rivera", "given": ["Ana"]}], "gender": "female"},
    "6.1.0": {
        "name": [{"family": "Rivera", "given": ["Ana"], "period": {"start": "2020-01-01"}}],
        "extension": [{"url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-sex", "valueCode": "248152002"}],
    },
    "7.0.0": {
        "name": [{"family": "Rivera", "given": ["Ana"]}],
        "extension": [
            {
                "url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-interpreter-needed",
                "valueCoding": {"system": "http://snomed.info/sct", "code": "373067005"},
            }
        ],
    },
}


@pytest.mark.conforms("conf-2")
@pytest.mark.parametrize("version", US_CORE)
@EVERY_ORDER
def test_the_resources_of_each_us_core_are_answered_alike(client: FlaskClient, name: str, version: str) -> None:
    content = copy.deepcopy(CALLS[name])
    plain = call(client, content)
    for each in _every(content):
        kind = each["resourceType"].lower()
        each["meta"] = {"profile": [f"http://hl7.org/fhir/us/core/StructureDefinition/us-core-{kind}|{version}"]}
        if kind == "patient":
            each.update(US_CORE[version])
    assert _told(call(client, content)) == _told(plain)


@pytest.mark.conforms("found-15")
@pytest.mark.parametrize("payer", PAYORS)
def test_one_address_answers_for_every_coverage(client: FlaskClient, payer: str) -> None:
    content = copy.deepcopy(CALLS["order-sign-massage"])
    name, typology = PAYORS[payer]
    coverage = next(each for each in _every(content) if each["resourceType"] == "Coverage")
    coverage["payor"] = [{"display": name}]
    coverage["type"] = (
        {"coding": [{"system": "https://nahdo.org/sopt", "code": typology}]} if typology else {"text": name}
    )
    assert call(client, content)["systemActions"]
    assert len({service.hook for service in SERVICES}) == len(SERVICES)


@pytest.mark.conforms("found-29")
def test_what_every_hook_needs_is_asked_for_by_the_guides_own_expressions() -> None:
    for service in SERVICES:
        assert service.prefetch["patient"] == "Patient/{{context.patientId}}"
        assert service.prefetch["coverage"] == "Coverage?patient={{context.patientId}}&status=active"


@pytest.mark.conforms("found-40")
@EVERY_ORDER
def test_answers_have_no_space_that_says_nothing(client: FlaskClient, name: str) -> None:
    answer = client.post(f"/cds-services/fhir-massage-{CALLS[name]['hook']}", json=CALLS[name])
    assert not re.search(rb"\s", re.sub(rb'"(?:[^"\\]|\\.)*"', b"", answer.data.strip()))


@pytest.mark.conforms("impl-5", "covinfo-2")
def test_which_codes_an_answer_assumes_is_said_where_the_order_names_none(client: FlaskClient) -> None:
    content = copy.deepcopy(CALLS["order-sign-massage"])
    order = next(each for each in _every(content) if each["resourceType"] == "ServiceRequest")
    order["code"] = {"text": "Massage therapy"}
    order.pop("orderDetail", None)
    (action,) = call(client, content)["systemActions"]
    for each in coverage_information(action["resource"]):
        assert values(each, "billingCode")
        reasons = [reason["text"] for reason in values(each, "reason")]
        assert len(set(reasons)) == len(reasons)
        assert all(reason[:1].isupper() and reason.endswith(".") for reason in reasons)


@pytest.mark.conforms("resp-23", "resp-24", "resp-54", "resp-55", "resp-56")
@EVERY_ORDER
def test_a_card_on_an_order_is_an_instruction_or_an_alternative(client: FlaskClient, name: str) -> None:
    for card in call(client, CALLS[name])["cards"]:
        if card["extension"]["davinci-crd.associated-resource"][0]["reference"].startswith("Claim/"):
            continue
        assert "links" not in card
        assert card["detail"] and "portal" not in card["detail"].lower()
        for suggestion in card.get("suggestions", []):
            (action,) = suggestion["actions"]  # a change of the same order is an update, and never an order anew
            assert action["type"] == (
                "create" if action["resource"]["resourceType"] == "DocumentReference" else "update"
            )


def _every(content: Any) -> list[Json]:
    """Every resource in a request, to be changed in its place."""
    if isinstance(content, list):
        return [each for part in content for each in _every(part)]
    if not isinstance(content, dict):
        return []
    found = [each for part in content.values() for each in _every(part)]
    return [content, *found] if content.get("resourceType") not in (None, "Bundle") else found


def _told(answer: Json) -> Any:
    """What an answer says, but for the ids that it was given and the resources that came."""
    cards = [[finding["rule"] for finding in card["extension"]["fhir-massage.findings"]] for card in answer["cards"]]
    actions = [
        [(values(each, "covered"), values(each, "pa-needed"), values(each, "billingCode")) for each in found]
        for action in answer.get("systemActions", [])
        if (found := coverage_information(action["resource"]))
    ]
    return cards, actions
