"""Hook calls that bring little or nothing: the rest is fetched from the EHR's FHIR server, over real HTTP."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer
from structlog.testing import capture_logs

from fhir_massage.settings import Settings
from fhir_massage.web import arrival
from fhir_massage.web.app import PLACES, create_app
from tests.claims import claim, concept, line
from tests.claims import resource as part_of
from tests.ehr.records import Json, Record, fhir, searchset
from tests.web.test_doors import CORRECT, TOO_MANY

TOKEN = "of-the-ehr-a1b2c3"
#: More than a busy machine needs for what answers; what does not answer takes four fifths of it.
SECONDS = 8
PAYER = "payor"
ORDER: Json = {
    "resourceType": "ServiceRequest",
    "id": "s1",
    "status": "draft",
    "intent": "order",
    "code": concept("97124", "http://www.ama-assn.org/go/cpt"),
    "subject": {"reference": "Patient/p1"},
    "requester": {"reference": "Practitioner/doctor"},
}


def resource(bundle: Json, kind: str) -> Json:
    """A copy of the bundle's resource of that type, to vary."""
    return copy.deepcopy(part_of(bundle, kind))


def resources(bundle: Json) -> list[Json]:
    return [entry["resource"] for entry in copy.deepcopy(bundle)["entry"]]


@pytest.fixture
def record(httpserver: HTTPServer) -> Record:
    """Everything of a claim with too many units but the claim itself, which is still in the user's hands."""
    return Record(httpserver, [each for each in resources(TOO_MANY) if each["resourceType"] != "Claim"])


@pytest.fixture
def client(record: Record, tmp_path: Path) -> Iterator[FlaskClient]:
    app = create_app(Settings(data=tmp_path, fhir_servers=[record.base], hook_seconds=SECONDS))
    yield app.test_client()
    app.extensions["fhir_massage"].store.close()


Call = Callable[..., Any]


@pytest.fixture
def call(client: FlaskClient, record: Record) -> Call:
    def made(*drafts: Json, hook: str = "order-sign", **more: Any) -> Any:
        context = {"userId": "Practitioner/doctor", "patientId": "p1", **more.pop("context", {})}
        if hook in ("order-sign", "order-select"):
            context["draftOrders"] = {"resourceType": "Bundle", "entry": [{"resource": each} for each in drafts]}
        request = {
            "hook": hook,
            "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
            "fhirServer": record.base,
            "fhirAuthorization": {
                "access_token": TOKEN,
                "token_type": "Bearer",
                "expires_in": 300,
                "scope": "patient/*.read",
                "subject": "ehr",
            },
            "context": context,
            **more,
        }
        return client.post(
            f"/cds-services/fhir-massage-{hook}", json={k: v for k, v in request.items() if v is not ...}
        )

    return made


def rules(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    found = [
        each["rule"]
        for card in answer.json["cards"]
        for each in card.get("extension", {}).get("fhir-massage.findings", [])
    ]
    return sorted(found)


@pytest.mark.conforms("found-5", "found-24")
def test_with_no_prefetch_all_is_fetched(call: Call, record: Record) -> None:
    assert rules(call(resource(TOO_MANY, "Claim"))) == ["units-exceed-minutes"]
    assert {"Patient/p1", "Coverage?patient=p1&status=active"} <= set(record.asked)
    assert record.tokens == {f"Bearer {TOKEN}"}
    assert rules(call(resource(CORRECT, "Claim"))) == []


def test_with_part_of_the_prefetch_the_rest_is_fetched(call: Call, record: Record) -> None:
    coverage = searchset([resource(TOO_MANY, "Coverage")])
    patient = resource(TOO_MANY, "Patient")
    assert rules(call(resource(TOO_MANY, "Claim"), prefetch={"patient": patient, "coverage": coverage})) == [
        "units-exceed-minutes"
    ]
    assert "Patient/p1" not in record.asked
    assert not [asked for asked in record.asked if asked.startswith("Coverage?")]
    assert [asked for asked in record.asked if asked.startswith("Condition?")]


def test_what_the_claim_refers_to_is_fetched_and_what_that_refers_to(call: Call, record: Record) -> None:
    record.instead["Coverage"] = fhir(searchset([]))
    assert rules(call(resource(TOO_MANY, "Claim"))) == ["units-exceed-minutes"]
    assert {"Coverage/cov", "Practitioner/therapist", "Organization/payor"} <= set(record.asked)


def test_an_order_with_no_prefetch_is_judged_by_the_patients_own_coverage(call: Call, record: Record) -> None:
    found = call(ORDER)
    assert found.status_code == 200
    assert any(rule.startswith("order-") for rule in rules(found))
    assert {"Practitioner/doctor", f"Organization/{PAYER}"} <= set(record.asked)


def test_the_orders_that_are_dispatched_are_fetched_by_their_references(call: Call, record: Record) -> None:
    record.resources["ServiceRequest/s1"] = {**ORDER, "status": "active"}
    record.instead["ServiceRequest"] = fhir(searchset([]))
    context = {"dispatchedOrders": ["ServiceRequest/s1"], "performer": "Practitioner/therapist"}
    assert rules(call(hook="order-dispatch", context=context)) != []
    assert {"ServiceRequest/s1", "Practitioner/therapist"} <= set(record.asked)


def test_the_claims_of_an_encounter_are_fetched(call: Call, record: Record) -> None:
    record.resources["Claim/c1"] = resource(TOO_MANY, "Claim")
    answer = call(hook="encounter-discharge", context={"encounterId": "e1"})
    assert rules(answer) == ["units-exceed-minutes"]


@pytest.mark.conforms("found-27", "found-28")
def test_nothing_is_fetched_for_an_order_of_something_else(call: Call, record: Record) -> None:
    other = {**ORDER, "code": concept("77061", "http://www.ama-assn.org/go/cpt")}
    assert rules(call(other)) == []
    assert record.asked == []


def test_nothing_is_fetched_for_a_claim_of_something_else(call: Call, record: Record) -> None:
    visit = resource(TOO_MANY, "Claim")
    for item in visit["item"]:
        item["productOrService"] = concept("99213", "http://www.ama-assn.org/go/cpt")
    assert rules(call(visit)) == []
    assert record.asked == []


def test_nothing_is_fetched_that_came_along(call: Call, record: Record) -> None:
    rest = searchset(each for each in resources(TOO_MANY) if each["resourceType"] != "Claim")
    full = {"patient": resource(TOO_MANY, "Patient"), "coverage": rest, "conditions": searchset([])}
    assert rules(call(resource(TOO_MANY, "Claim"), prefetch=full)) == ["units-exceed-minutes"]
    assert record.asked == []


def test_another_patients_coverage_is_set_aside_though_the_server_gives_it(call: Call, record: Record) -> None:
    stranger = {**resource(TOO_MANY, "Coverage"), "beneficiary": {"reference": "Patient/other"}}
    record.instead["Coverage"] = fhir(searchset([stranger]))
    record.instead["Coverage/cov"] = fhir(stranger)
    assert "units-exceed-minutes" not in rules(call(resource(TOO_MANY, "Claim")))


def test_a_reference_that_the_server_does_not_have_is_a_note_and_no_card(call: Call, record: Record) -> None:
    del record.resources["Practitioner/therapist"]
    answer = call(resource(TOO_MANY, "Claim"))
    assert "Practitioner/therapist" in record.asked
    assert rules(answer) == ["units-exceed-minutes"]
    assert len(answer.json["cards"]) == 1, "it was asked for and answered, so nothing failed"


@pytest.mark.parametrize("status", [500, 503])
def test_a_reference_that_failed_is_named_and_no_fault_of_the_claims(call: Call, record: Record, status: int) -> None:
    record.instead["Practitioner/therapist"] = fhir({}, status)
    with capture_logs() as logged:
        answer = call(resource(CORRECT, "Claim"))
    assert rules(answer) == []
    (card,) = answer.json["cards"]
    assert "Claim.careTeam[0].provider" in card["detail"]
    assert [each["what"] for each in logged if each["event"] == "not fetched"] == ["Claim.careTeam[0].provider"]
    assert TOKEN not in str(logged) + answer.text
    assert "p1" not in str(logged)


def test_a_slow_server_does_not_hold_up_what_is_known(call: Call, record: Record) -> None:
    over = threading.Event()
    record.slowly["Condition"] = over
    try:
        answer = call(resource(TOO_MANY, "Claim"))
        assert not over.is_set()  # the server has not answered yet
        assert rules(answer) == ["units-exceed-minutes"]
    finally:
        over.set()


@pytest.mark.parametrize(
    "away",
    [
        {"fhirServer": ..., "fhirAuthorization": ...},
        {"fhirServer": "http://10.0.0.1/fhir"},
        {"fhirServer": "https://127.0.0.1/fhir"},
        {"fhirServer": "http://169.254.169.254/fhir"},
    ],
    ids=["no server", "private", "loopback", "metadata"],
)
def test_an_order_is_answered_without_its_coverage_where_that_cannot_be_reached(
    call: Call, record: Record, away: Json
) -> None:
    assert call(ORDER, **away).status_code == 200
    assert record.asked == []


@pytest.mark.conforms("hooks-25")
@pytest.mark.parametrize(
    ("hook", "context", "key"),
    [
        ("encounter-discharge", {"encounterId": "e1"}, "claims"),
        (
            "order-dispatch",
            {"dispatchedOrders": ["ServiceRequest/s1"], "performer": "Practitioner/x"},
            "serviceRequests",
        ),
        (
            "appointment-book",
            {
                "appointments": searchset(
                    [{"resourceType": "Appointment", "basedOn": [{"reference": "ServiceRequest/s1"}]}]
                )
            },
            "serviceRequests",
        ),
    ],
)
def test_412_where_there_is_nothing_to_review_and_no_way_to_it(call: Call, hook: str, context: Json, key: str) -> None:
    answer = call(hook=hook, context=context, fhirServer=..., fhirAuthorization=...)
    assert answer.status_code == 412
    assert answer.json["issue"][0]["expression"] == [f"prefetch.{key}"]


def test_no_412_and_nothing_fetched_for_orders_of_another_kind(call: Call, record: Record) -> None:
    medications = {"dispatchedOrders": ["MedicationRequest/1"], "performer": "Organization/pharmacy"}
    for away in ({}, {"fhirServer": ..., "fhirAuthorization": ...}):
        assert call(hook="order-dispatch", context=medications, **away).json == {"cards": []}
    nothing = {"appointments": searchset([{"resourceType": "Appointment", "status": "proposed"}])}
    assert call(hook="appointment-book", context=nothing, fhirServer=..., fhirAuthorization=...).status_code == 200
    assert record.asked == []


@pytest.mark.conforms("found-32", "hooks-24")
@pytest.mark.parametrize("given", [None, searchset([])], ids=["null", "nothing found"])
def test_no_412_where_the_client_says_that_there_is_none(call: Call, given: Json | None) -> None:
    answer = call(ORDER, fhirServer=..., fhirAuthorization=..., prefetch={"coverage": given})
    assert answer.status_code == 200


@pytest.mark.conforms("found-32")
def test_no_412_where_the_search_finds_none(call: Call, record: Record) -> None:
    record.instead["Coverage"] = fhir(searchset([]))
    assert call(ORDER).status_code == 200


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_no_412_for_a_server_that_is_there_and_fails(call: Call, record: Record, status: int) -> None:
    record.instead["Coverage"] = fhir({}, status)
    assert call(ORDER).status_code == 200


@pytest.mark.conforms("resp-43")
@pytest.mark.parametrize("status", [401, 500, 503])
def test_a_coverage_that_the_server_fails_to_give_is_indeterminate(call: Call, record: Record, status: int) -> None:
    record.instead["Coverage"] = record.instead["Coverage/cov"] = fhir({}, status)
    answer = call({**ORDER, "insurance": [{"reference": "Coverage/cov"}]})
    (action,) = answer.json["systemActions"]
    (said,) = [each for each in action["resource"]["extension"] if each["url"].endswith("ext-coverage-information")]
    assert {"url": "covered", "valueCode": "indeterminate"} in said["extension"]
    assert "technical" in str(said)


@pytest.mark.conforms("resp-43")
@pytest.mark.parametrize(("status", "covered"), [(401, "indeterminate"), (503, "indeterminate"), (404, "conditional")])
def test_a_payer_that_the_server_fails_to_give_is_told_from_one_that_it_does_not_have(
    call: Call, record: Record, status: int, covered: str
) -> None:
    record.instead[f"Organization/{PAYER}"] = fhir({}, status)
    coverage = record.resources["Coverage/cov"]
    del coverage["type"], coverage["payor"][0]["display"]
    answer = call({**ORDER, "insurance": [{"reference": "Coverage/cov"}]})
    (action,) = answer.json["systemActions"]
    (said,) = [each for each in action["resource"]["extension"] if each["url"].endswith("ext-coverage-information")]
    assert {"url": "covered", "valueCode": covered} in said["extension"]
    assert ("technical" in str(said)) == (covered == "indeterminate")


def test_no_412_for_a_claim_that_brings_its_own(call: Call) -> None:
    whole = resource(TOO_MANY, "Claim")
    coverage = {**resource(TOO_MANY, "Coverage"), "id": "inside"}
    whole["contained"] = [coverage]
    whole["insurance"][0]["coverage"] = {"reference": "#inside"}
    assert call(whole, fhirServer=..., fhirAuthorization=...).status_code == 200


def test_a_reference_to_another_server_is_not_followed(call: Call, record: Record, httpserver: HTTPServer) -> None:
    strayed = resource(TOO_MANY, "Claim")
    strayed["referral"] = {"reference": f"{httpserver.url_for('/other')}/ServiceRequest/s1"}
    assert rules(call(strayed)) == ["units-exceed-minutes"]
    assert not [asked for asked, _ in httpserver.log if asked.path.startswith("/other")]


@pytest.mark.parametrize(
    "patient",
    [
        {"resourceType": "Patient", "id": "p1", "meta": {"profile": [f"{profile}/us-core-patient{version}"]}, **more}
        for profile, version, more in (
            ("http://hl7.org/fhir/us/core/StructureDefinition", "|3.1.1", {"name": [{"family": "Example"}]}),
            (
                "http://hl7.org/fhir/us/core/StructureDefinition",
                "|6.1.0",
                {"extension": [{"url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-tribal-affiliation"}]},
            ),
            (
                "http://hl7.org/fhir/us/core/StructureDefinition",
                "|7.0.0",
                {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/individual-genderIdentity"}]},
            ),
        )
    ],
    ids=["US Core 3.1.1", "US Core 6.1", "US Core 7"],
)
def test_the_shapes_of_us_core_are_read(call: Call, record: Record, patient: Json) -> None:
    record.resources["Patient/p1"] = patient
    record.resources["Coverage/cov"]["identifier"] = [{"type": concept("MB"), "value": "A1"}]  # US Core 6.1 and later
    record.resources["Coverage/cov"]["meta"] = {
        "profile": ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-coverage"]
    }
    assert rules(call(resource(TOO_MANY, "Claim"))) == ["units-exceed-minutes"]


def test_a_role_brings_its_practitioner(call: Call, record: Record) -> None:
    role = {"resourceType": "PractitionerRole", "id": "r1", "practitioner": {"reference": "Practitioner/therapist"}}
    record.resources["PractitionerRole/r1"] = role
    whole = resource(claim(line("97140", units=1, minutes=22, modifiers=("GP",)), payer="medicare-part-b"), "Claim")
    whole["careTeam"][0]["provider"]["reference"] = "PractitionerRole/r1"
    assert rules(call(whole)) == []
    assert {"PractitionerRole/r1", "Practitioner/therapist"} <= set(record.asked)


def test_the_time_of_a_call_counts_from_its_arrival(call: Call, record: Record) -> None:
    arrival.note(time.perf_counter() - SECONDS)  # it waited for a thread for as long as it may take
    try:
        answer = call(resource(TOO_MANY, "Claim"))
    finally:
        arrival.forget()
    assert answer.status_code == 200
    assert record.asked == []


def test_a_call_that_finds_no_place_is_answered_with_what_came_along(
    client: FlaskClient, call: Call, record: Record
) -> None:
    places = client.application.extensions["fhir_massage"].places
    taken = 0
    while places.acquire(blocking=False):
        taken += 1
    assert taken == PLACES
    with capture_logs() as logged:
        answer = call(resource(TOO_MANY, "Claim"))
    assert (answer.status_code, record.asked) == (200, [])
    assert "waiting" in {each["reason"].split()[-1] for each in logged if each["event"] == "not fetched"}
    assert rules(answer) == []  # what it refers to may well be there
    places.release()
    assert rules(call(resource(TOO_MANY, "Claim"))) == ["units-exceed-minutes"]
    assert places.acquire(blocking=False)  # it was given back
