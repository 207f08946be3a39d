"""The hooks over HTTP, by the examples that the documentation shows, held to CDS Hooks and to Da Vinci CRD."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text

from fhir_massage.errors import NotFetched
from fhir_massage.read.read import Arrival, read
from fhir_massage.settings import Settings
from fhir_massage.web.app import create_app
from tests.claims import TAXONOMY, bundle, order, resource
from tests.crd import check_action, check_card, coverage_information, values
from tests.web.test_doors import SERVICE, TOO_MANY, hook

Json = dict[str, Any]
FOLDER = Path(__file__).parents[2] / "examples/hooks"
EXAMPLES = {file.stem: json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))}
CALLS = {name: content for name, content in EXAMPLES.items() if "hook" in content}


def call(client: FlaskClient, content: Json, beside: Json | None = None) -> Json:
    """The answer to a hook request, its cards and actions held to the specifications.

    ``beside`` is what the service can fetch.
    """
    body = json.dumps(content)  # the client's own json= would change the order of the keys
    address = f"/cds-services/fhir-massage-{content['hook']}"
    answer = client.post(address, data=body, content_type="application/json")
    assert answer.status_code == 200, answer.json
    assert set(answer.json) <= {"cards", "systemActions"}
    sent = {f"{each['resourceType']}/{each['id']}": each for each in resources([content, beside])}
    for card in answer.json["cards"]:
        check_card(card)
    for action in answer.json.get("systemActions", []):
        name = f"{action['resource']['resourceType']}/{action['resource']['id']}"
        check_action(sent[name], action)
    assert answer.json.get("systemActions") != []
    found: Json = answer.json
    return found


def resources(content: Any) -> list[Json]:
    """Every resource in a request."""
    if isinstance(content, list):
        return [each for part in content for each in resources(part)]
    if not isinstance(content, dict):
        return []
    inner = [each for part in content.values() for each in resources(part)]
    return [content, *inner] if "resourceType" in content and "id" in content else inner


def rules(answer: Json) -> list[str]:
    return [finding["rule"] for card in answer["cards"] for finding in card["extension"]["fhir-massage.findings"]]


def covered(answer: Json) -> dict[str, list[str]]:
    """What is said of each resource that is updated."""
    return {
        f"{action['resource']['resourceType']}/{action['resource']['id']}": [
            value for each in coverage_information(action["resource"]) for value in values(each, "covered")
        ]
        for action in answer.get("systemActions", [])
    }


@pytest.mark.conforms(
    "hooks-1", "hooks-2", "hooks-3", "hooks-4", "hooks-5", "hooks-6", "hooks-7", "hooks-31", "hooks-32", "hooks-34",
    "hooks-35", "hooks-36", "hooks-37", "hooks-38", "hooks-39", "hooks-40", "hooks-41", "hooks-42", "hooks-44",
    "hooks-45", "hooks-46", "hooks-47", "hooks-48", "hooks-50", "hooks-51", "hooks-52", "hooks-53", "hooks-82",
    "hooks-83", "hooks-84", "hooks-85", "hooks-86", "resp-3", "resp-5", "resp-13", "resp-19", "resp-25", "resp-53",
    "conf-4", "conf-13",
)  # fmt: skip
@pytest.mark.parametrize("name", CALLS)
def test_each_example_is_answered_by_the_rules_of_both_specifications(client: FlaskClient, name: str) -> None:
    answer = call(client, CALLS[name])
    assert answer["cards"] or answer["systemActions"]


@pytest.mark.conforms("hook-16", "hook-39", "resp-14", "resp-26", "resp-48", "billopt-3")
def test_a_massage_ordered_in_clinical_words_is_answered_by_its_billing_code(client: FlaskClient) -> None:
    answer = call(client, CALLS["order-sign-massage"])
    assert covered(answer) == {"ServiceRequest/o1": ["conditional"]}
    assert call(client, CALLS["order-select"])["systemActions"]


@pytest.mark.conforms("hook-30", "hook-33", "resp-26", "found-13")
def test_an_order_sent_to_a_profession_that_is_not_paid_is_told_who_is(client: FlaskClient) -> None:
    answer = call(client, CALLS["order-dispatch"])
    assert rules(answer) == ["order-performer-not-payable"]
    assert covered(answer) == {"ServiceRequest/o1": ["not-covered"]}
    (card,) = answer["cards"]
    offered = [each["actions"][0]["resource"]["performerType"]["coding"][0]["code"] for each in card["suggestions"]]
    assert offered[0] == TAXONOMY["physical-therapist"]
    assert TAXONOMY["massage-therapist"] not in offered
    content = copy.deepcopy(CALLS["order-dispatch"])
    therapist = content["prefetch"]["performer"]
    therapist["qualification"][0]["code"]["coding"][0]["code"] = TAXONOMY["physical-therapist"]
    after = call(client, content)
    assert (after["cards"], covered(after)) == ([], {"ServiceRequest/o1": ["covered"]})


def test_who_is_sent_to_is_judged_and_not_who_was_named_before(client: FlaskClient) -> None:
    content = copy.deepcopy(CALLS["order-dispatch"])
    sent = next(each for each in resources(content) if each["resourceType"] == "ServiceRequest")
    sent["performerType"] = {"coding": [{"code": TAXONOMY["physical-therapist"]}]}
    assert rules(call(client, content)) == ["order-performer-not-payable"]


@pytest.mark.conforms("hook-19", "hook-39")
def test_a_document_is_asked_for_when_an_order_is_signed_and_not_when_it_is_chosen(client: FlaskClient) -> None:
    letter = order("97124", payer="hsa-fsa")
    request = resource(letter, "ServiceRequest")
    asked = {}
    for name in ("order-select", "order-sign"):
        content: Json = {
            "hook": name,
            "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
            "context": {
                "userId": "Practitioner/a",
                "patientId": "p1",
                "selections": ["ServiceRequest/o1"],
                "draftOrders": bundle(request),
            },
            "prefetch": {"all": bundle(*(each["resource"] for each in letter["entry"][1:]))},
        }
        (action,) = call(client, content)["systemActions"]
        asked[name] = values(coverage_information(action["resource"])[0], "doc-needed")
    assert asked == {"order-select": [], "order-sign": ["clinical"]}


def test_an_appointment_that_the_payer_has_authorized_stays_so(client: FlaskClient) -> None:
    content = copy.deepcopy(CALLS["appointment-book"])
    (appointment,) = [each for each in resources(content) if each["resourceType"] == "Appointment"]
    (action,) = call(client, content)["systemActions"]
    (said,) = action["resource"]["extension"]
    next(part for part in said["extension"] if part["url"] == "pa-needed")["valueCode"] = "satisfied"
    said["extension"].append({"url": "satisfied-pa-id", "valueString": "Q8U119"})
    appointment["extension"] = [said]
    appointment["description"] = "a change"
    appointment["start"] = "2026-12-02T10:00:00Z"
    answer = call(client, content)
    kept_numbers = [
        values(each, "satisfied-pa-id")
        for action in answer.get("systemActions", [{"resource": appointment}])
        for each in coverage_information(action["resource"])
    ]
    assert kept_numbers == [["Q8U119"]]


@pytest.mark.conforms("hook-26", "resp-26", "resp-29")
def test_an_appointment_without_an_order_is_itself_annotated(client: FlaskClient) -> None:
    answer = call(client, CALLS["appointment-book"])
    assert covered(answer) == {"Appointment/a1": ["conditional"]}
    other = copy.deepcopy(CALLS["appointment-book"])
    (appointment,) = [each for each in resources(other) if each["resourceType"] == "Appointment"]
    appointment["serviceType"] = [{"text": "Eye examination"}]
    assert call(client, other) == {"cards": []}


@pytest.mark.conforms("hook-26", "resp-29")
def test_an_appointment_behind_which_an_order_stands_has_the_order_annotated(client: FlaskClient) -> None:
    answer = call(client, CALLS["appointment-book-with-order"])
    assert covered(answer) == {"ServiceRequest/o1": ["conditional"]}


def test_the_encounters_drafted_claims_are_reviewed_before_they_leave(client: FlaskClient) -> None:
    answer = call(client, CALLS["encounter-discharge"])
    (card,) = answer["cards"]
    assert card["extension"]["davinci-crd.associated-resource"] == [{"reference": "Claim/c1"}]
    assert "systemActions" not in answer


@pytest.mark.conforms("resp-29", "resp-35", "hook-16")
def test_an_order_that_carries_the_answer_is_left_alone(client: FlaskClient) -> None:
    content = copy.deepcopy(CALLS["order-sign-massage"])
    annotated = call(client, content)["systemActions"][0]["resource"]
    content["context"]["draftOrders"]["entry"][0]["resource"] = annotated
    assert "systemActions" not in call(client, content)


@pytest.mark.conforms("dev-14", "resp-28", "resp-25")
def test_a_client_gets_no_more_than_it_asks_for(client: FlaskClient) -> None:
    content = copy.deepcopy(CALLS["order-dispatch"])
    for options, cards, actions in (
        ({"insurance": False}, 0, 1),
        ({"coverage-info": False}, 1, 0),
        ({"max-cards": 0}, 0, 1),
        ({"colour": False, "max-cards": "many"}, 1, 1),
    ):
        content["extension"] = {"davinci-crd.configuration": options}
        answer = call(client, content)
        assert (len(answer["cards"]), len(answer.get("systemActions", []))) == (cards, actions), options


@pytest.mark.conforms("conf-8", "conf-12", "hook-22", "hooks-22", "found-34")
@pytest.mark.parametrize("kept", [("patient",), ("coverage",), ("practitioners",), ()])
def test_whatever_part_of_the_prefetch_comes_is_used(client: FlaskClient, kept: tuple[str, ...]) -> None:
    content = copy.deepcopy(CALLS["order-sign-massage"])
    content["prefetch"] = {key: value if key in kept else None for key, value in content["prefetch"].items()}
    del content["fhirServer"], content["fhirAuthorization"]  # null is then the client's last word
    answer = call(client, content)
    assert rules(answer) == ["order-code-imprecise"]
    assert list(covered(answer).values()) == ([["conditional"]] if "coverage" in kept else [["not-covered"]])
    del content["prefetch"]
    assert rules(call(client, content)) == ["order-code-imprecise"]


@pytest.mark.conforms("resp-43", "hooks-23")
def test_what_the_ehr_could_not_give_is_told_on_the_order(client: FlaskClient) -> None:
    content = copy.deepcopy(CALLS["order-sign-massage"])
    issue = {"severity": "error", "code": "timeout"}
    content["prefetch"]["coverage"] = {"resourceType": "OperationOutcome", "issue": [issue]}
    assert covered(call(client, content)) == {"ServiceRequest/o1": ["indeterminate"]}


def test_what_is_missing_is_fetched_by_whoever_can(app: Flask, client: FlaskClient) -> None:
    content = copy.deepcopy(CALLS["order-dispatch"])
    orders = content["prefetch"].pop("serviceRequests")
    asked: list[str] = []

    def fetch(service: Any, request: Any, arrival: Arrival) -> Arrival:
        asked.append(request["fhirAuthorization"]["access_token"])
        return read(orders)

    app.extensions["fhir_massage"].fetch = fetch
    assert rules(call(client, content, orders)) == ["order-performer-not-payable"]
    assert asked == ["opaque-token-of-the-example"]
    fetched = Arrival()
    fetched.unread.append(NotFetched("it did not answer", place="prefetch.serviceRequests"))
    app.extensions["fhir_massage"].fetch = lambda *_: fetched
    refused = client.post("/cds-services/fhir-massage-order-dispatch", json=content)
    assert refused.status_code == 412


@pytest.mark.conforms("hooks-25", "hooks-33", "hook-9", "hook-10", "hook-13", "hook-14", "found-32")
@pytest.mark.parametrize(
    ("change", "status", "code", "place"),
    [
        ({"hook": "patient-view"}, 400, "structure", "hook"),
        ({"context": {"userId": "Practitioner/a"}}, 400, "structure", "context.patientId"),
        (
            {"prefetch": {}, "fhirServer": None, "fhirAuthorization": None},
            412,
            "incomplete",
            "prefetch.serviceRequests",
        ),
        (
            {"extension": {"davinci-crd.requestedVersion": "9.9"}},
            422,
            "business-rule",
            "extension.`davinci-crd.requestedVersion`",
        ),
    ],
)
def test_a_request_that_cannot_be_answered_is_told_where(
    client: FlaskClient, change: Json, status: int, code: str, place: str
) -> None:
    answer = client.post("/cds-services/fhir-massage-order-dispatch", json={**CALLS["order-dispatch"], **change})
    (issue,) = answer.json["issue"]
    assert (answer.status_code, issue["code"], issue["expression"]) == (status, code, [place])
    assert answer.mimetype == "application/fhir+json"


@pytest.mark.conforms("hooks-1", "hooks-33", "hook-9", "hook-13")
@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{", 400),
        ("application/json", b"[]", 400),
        ("application/json", b"", 400),
        ("application/json; charset=utf-8", json.dumps(CALLS["order-sign"]).encode(), 200),
        ("application/fhir+json", json.dumps(CALLS["order-sign"]).encode(), 200),
        ("application/json; charset=utf-16", json.dumps(CALLS["order-sign"]).encode("utf-16"), 415),
        ("application/json", json.dumps(CALLS["order-sign"]).encode("utf-16"), 400),
        ("application/xml", b"<Claim/>", 415),
        ("text/plain", b"{}", 415),
    ],
)
def test_a_body_of_another_kind_is_refused(client: FlaskClient, kind: str, body: bytes, status: int) -> None:
    answer = client.post(SERVICE, data=body, content_type=kind)
    assert answer.status_code == status
    assert status == 200 or answer.json["resourceType"] == "OperationOutcome"


@pytest.mark.conforms("hooks-8", "hooks-14", "hooks-33", "hook-9")
def test_what_is_not_there_is_not_found(client: FlaskClient) -> None:
    assert client.get("/cds-services").status_code == 200
    assert client.post("/cds-services/nothing", json=CALLS["order-sign"]).status_code == 404
    assert client.post("/cds-services/nothing/feedback", json=EXAMPLES["feedback"]).status_code == 404
    assert client.get(SERVICE).status_code == 405
    assert "POST" in client.get(SERVICE).headers["Allow"]


def test_one_body_may_not_be_larger_than_is_set(tmp_path: Path) -> None:
    small = create_app(Settings(data=tmp_path, max_body=1000)).test_client()
    assert small.post(SERVICE, json=CALLS["order-sign"]).status_code == 413


def kept(folder: Path, query: str) -> list[Any]:
    with create_engine(f"sqlite:///{folder / 'fhir_massage.sqlite'}").connect() as store:
        return [tuple(row) for row in store.execute(text(query))]


@pytest.mark.conforms("hooks-34", "hooks-55", "hooks-57", "hooks-61")
def test_feedback_is_kept_against_the_card_that_was_sent(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    (card,) = call(client, hook(TOO_MANY))["cards"]
    taken = card["suggestions"][0]["uuid"]
    accepted = {"outcome": "accepted", "acceptedSuggestions": [{"id": taken}]}
    feedback = {"card": card["uuid"], "outcomeTimestamp": "2026-11-24T10:00:00Z", **accepted}
    assert client.post(f"{SERVICE}/feedback", json={"feedback": [feedback]}).status_code == 200
    assert client.post(f"{SERVICE}/feedback", json=EXAMPLES["feedback"]).status_code == 200
    app.extensions["fhir_massage"].store.close()
    joined = "select c.rules, c.suggestions, f.suggestions from feedback f join cards c on c.uuid = f.card"
    ((said, offered, chosen),) = kept(tmp_path, joined)
    assert json.loads(said) == ["units-exceed-minutes"]
    assert json.loads(offered)[json.loads(chosen)[0]] == "units-exceed-minutes"
    assert len(kept(tmp_path, "select 1 from feedback")) == 3, "feedback to cards that are not known is kept too"
    assert kept(tmp_path, "select comment from feedback where comment is not null") == []


@pytest.mark.conforms("found-11", "found-37", "hooks-30", "sec-5", "sec-6")
def test_a_call_is_logged_with_hashes_of_whom_it_was_about(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    call(client, CALLS["order-dispatch"])
    call(client, CALLS["order-dispatch"])
    app.extensions["fhir_massage"].store.close()
    one, two = kept(tmp_path, "select service, rules, patient, reviewed, assertions, request, answer from hook_calls")
    assert one[2] == two[2] and len(one[2]) == 64
    assert json.loads(one[1]) == ["order-performer-not-payable"]
    (assertion,) = json.loads(one[4])
    assert (assertion["covered"], assertion["codes"]) == ("not-covered", ["97140"])
    assert one[5:] in ((None, None), ("null", "null"))
    everything = (tmp_path / "fhir_massage.sqlite").read_bytes()
    for secret in (b"opaque-token-of-the-example", b"ServiceRequest/o1", b"Practitioner/"):
        assert secret not in everything


@pytest.mark.conforms("found-37", "hooks-30")
def test_whole_messages_are_kept_where_the_setting_says_so_but_never_the_token(tmp_path: Path) -> None:
    app = create_app(Settings(data=tmp_path, log_patients="everything", log_comments=True))
    client = app.test_client()
    answer = call(client, CALLS["order-dispatch"])
    client.post(f"{SERVICE}/feedback", json=EXAMPLES["feedback"])
    app.extensions["fhir_massage"].store.close()
    ((patient, asked, answered),) = kept(tmp_path, "select patient, request, answer from hook_calls")
    assert patient == "p1"
    assert json.loads(asked)["context"] == CALLS["order-dispatch"]["context"]
    assert json.loads(answered) == answer
    assert ("The record has it.",) in kept(tmp_path, "select comment from feedback")
    assert b"opaque-token-of-the-example" not in (tmp_path / "fhir_massage.sqlite").read_bytes()


def test_nothing_of_whom_it_was_about_is_kept_where_the_setting_says_so(tmp_path: Path) -> None:
    app = create_app(Settings(data=tmp_path, log_patients="nothing"))
    call(app.test_client(), CALLS["order-dispatch"])
    app.extensions["fhir_massage"].store.close()
    assert kept(tmp_path, "select patient, reviewed from hook_calls") == [(None, "[]")]


@pytest.mark.conforms("dev-24", "dev-25", "resp-4", "resp-10", "resp-11")
def test_a_card_says_in_words_which_order_it_is_about(client: FlaskClient) -> None:
    first, second = (order(code, payer="commercial", visits=None) for code in ("97124", "97140"))
    resource(second, "ServiceRequest")["id"] = "o2"
    drafts = bundle(resource(first, "ServiceRequest"), resource(second, "ServiceRequest"))
    content = {
        "hook": "order-sign",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/a", "patientId": "p1", "draftOrders": drafts},
        "prefetch": {"coverage": {**first, "entry": first["entry"][1:]}},
    }
    about = {
        card["extension"]["davinci-crd.associated-resource"][0]["reference"]: card
        for card in call(client, content)["cards"]
    }
    assert "the order for 97124 (massage therapy)" in about["ServiceRequest/o1"]["detail"]
    assert "the order for 97140 (manual therapy)" in about["ServiceRequest/o2"]["detail"]
    assert {card["source"]["label"] for card in about.values()} == {"Evergreen Mutual Health"}
