"""A review ends when the time allowed is used up, and says what it did not look at."""

from __future__ import annotations

import copy

import pytest

from fhir_massage.engine.effort import Allowance
from fhir_massage.engine.report import Report
from fhir_massage.engine.run import review_arrival
from fhir_massage.facts.book import shipped
from fhir_massage.read.read import read
from tests.claims import TODAY, Json, claim, line, resource


def many(count: int) -> Json:
    """So many claims of which each wants a modifier."""
    content = claim(line("97140", units=3, minutes=30), payer="medicare-part-b")
    for number in range(2, count + 1):
        content["entry"].append({"resource": {**copy.deepcopy(resource(content, "Claim")), "id": f"c{number}"}})
    return content


def within(seconds: float, *, a_look: float = 1.0, claims: int = 20) -> Report:
    """The review by a clock that goes on by so much at each look."""
    looks = iter(range(1_000_000))
    allowance = Allowance(seconds, lambda: next(looks) * a_look)
    return review_arrival(read(many(claims)), on=TODAY, facts=shipped(), is_up=allowance.is_up)


def test_with_time_enough_all_is_reviewed() -> None:
    report = within(1e6)
    assert (len(report.claims), report.unread) == (20, ())


@pytest.mark.parametrize("seconds", [1, 10, 30])
def test_what_was_not_reviewed_is_said(seconds: int) -> None:
    report = within(seconds)
    left = 20 - len(report.claims)
    assert 0 < left < 21
    assert f"{left} claims and orders were not reviewed" in str(report.unread[0])
    assert {finding.resource for finding in report.findings} <= set(report.claims)


def test_findings_come_before_proofs() -> None:
    """A claim begun in time keeps its findings, though no correction could be proved any more."""
    report = within(2, claims=1)
    assert report.claims == ("Claim/c1",) and report.findings
    assert not any(finding.corrections for finding in report.findings[1:])
