"""Counting what an audit found: by rule, payer, provider and month. Tallies of parts add up to that of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from fhir_massage.case.seen import ClaimCase, OrderCase
from fhir_massage.edit.finding import Finding

ZERO = Decimal(0)
#: The month of what has no day.
NO_DATE = "no date"


class Count(msgspec.Struct):
    """How often, on how many claims and orders, and how many dollars are at risk.

    ``certain`` are the findings that have a correction which the claim's own data proves, ``saved`` the
    dollars at risk that those corrections save.
    """

    findings: int = 0
    resources: int = 0
    at_risk: Decimal = ZERO
    certain: int = 0
    saved: Decimal = ZERO

    def add(self, other: Count) -> None:
        """Add another count to this."""
        self.findings += other.findings
        self.resources += other.resources
        self.at_risk += other.at_risk
        self.certain += other.certain
        self.saved += other.saved


Counts = dict[str, Count]


class Tally(msgspec.Struct):
    """What was reviewed and found. Money is in dollars.

    ``copies`` are resources that the input holds once more, in the same or an older version: they count for nothing.
    ``out_of_scope`` are claims that bill nothing of ours; no money of theirs counts.
    ``mixed`` are patients whose copies were born on different days: the input is of several servers.
    """

    claims: int = 0
    orders: int = 0
    out_of_scope: int = 0
    charged: Decimal = ZERO
    with_errors: int = 0
    correct: int = 0
    failed: int = 0
    copies: int = 0
    mixed: int = 0
    at_risk: Decimal = ZERO
    saved: Decimal = ZERO
    severities: dict[str, int] = {}
    rules: Counts = {}
    payers: Counts = {}
    providers: Counts = {}
    months: Counts = {}

    def reviewed(self, case: ClaimCase | OrderCase, findings: Sequence[Finding]) -> None:
        """Count one claim or order with its findings.

        A dollar is at risk once, however many findings threaten it: of a line the most that one puts at risk.
        """
        if isinstance(case, ClaimCase):
            self.claims += 1
            self.charged += _charge(case)
        else:
            self.orders += 1
        serious = [finding for finding in findings if finding.severity != "information"]
        self.with_errors += any(finding.severity == "error" for finding in findings)
        self.correct += not serious
        for finding in findings:
            self.severities[finding.severity] = self.severities.get(finding.severity, 0) + 1
        if not serious:
            return
        whole = _count(case, serious)
        self.at_risk += whole.at_risk
        self.saved += whole.saved
        for finding_rule in {finding.rule for finding in serious}:
            _add(self.rules, finding_rule, _count(case, [each for each in serious if each.rule == finding_rule]))
        _add(self.payers, payer_of(case), whole)
        _add(self.providers, provider_of(case), whole)
        _add(self.months, f"{case.day:%Y-%m}" if case.day else NO_DATE, whole)

    def add(self, other: Tally) -> None:
        """Add the tally of another part to this."""
        for name in (
            "claims",
            "orders",
            "out_of_scope",
            "charged",
            "with_errors",
            "correct",
            "failed",
            "copies",
            "mixed",
            "at_risk",
            "saved",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for severity, number in other.severities.items():
            self.severities[severity] = self.severities.get(severity, 0) + number
        for mine, theirs in (
            (self.rules, other.rules),
            (self.payers, other.payers),
            (self.providers, other.providers),
            (self.months, other.months),
        ):
            for key, count in theirs.items():
                _add(mine, key, count)


def _add(counts: Counts, key: str, count: Count) -> None:
    counts.setdefault(key, Count()).add(count)


def _count(case: ClaimCase | OrderCase, findings: Sequence[Finding]) -> Count:
    sure = [finding for finding in findings if any(correction.certain for correction in finding.corrections)]
    return Count(len(findings), bool(findings), _at_risk(case, findings), len(sure), _at_risk(case, sure))


def _at_risk(case: ClaimCase | OrderCase, findings: Sequence[Finding]) -> Decimal:
    """The dollars that the findings put at risk together: never more than the claim charges."""
    by_place: dict[str, Decimal] = {}
    for finding in findings:
        if finding.at_risk is not None:
            place = finding.expression[0].partition("]")[0]
            by_place[place] = max(by_place.get(place, ZERO), finding.at_risk)
    together = sum(by_place.values(), ZERO)
    charged = _charge(case) if isinstance(case, ClaimCase) else ZERO
    return min(together, charged) if charged else together


def _charge(case: ClaimCase) -> Decimal:
    if case.total is not None:
        return case.total
    return sum((line.charge for line in case.lines if line.charge is not None), ZERO)


def payer_of(case: ClaimCase | OrderCase) -> str:
    """The payer by its title."""
    return case.payer_title if case.payer else "not recognised"


def provider_of(case: ClaimCase | OrderCase) -> str:
    """Who rendered the first line of a claim, or asked for the order, by NPI where known."""
    if isinstance(case, ClaimCase):
        return next((line.provider.key for line in case.lines if line.provider.key), "not named")
    return (case.requester.key if case.requester is not None else None) or "not named"
