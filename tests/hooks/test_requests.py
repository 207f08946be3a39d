"""What a hook request is about: which claims and orders are reviewed, what is set aside, what is refused."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any

import pytest

from fhir_massage.errors import NotAtHand, Unreadable
from fhir_massage.facts.book import shipped
from fhir_massage.hooks.prefetch import missing
from fhir_massage.hooks.request import read_request, require_data, sent_to, subjects, take_in
from fhir_massage.hooks.services import SERVICES, Service
from fhir_massage.read.read import Arrival, read
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


@pytest.mark.conforms("hook-23", "found-33")
def test_signing_reviews_every_draft_order_and_every_claim() -> None:
    content = request("order-sign", claim("c2"), order("old"), draftOrders=bundle(order("a"), claim("c1"), order("b")))
    assert sorted(reviewed(content)) == ["Claim/c1", "Claim/c2", "ServiceRequest/a", "ServiceRequest/b"]


@pytest.mark.conforms("hook-34")
def test_selecting_reviews_the_orders_just_selected() -> None:
    drafts = bundle(order("a"), order("b"))
    assert reviewed(request("order-select", selections=["ServiceRequest/b"], draftOrders=drafts)) == [
        "ServiceRequest/b"
    ]
    assert reviewed(request("order-select", selections=[], draftOrders=drafts)) == []


@pytest.mark.conforms("hook-30")
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


@pytest.mark.conforms("hooks-23", "impl-2")
def test_an_error_in_the_prefetch_is_noticed_and_the_rest_is_used() -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
    service, arrival = taken(request("order-sign", outcome, draftOrders=bundle(order("a"))))
    assert [error.place for error in arrival.unread] == ["prefetch.all.entry[0].resource"]
    assert [e.name for e in subjects(service, {}, arrival, facts=shipped(), on=date.today())] == ["ServiceRequest/a"]


@pytest.mark.conforms("hooks-17", "hooks-18", "hooks-19", "hooks-20", "hooks-21", "hook-13", "hook-14")
@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"hook": "patient-view"}, "hook"),
        ({"hookInstance": "one"}, "hookInstance"),
        ({"hookInstance": 1}, "hookInstance"),
        ({"fhirServer": "ehr"}, "fhirServer"),
        ({"fhirAuthorization": {"access_token": "x"}}, "fhirServer"),
        ({"fhirServer": "https://ehr.example.org", "fhirAuthorization": "x"}, "fhirAuthorization"),
        ({"fhirServer": "https://ehr.example.org", "fhirAuthorization": {}}, "fhirAuthorization.access_token"),
        ({"context": []}, "context"),
        ({"context": {"patientId": "p1", "draftOrders": {}}}, "context.userId"),
        ({"prefetch": []}, "prefetch"),
    ],
)
def test_a_wrong_field_is_named(change: Json, place: str) -> None:
    content = {**request("order-sign", draftOrders=bundle()), **change}
    with pytest.raises(Unreadable) as refused:
        read_request(BY_HOOK["order-sign"], json.dumps(content).encode())
    assert refused.value.place == place


@pytest.mark.parametrize(
    ("hook", "field", "value", "place"),
    [
        ("order-sign", "userId", "a", "context.userId"),
        ("order-sign", "userId", None, "context.userId"),
        ("order-sign", "patientId", "Patient/p1", "context.patientId"),
        ("order-sign", "patientId", "", "context.patientId"),
        ("order-sign", "encounterId", 7, "context.encounterId"),
        ("order-sign", "draftOrders", {"resourceType": "Claim"}, "context.draftOrders"),
        ("order-sign", "draftOrders", [], "context.draftOrders"),
        ("order-select", "selections", "ServiceRequest/a", "context.selections"),
        ("order-select", "selections", ["ServiceRequest/a", "b"], "context.selections[1]"),
        ("order-dispatch", "dispatchedOrders", [3], "context.dispatchedOrders[0]"),
        ("order-dispatch", "performer", {"reference": "Practitioner/x"}, "context.performer"),
        ("order-dispatch", "fulfillmentTasks", ["Task/1"], "context.fulfillmentTasks[0]"),
        ("appointment-book", "appointments", None, "context.appointments"),
        ("encounter-discharge", "encounterId", "Encounter/1", "context.encounterId"),
    ],
)
def test_each_field_of_each_context_is_held_to_its_hook(hook: str, field: str, value: Any, place: str) -> None:
    content = whole(hook)
    taken(content)
    content["context"][field] = value
    with pytest.raises(Unreadable) as refused:
        taken(content)
    assert refused.value.place == place


@pytest.mark.parametrize("hook", BY_HOOK)
def test_each_required_field_is_missed(hook: str) -> None:
    for name, field in BY_HOOK[hook].context.items():
        content = whole(hook)
        content["context"].pop(name, None)
        if not field.required:
            taken(content)
            continue
        with pytest.raises(Unreadable) as refused:
            taken(content)
        assert refused.value.place == f"context.{name}"


def whole(hook: str) -> Json:
    """A request of that hook with every field of its context."""
    content = request(
        hook,
        encounterId="e1",
        draftOrders=bundle(order("a")),
        selections=["ServiceRequest/a"],
        dispatchedOrders=["ServiceRequest/a"],
        performer="Practitioner/x",
        fulfillmentTasks=[],
        appointments=bundle(),
    )
    content["context"] = {name: value for name, value in content["context"].items() if name in BY_HOOK[hook].context}
    return content


@pytest.mark.conforms("hooks-17")
@pytest.mark.parametrize("key", ["hook", "context"])
def test_a_key_that_stands_twice_is_refused(key: str) -> None:
    text = json.dumps(whole("order-sign"))
    doubled = text.replace(f'"{key}":', f'"{key}": {{}}, "{key}":' if key == "context" else '"hook": "x", "hook":', 1)
    with pytest.raises(Unreadable, match="stands twice"):
        read_request(BY_HOOK["order-sign"], doubled.encode())


@pytest.mark.conforms("hook-23", "found-33", "hooks-82")
def test_what_is_not_known_is_passed_over() -> None:
    content = whole("order-sign")
    content |= {"extension": "odd", "colour": "blue"}
    content["context"] |= {"colour": {"of": "sky"}, "encounterId": "e1"}
    assert reviewed(content) == ["ServiceRequest/a"]


@pytest.mark.conforms("hooks-24")
def test_only_what_did_not_come_is_missing() -> None:
    service = BY_HOOK["order-sign"]
    outcome = {"resourceType": "OperationOutcome"}
    content = {**whole("order-sign"), "prefetch": {"patient": None, "coverage": outcome}}
    assert missing(service, content) == {
        "coverage": "Coverage?patient=p1&status=active",
        "conditions": "Condition?patient=p1&clinical-status=active",
    }
    assert list(missing(service, {**content, "prefetch": None})) == list(service.prefetch)


def test_what_is_fetched_is_held_to_the_same() -> None:
    content = request("order-dispatch", dispatchedOrders=["ServiceRequest/a"], performer="Practitioner/x")
    service, arrival = taken(content)
    fetched = read(bundle(order("a", "active"), order("b", "active", patient="other")))
    take_in(content, arrival, fetched)
    chosen = subjects(service, content["context"], arrival, facts=shipped(), on=TODAY)
    assert [entry.name for entry in chosen] == ["ServiceRequest/a"]
    assert len(arrival.unread) == 1


@pytest.mark.conforms("hooks-25", "found-32")
@pytest.mark.parametrize(
    ("hook", "change", "refused"),
    [
        ("order-dispatch", {"prefetch": {}}, True),
        ("order-dispatch", {"prefetch": {"serviceRequests": None}}, False),
        ("order-dispatch", {"prefetch": {}, "fhirServer": "https://ehr.example.org/fhir"}, False),
        ("order-dispatch", {"prefetch": {"orders": bundle(order("a"))}}, False),
        ("encounter-discharge", {"prefetch": None}, True),
        ("encounter-discharge", {"prefetch": {"claims": bundle()}}, False),
        ("encounter-discharge", {"prefetch": {"mine": bundle(claim("c1"))}}, False),
        ("appointment-book", {}, False),
        ("order-sign", {"prefetch": {}}, False),
    ],
)
def test_it_is_refused_only_where_nothing_can_be_said(hook: str, change: Json, refused: bool) -> None:
    content = {**whole(hook), **change}
    service, arrival = taken(content)
    chosen = subjects(service, content["context"], arrival, facts=shipped(), on=TODAY)
    if refused:
        with pytest.raises(NotAtHand):
            require_data(service, content, arrival, chosen)
    else:
        require_data(service, content, arrival, chosen)


def test_claims_of_another_encounter_are_not_what_is_discharged() -> None:
    def of(encounter: str) -> Json:
        return claim(encounter, item=[{"sequence": 1, "encounter": [{"reference": f"Encounter/{encounter}"}]}])

    content = request("encounter-discharge", of("e1"), of("e2"), claim("c3"), encounterId="e1")
    assert sorted(reviewed(content)) == ["Claim/c3", "Claim/e1"]


def test_the_owner_of_a_task_goes_ahead_of_the_performer() -> None:
    task = {
        "resourceType": "Task",
        "focus": {"reference": "https://ehr.example.org/fhir/ServiceRequest/b"},
        "owner": {"reference": "Practitioner/owner"},
    }
    content = request(
        "order-dispatch",
        order("a", "active"),
        order("b", "active"),
        dispatchedOrders=["ServiceRequest/a", "ServiceRequest/b"],
        performer="Practitioner/x",
        fulfillmentTasks=[task, {"resourceType": "Task"}],
    )
    service, arrival = taken(content)
    chosen = subjects(service, content["context"], arrival, facts=shipped(), on=TODAY)
    sent = sent_to(service, content["context"], chosen, arrival)
    assert {name: who.reference for name, who in sent.items()} == {
        "ServiceRequest/a": "Practitioner/x",
        "ServiceRequest/b": "Practitioner/owner",
    }


@pytest.mark.conforms("hooks-26", "hooks-27", "hooks-28", "hooks-29", "found-24", "found-26", "found-27")
@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.hook)
def test_prefetch_templates_ask_for_no_more_than_clients_can_compute(service: Service) -> None:
    for template in service.prefetch.values():
        assert "{{" not in TOKEN.sub("", template)
        for token in TOKEN.findall(template):
            assert token.removeprefix("context.") in service.context
