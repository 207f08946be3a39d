"""Changed messages to every door, as ``make fuzz`` sends a million of; and that it would notice a wrong answer."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest
from flask import Response

from fhir_massage import Report
from fuzz import __main__ as fuzz
from fuzz.judge import Judge
from fuzz.messages import messages
from fuzz.mutate import Sent
from fuzz.run import Tally, request, run, send

GOOD = messages()
HOOK = "/cds-services/fhir-massage-order-sign"
BODY = json.dumps(next(each.content for each in GOOD if each.path == HOOK and "extension" not in each.content)).encode()


def test_examples_are_answered_well_as_they_are_and_changed() -> None:
    tally = send(range(400), seed=20261124, good=GOOD)
    assert [(failure.number, failure.reasons) for failure in tally.failures] == []
    assert tally.requests == 400
    assert tally.statuses[200] > 100 and tally.statuses[400] > 20


def test_every_door_and_every_example_has_its_message() -> None:
    assert {each.path for each in GOOD} >= {
        *(f"/cds-services/fhir-massage-{hook}" for hook in ("order-sign", "order-select", "order-dispatch")),
        *("/cds-services/fhir-massage-appointment-book", "/cds-services/fhir-massage-encounter-discharge", "/"),
        *("/fhir/Claim/$validate", "/fhir/ServiceRequest/$validate", "/fhir/Coverage/$validate", "/corrected"),
    }
    assert len({each.source for each in GOOD}) > 20


def test_the_same_number_is_the_same_request() -> None:
    assert request(7, 1, GOOD) == request(7, 1, GOOD) != request(7, 2, GOOD)


def asked(path: str, body: bytes = BODY, **more: object) -> Sent:
    return Sent("POST", path, body, {}, False, (), **more)  # type: ignore[arg-type]


def answered(content: object, status: int = 200, kind: str = "application/json") -> Response:
    return Response(json.dumps(content), status, mimetype=kind)


SILENT = {"cards": []}
WELL = {"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": "informational"}]}
UNREAD = BODY.replace(b'"resourceType": "Claim",', b'"resourceType": "Claim", "item": 3,', 1).replace(
    b'"resourceType": "ServiceRequest",', b'"resourceType": "ServiceRequest", "code": 3,', 1
)


@pytest.mark.parametrize(
    ("sent", "answer", "told"),
    [
        (asked(HOOK), answered({}, 500), "status 500"),
        (asked(HOOK), answered({}, 503), "status 503"),
        (asked(HOOK), answered({}, 400), "refused with application/json"),
        (asked(HOOK), answered({}, 400, "application/fhir+json"), "no OperationOutcome"),
        (asked(HOOK), answered({}, 400, "text/html"), "a page from a door"),
        (asked(HOOK), answered({}, 418), "not described"),
        (asked(HOOK), answered({"cards": [{}]}), "no Cards"),
        (asked(HOOK, b"{"), answered(SILENT), "no JSON was taken"),
        (asked(HOOK, b"[]"), answered(SILENT), "no request to this service"),
        (asked(HOOK, UNREAD), answered(SILENT), "nothing is said"),
        (
            asked("/fhir/Claim/$validate", b'{"resourceType": "Claim", "item": 7}', mistyped=("item",)),
            answered(WELL, kind="application/fhir+json"),
            "nothing is said",
        ),
    ],
)
def test_a_wrong_answer_is_noticed(sent: Sent, answer: Response, told: str) -> None:
    (fault, *_) = Judge().faults(sent, answer)
    assert told in fault


def test_a_good_answer_is_not_taken_for_a_wrong_one() -> None:
    assert Judge().faults(asked(HOOK), answered(SILENT)) == []
    assert Judge().faults(asked("/readyz"), answered({}, 503)) == []


def test_the_command_counts_and_ends_with_zero(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["fuzz", "--requests", "20", "--workers", "1", "--seed", "5"])
    with pytest.raises(SystemExit) as ended:
        fuzz.main()
    assert ended.value.code == 0
    assert "20 requests in" in capsys.readouterr().out


def test_a_run_stops_and_fails_where_much_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"resourceType": "Claim", "item": []}')
    heard: list[int] = []
    tally = run(30, seed=1, workers=1, more=[tmp_path], told=lambda so_far: heard.append(so_far.requests))
    assert (tally.requests, heard[-1], tally.failures) == (30, 30, [])
    assert isinstance(tally, Tally) and tally.slowest > 0


# --- without end ------------------------------------------------------------------------------------------


def claim_of(**parts: object) -> bytes:
    line = {
        "sequence": 1,
        "productOrService": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "97140"}]},
        "servicedDate": "2026-11-02",
        "quantity": {"value": 3},
        "net": {"value": 100.5, "currency": "USD"},
    }
    claim = {"resourceType": "Claim", "id": "c1", "status": "active", "created": "2026-11-03", "item": [line] * 2}
    return json.dumps(
        {**claim, **{key: part(line) if callable(part) else part for key, part in parts.items()}}
    ).encode()


@pytest.mark.parametrize(
    "content",
    [
        claim_of(item=lambda line: [{**line, "sequence": n + 1} for n in range(400)]),
        claim_of(item=lambda line: [{**line, "modifier": [{"coding": [{"code": "GP"}] * 4}] * 12}]),
        claim_of(insurance=[{"sequence": 1, "focal": True, "coverage": {"display": "x"}}] * 99),
        claim_of(careTeam=[{"sequence": 1, "provider": {"reference": "#x"}}] * 20_000),
        claim_of(
            supportingInfo=[{"sequence": 1, "category": {"text": "info"}, "valueQuantity": {"value": 1}}] * 20_000
        ),
    ],
    ids=["lines", "modifiers", "coverages", "care team", "information"],
)
def test_a_claim_of_any_size_that_is_read_is_reviewed_within_bounds(content: bytes) -> None:
    from fhir_massage import review

    started = time.process_time()
    report = review(content)
    # Not a measure of speed, which has its benchmark: unbounded, each of these took minutes.
    assert time.process_time() - started < 20
    assert report.claims == ("Claim/c1",) and report.broken == ()


def reviewed_whole(content: bytes) -> Report:
    from fhir_massage import review

    report = review(content)
    assert report.unread == () and report.broken == ()
    assert len(report.claims) + len(report.orders) == 1
    return report


def test_lines_beyond_what_a_claim_holds_are_counted_and_not_looked_at() -> None:
    report = reviewed_whole(claim_of(item=lambda line: [{**line, "sequence": n + 1} for n in range(5000)]))
    said = [finding.message for finding in report.findings if finding.rule == "claim-form-limit"]
    assert any("4,001 after them were not reviewed" in message for message in said)


@pytest.mark.parametrize("value", [1e30, -1e30, 10**40])
def test_a_number_beyond_any_claims_loses_nothing(value: float) -> None:
    report = reviewed_whole(claim_of(item=lambda line: [{**line, "quantity": {"value": value}}, line]))
    assert any(finding.expression[0].startswith("Claim.item[0].quantity") for finding in report.findings)
    reviewed_whole(claim_of(item=lambda line: [{**line, "net": {"value": value}}]))


def test_an_order_for_any_number_of_performers_is_reviewed() -> None:
    code = {"coding": [{"code": "97124"}]}
    order = {
        "resourceType": "ServiceRequest",
        "id": "s1",
        "code": code,
        "performer": [{"reference": "Practitioner/x"}] * 5000,
    }
    reviewed_whole(json.dumps(order).encode())
