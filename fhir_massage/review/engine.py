"""Running the rules over everything that arrived, and proving each correction before it is shown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cached_property, partial
from typing import Any

import msgspec

from fhir_massage.errors import PatchFailed, Unreadable
from fhir_massage.facts.book import Facts, shipped
from fhir_massage.fhir import elements, patch
from fhir_massage.fhir.changes import ClaimChange
from fhir_massage.fhir.claim import claim_case
from fhir_massage.fhir.order import is_in_scope, order_case
from fhir_massage.fhir.read import Arrival, Entry, read, replaced
from fhir_massage.fhir.record import Record
from fhir_massage.fhir.references import Index
from fhir_massage.model.case import ClaimCase, Line, OrderCase
from fhir_massage.model.finding import Correction, Edit, Finding, Found, line_of
from fhir_massage.review.report import Broken, Report
from fhir_massage.rules import Rule, rules_for
from fhir_massage.rules.tools import cite

NOT_REVIEWED = frozenset({"cancelled", "entered-in-error"})

Case = ClaimCase | OrderCase
_DIGITS = re.compile(r"(\d+)")
_MODIFIER = re.compile(r"modifier\[\d+\]")


def review(content: bytes | str | Mapping[str, Any], *, on: date | None = None, facts: Facts | None = None) -> Report:
    """Review a claim, order, Bundle, Parameters or hook request.

    ``on`` is the day of the review (default today), ``facts`` default to the shipped ones. Raises
    ``Unreadable`` where nothing can be read.
    """
    return review_arrival(read(content), on=on or date.today(), facts=facts or shipped())


def review_arrival(
    arrival: Arrival,
    *,
    on: date,
    facts: Facts,
    subjects: Sequence[Entry] | None = None,
    index: Index | None = None,
    sent_to: Mapping[str, elements.Reference] | None = None,
) -> Report:
    """Review what arrived. ``subjects`` are the claims and orders to review, where not all that count.

    ``index`` finds what references mean, where that is more than what arrived. ``sent_to`` says, by an
    order's name, whom it is being sent to, where that is being chosen.
    """
    chosen = sent_to or {}
    index = index or Index(arrival.entries, arrival.unfetched)
    if subjects is None:
        subjects = under_review(arrival.entries, index, facts=facts, on=on)
    record = Record(facts, index, arrival.entries, on)
    reviews = [_Review(facts, index, entry, record, on, sent_to=chosen.get(entry.name)) for entry in subjects]
    findings = [finding for each in reviews for finding in each.proved()]
    findings.sort(key=_order)
    return Report(
        on=on,
        findings=tuple(findings),
        claims=tuple(each.entry.name for each in reviews if each.entry.kind == "Claim"),
        orders=tuple(each.entry.name for each in reviews if each.entry.kind == "ServiceRequest"),
        unread=tuple(arrival.unread),
        broken=tuple(broken for each in reviews for broken in each.broken),
        originals={each.entry.name: each.entry.json for each in reviews},
        cases={each.entry.name: each.case for each in reviews if each.case is not None},
        correct=lambda: {each.entry.name: corrected for each in reviews if (corrected := each.corrected()) is not None},
    )


def reviewed(arrival: Arrival, facts: Facts, on: date) -> list[Entry]:
    """The claims and orders of an arrival that are reviewed where none are chosen."""
    return under_review(arrival.entries, Index(arrival.entries, arrival.unfetched), facts=facts, on=on)


def joined(reports: Sequence[Report], on: date) -> Report:
    """Several reports as one, its findings in their order."""
    findings = [finding for report in reports for finding in report.findings]
    owners = {name: report for report in reports for name in (*report.claims, *report.orders)}
    return Report(
        on=on,
        findings=tuple(sorted(findings, key=_order)),
        claims=tuple(name for report in reports for name in report.claims),
        orders=tuple(name for report in reports for name in report.orders),
        unread=tuple(error for report in reports for error in report.unread),
        broken=tuple(broken for report in reports for broken in report.broken),
        originals={name: partial(report.original, name) for name, report in owners.items()},
        cases={name: case for report in reports for name, case in report.cases.items()},
        correct=lambda: {name: resource for report in reports for name, resource in report.corrected.items()},
    )


def under_review(
    entries: Sequence[Entry], index: Index, *, facts: Facts, on: date, any_claim: bool = False
) -> list[Entry]:
    """The claims and orders that are reviewed, by the rule book's "What is reviewed".

    ``any_claim`` says that a claim came along that is not among the entries.
    """
    claims = [
        entry
        for entry in entries
        if isinstance(entry.resource, elements.Claim) and entry.resource.status not in NOT_REVIEWED
    ]
    referrals = {
        id(index.find(entry.resource.referral, entry))
        for entry in entries
        if isinstance(entry.resource, elements.Claim) and entry.resource.referral is not None
    }
    any_claim = any_claim or any(isinstance(entry.resource, elements.Claim) for entry in entries)
    orders = [
        entry
        for entry in entries
        if isinstance(entry.resource, elements.ServiceRequest)
        and entry.container is None
        and id(entry) not in referrals
        and _is_ordered(entry, entry.resource, any_claim=any_claim)
        and is_in_scope(facts, entry.resource, on)
    ]
    return claims + orders


def _is_ordered(entry: Entry, request: elements.ServiceRequest, *, any_claim: bool) -> bool:
    if entry.path and entry.path[0] in ("context", "prefetch"):
        return entry.path[0] == "context"
    return not any_claim or request.status == "draft"


class _Review:
    """The review of one claim or order."""

    def __init__(
        self,
        facts: Facts,
        index: Index,
        entry: Entry,
        record: Record,
        today: date,
        *,
        origin: Entry | None = None,
        sent_to: elements.Reference | None = None,
    ) -> None:
        """``origin`` is the resource as it came, where ``entry`` is a corrected copy of it."""
        self.facts = facts
        self.sent_to = sent_to
        self.index = index
        self.entry = entry
        self.record = record
        self.origin = origin or entry
        self.today = today
        self.broken: list[Broken] = []
        self.case: Case | None = None

    def proved(self) -> list[Finding]:
        """The findings, each with those of its corrections that hold when applied."""
        return self._proved

    @cached_property
    def _proved(self) -> list[Finding]:
        findings, keys = self._findings()
        if not any(finding.corrections for finding in findings):
            return findings
        before = Counter(keys)
        errors = Counter(key for key, finding in zip(keys, findings, strict=True) if finding.severity == "error")
        return [
            msgspec.structs.replace(
                finding,
                corrections=tuple(c for c in finding.corrections if self._holds(c, key, before, errors)),
            )
            if finding.corrections
            else finding
            for finding, key in zip(findings, keys, strict=True)
        ]

    def corrected(self) -> dict[str, Any] | None:
        """The resource with every certain correction applied; ``None`` where there is none.

        Lines are removed one at a time, because one removal may make another moot. Then corrections of
        different lines go together, and whatever they leave is looked at again.
        """
        current = self
        for _ in range(2 * len(self._findings()[0]) + 8):
            sure = [
                correction
                for finding in sorted(current.proved(), key=_order)
                for correction in finding.corrections[:1]
                if correction.certain
            ]
            if not sure:
                break
            removal = next((c for c in sure if _removes_line(c)), None)
            after = current._try([removal] if removal else _of_different_lines(sure), current)
            if after is None:
                after = current._try([removal or sure[0]], current)
            if after is None:
                break
            current = after
        return None if current is self else current.entry.json()

    def _try(self, corrections: Sequence[Correction], before: _Review) -> _Review | None:
        """The review of the resource with the corrections applied, unless they bring new errors."""
        after = self._after(_together(before.entry.json(), corrections))
        if after is None:
            return None
        return None if after._errors() - before._errors() else after

    def _errors(self) -> Counter[str]:
        findings, keys = self._findings()
        return Counter(key for key, finding in zip(keys, findings, strict=True) if finding.severity == "error")

    def _holds(self, correction: Correction, key: str, before: Counter[str], errors: Counter[str]) -> bool:
        """Whether the correction removes its finding and brings no new error."""
        after = self._after(correction.edits)
        if after is None:
            return False
        findings, keys = after._findings()
        if keys.count(key) >= before[key]:
            return False
        now = Counter(k for k, finding in zip(keys, findings, strict=True) if finding.severity == "error")
        return not now - errors

    def _after(self, edits: Sequence[Edit]) -> _Review | None:
        """The review of a copy with the edits applied; ``None`` where they do not fit."""
        try:
            copies = replaced(self.entry, patch.apply(self.entry.json(), edits))
        except (PatchFailed, Unreadable):
            return None
        # A correction that names another performer is made so that the order is sent to that one.
        sent_to = None if any(edit.path.startswith("/performer") for edit in edits) else self.sent_to
        return _Review(
            self.facts,
            self.index.replacing(self.entry, copies),
            copies[0],
            self.record,
            self.today,
            origin=self.origin,
            sent_to=sent_to,
        )

    def _findings(self) -> tuple[list[Finding], list[str]]:
        """The findings with their corrections unproved, and for each a key that outlives moved lines."""
        return self._found

    @cached_property
    def _found(self) -> tuple[list[Finding], list[str]]:
        findings: list[Finding] = []
        keys: list[str] = []
        if self.entry.kind == "Claim":
            claim = claim_case(self.facts, self.index, self.entry, self.record, self.today, self.origin)
            case: Case = claim
            lines: tuple[Line, ...] = claim.lines
            rules = rules_for("claim")
        else:
            case = order_case(
                self.facts, self.index, self.entry, self.record, self.today, origin=self.origin, sent_to=self.sent_to
            )
            lines = ()
            rules = rules_for("order")
        self.case = case
        for rule in rules:
            try:
                for found in rule.check(case):
                    findings.append(_finding(rule, found, case, lines))
                    keys.append(_key(rule, found, lines))
            except Exception as error:  # a fault in one rule must not lose the others' findings
                self.broken.append(Broken(rule.id, self.entry.name, error))
        return findings, keys


def _finding(rule: Rule, found: Found, case: Case, lines: tuple[Line, ...]) -> Finding:
    severity = found.severity or rule.severity
    return Finding(
        rule=rule.id,
        severity=severity,
        message=found.message,
        expression=(found.element,),
        resource=case.resource,
        denial=found.denial or rule.denial,
        at_risk=None if severity == "information" else _at_risk(found, case, lines),
        citations=found.citations or rule.citations or _cited(case, rule),
        corrections=found.corrections,
        draft=found.draft,
        document=found.document,
    )


def _cited(case: Case, rule: Rule) -> tuple[Any, ...]:
    return cite(case.facts, *case.facts.rule_sources.all(rule.id, case.day or case.today))


def _at_risk(found: Found, case: Case, lines: tuple[Line, ...]) -> Decimal | None:
    """The dollars that would be denied: what the rule says, else the line's charge, else the claim's."""
    if found.at_risk is not None:
        return found.at_risk
    if not isinstance(case, ClaimCase):
        return None
    position = line_of(found.element)
    if position is not None and position < len(lines):
        return _charge(case, lines[position])
    if case.total is not None:
        return case.total
    charges = [_charge(case, line) for line in lines]
    known = [charge for charge in charges if charge is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(charges) else None


def _charge(case: ClaimCase, line: Line) -> Decimal | None:
    """What a line charges in dollars; failing that, the fee of its code for its units."""
    if line.charge is not None:
        return None if line.charge < 0 else line.charge
    if line.code is None or line.day is None:
        return None
    fee = case.facts.fees.find(line.code, line.day)
    return None if fee is None else fee.dollars * int(line.units or 1)


def _key(rule: Rule, found: Found, lines: tuple[Line, ...]) -> str:
    """What tells a finding from others even when lines before it are gone: the line by its sequence."""
    position = line_of(found.element)
    if position is None:
        return f"{rule.id} {found.element}"
    # A modifier that goes moves those after it: what is said of them is the same finding still.
    rest = _MODIFIER.sub("modifier", found.element[found.element.index("]") :])
    return f"{rule.id} {lines[position].sequence or position}{rest}"


def _order(finding: Finding) -> tuple[list[str | int], list[str | int], str]:
    return _natural(finding.resource), _natural(finding.expression[0]), finding.rule


def _natural(text: str) -> list[str | int]:
    """Text for sorting, with numbers by their value."""
    return [int(part) if part.isdigit() else part for part in _DIGITS.split(text)]


# --- certain corrections together -----------------------------------------------------------------------


def _removes_line(correction: Correction) -> bool:
    return any(
        edit.op == "remove" and edit.path.count("/") <= 2 and edit.path.startswith("/item") for edit in correction.edits
    )


def _touched(correction: Correction) -> frozenset[str]:
    """The lines, or other parts of the resource, that a correction changes; the total follows any."""
    touched = {"/".join(edit.path.split("/")[:3]) for edit in correction.edits if edit.path != "/total/value"}
    return frozenset(touched or {"/total"})


def _of_different_lines(corrections: Sequence[Correction]) -> list[Correction]:
    """The first correction of each line: a second one may read the first one's place otherwise."""
    chosen: list[Correction] = []
    taken: set[str] = set()
    for correction in corrections:
        touched = _touched(correction)
        if not touched & taken:
            chosen.append(correction)
            taken |= touched
    return chosen


def _together(resource: dict[str, Any], corrections: Sequence[Correction]) -> list[Edit]:
    """The edits of several corrections at once, with one total for them all."""
    if len(corrections) == 1:
        return list(corrections[0].edits)
    edits = [edit for c in corrections for edit in c.edits if edit.path != "/total/value"]
    if any(edit.path == "/total/value" for c in corrections for edit in c.edits):
        edits += ClaimChange(patch.apply(resource, edits)).total_of_nets()
    return edits
