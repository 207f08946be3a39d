"""What a hook request is about: which claims and orders are reviewed, what is set aside, what is refused."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any

import pytest

from fhir_massage.errors import Unreadable
from fhir_massage.facts.book import shipped
from fhir_massage.fhir.read import Arrival
from fhir_massage.hooks.request import read_request, subjects
from fhir_massage.hooks.services import SERVICES, Service
from tests.claims import TODAY, concept

Json = dict[str, Any]
BY_HOOK = {service.hook: service for service in SERVICES}
#: The simple grammar: a token is a context field or one of the user's ids, and nothing is computed.
TOKEN = re.compile(r"\{\{(context\.\w+|user\w+Id)\}\}")


def order(id: str, status: str = "draft", patient: str = "p1") -> Json:
    return {
        "resourceType": "ServiceRequest",
        "id": id,
        "status": status,
        "intent": "order",
        "code": concept("97124", "http://www.ama-assn.org/go/cpt"),
        "subject": {"reference": f"Patient/{patient}"},
    }


def claim(id: str, patient: str = "p1", **more: Any) -> Json:
    return {
        "resourceType": "Claim",
        "id": id,
        "status": "draft",
        "patient": {"reference": f"Patient/{patient}"},
        **more,
    }


def bundle(*resources: Json) -> Json:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources]}


def request(hook: str, *prefetched: Json, **context: Any) -> Json:
    return {
        "hook": hook,
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/a", "patientId": "p1", **context},
        "prefetch": {"all": bundle(*prefetched), "nothing": None},
    }


def taken(content: Json) -> tuple[Service, Arrival]:
    service = BY_HOOK[content["hook"]]
    return service, read_request(service, json.dumps(content).encode())[1]


def reviewed(content: Json) -> list[str]:
    service, arrival = taken(content)
    chosen = subjects(service, content["context"], arrival, facts=shipped(), on=TODAY)
    return [entry.name for entry in chosen]


def test_signing_reviews_every_draft_order_and_every_claim() -> None:
    content = request("order-sign", claim("c2"), order("old"), draftOrders=bundle(order("a"), claim("c1"), order("b")))
    assert sorted(reviewed(content)) == ["Claim/c1", "Claim/c2", "ServiceRequest/a", "ServiceRequest/b"]


def test_selecting_reviews_the_orders_just_selected() -> None:
    drafts = bundle(order("a"), order("b"))
    assert reviewed(request("order-select", selections=["ServiceRequest/b"], draftOrders=drafts)) == [
        "ServiceRequest/b"
    ]
    assert reviewed(request("order-select", selections=[], draftOrders=drafts)) == []


def test_dispatching_reviews_the_orders_sent_out() -> None:
    content = request(
        "order-dispatch",
        order("a", "active"),
        order("b", "active"),
        dispatchedOrders=["http://ehr.example.org/fhir/ServiceRequest/b", "ServiceRequest/gone"],
        performer="Practitioner/x",
    )
    assert reviewed(content) == ["ServiceRequest/b"]


def test_booking_reviews_the_orders_behind_the_appointment() -> None:
    appointment = {"resourceType": "Appointment", "basedOn": [{"reference": "ServiceRequest/a"}, "odd"]}
    content = request("appointment-book", order("a", "active"), order("b"), appointments=bundle(appointment))
    assert reviewed(content) == ["ServiceRequest/a"]


def test_discharging_reviews_the_claims_and_no_orders() -> None:
    content = request("encounter-discharge", claim("c1"), order("a"), claim("c2", status="cancelled"), encounterId="e")
    assert reviewed(content) == ["Claim/c1"]


def test_an_order_for_something_else_is_not_reviewed() -> None:
    other = {**order("x"), "code": concept("77061", "http://www.ama-assn.org/go/cpt")}
    content = request("order-dispatch", other, dispatchedOrders=["ServiceRequest/x"], performer="Practitioner/x")
    assert reviewed(content) == []


@pytest.mark.parametrize(
    "stranger",
    [
        {"resourceType": "Coverage", "id": "x", "beneficiary": {"reference": "Patient/other"}},
        {"resourceType": "Patient", "id": "other"},
        claim("x", patient="other"),
        order("x", patient="other"),
        {"resourceType": "CoverageEligibilityResponse", "id": "x", "patient": {"reference": "Patient/other"}},
        {"resourceType": "Condition", "id": "x", "subject": {"reference": "http://ehr.example.org/fhir/Patient/other"}},
    ],
    ids=lambda resource: resource["resourceType"],
)
def test_what_is_another_patients_is_set_aside(stranger: Json) -> None:
    _, arrival = taken(request("order-sign", stranger, draftOrders=bundle()))
    assert arrival.entries == []
    assert [error.place for error in arrival.unread] == ["prefetch.all.entry[0].resource"]


def test_a_patient_contained_in_a_claim_is_no_stranger() -> None:
    inside = claim("c1", contained=[{"resourceType": "Patient", "id": "inside"}])
    _, arrival = taken(request("order-sign", {**inside, "patient": {"reference": "#inside"}}, draftOrders=bundle()))
    assert [entry.name for entry in arrival.entries] == ["Claim/c1", "Patient/inside"]
    assert arrival.unread == []


def test_what_a_strangers_claim_contains_goes_with_it() -> None:
    stranger = claim("c1", patient="other", contained=[{"resourceType": "Coverage", "id": "cov"}])
    _, arrival = taken(request("order-sign", stranger, draftOrders=bundle()))
    assert arrival.entries == []


def test_an_error_in_the_prefetch_is_noticed_and_the_rest_is_used() -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
    service, arrival = taken(request("order-sign", outcome, draftOrders=bundle(order("a"))))
    assert [error.place for error in arrival.unread] == ["prefetch.all.entry[0].resource"]
    assert [e.name for e in subjects(service, {}, arrival, facts=shipped(), on=date.today())] == ["ServiceRequest/a"]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"hookInstance": "one"}, "hookInstance"),
        ({"hookInstance": 1}, "hookInstance"),
        ({"fhirAuthorization": {"access_token": "x"}}, "fhirServer"),
        ({"context": {"patientId": "p1", "draftOrders": {}}}, "context.userId"),
        ({"prefetch": []}, "prefetch"),
    ],
)
def test_a_wrong_field_is_named(change: Json, place: str) -> None:
    with pytest.raises(Unreadable) as refused:
        taken({**request("order-sign", draftOrders=bundle()), **change})
    assert refused.value.place == place


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.hook)
def test_prefetch_templates_ask_for_no_more_than_clients_can_compute(service: Service) -> None:
    for template in service.prefetch.values():
        assert "{{" not in TOKEN.sub("", template)
        for token in TOKEN.findall(template):
            assert token.removeprefix("context.") in service.context
