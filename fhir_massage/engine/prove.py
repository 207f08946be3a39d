"""The review of one claim or order: what the rules find in it, and which corrections hold when applied."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

import msgspec

from fhir_massage.case.claim import ClaimReader
from fhir_massage.case.order import order_case
from fhir_massage.case.record import Record
from fhir_massage.case.seen import ClaimCase, Line, OrderCase
from fhir_massage.edit import patch
from fhir_massage.edit.changes import ClaimChange
from fhir_massage.edit.finding import Correction, Edit, Finding, Found, line_of
from fhir_massage.edit.patch import touched_places
from fhir_massage.engine.ask import Heard, ask, ask_claim
from fhir_massage.engine.effort import Effort, size
from fhir_massage.engine.report import Broken
from fhir_massage.engine.safety import made_safe
from fhir_massage.engine.weigh import severity_of, shown, weighed, words_of
from fhir_massage.errors import PatchFailed, Unreadable
from fhir_massage.facts.book import Facts
from fhir_massage.read import elements
from fhir_massage.read.read import Entry, replaced
from fhir_massage.read.references import Index
from fhir_massage.rules import Rule
from fhir_massage.rules.parts import changed_parts
from fhir_massage.rules.scopes import sessions_of, visit_of
from fhir_massage.rules.tools import cite

Case = ClaimCase | OrderCase
_DIGITS = re.compile(r"(\d+)")
_MODIFIER = re.compile(r"modifier\[\d+\]")


class Told(msgspec.Struct, frozen=True):
    """What a rule found in a case, on which line, and a key for it that outlives moved lines."""

    rule: Rule
    found: Found
    key: str
    line: int | None

    @property
    def is_error(self) -> bool:
        """Whether it is an error."""
        return severity_of(self.rule, self.found) == "error"


class Change(msgspec.Struct, frozen=True):
    """A copy of a claim or order as rules see it, what is no longer found in it, and what is found in its place.

    What is found before and after alike may stand in both, or in neither.
    """

    case: Case
    gone: list[Told]
    come: list[Told]


class Review:
    """The review of one claim or order among all that came along (``record``), on the day ``today``."""

    def __init__(
        self,
        facts: Facts,
        index: Index,
        entry: Entry,
        record: Record,
        today: date,
        *,
        effort: Effort,
        origin: Entry | None = None,
        sent_to: elements.Reference | None = None,
    ) -> None:
        """``origin`` is the resource as it came, where ``entry`` is a corrected copy of it.

        Corrections are proved as far as ``effort`` goes; those beyond it are left out.
        """
        self._effort = effort
        self.facts = facts
        self.sent_to = sent_to
        self.index = index
        self.entry = entry
        self.record = record
        self.origin = origin or entry
        self.today = today
        self.broken: list[Broken] = []
        #: What the rules see.
        self.case: Case
        if entry.kind == "Claim":
            self._reader = ClaimReader(facts, index, entry, record, today, self.origin)
            self.case = self._reader.case()
            self._told = _tell(self.case, ask(self.case, self.broken))
        else:
            self.case = order_case(facts, index, entry, record, today, origin=self.origin, sent_to=sent_to)
            self._told = _tell(self.case, ask(self.case, self.broken))

    def proved(self) -> list[Finding]:
        """The findings, each with those of its corrections that hold when applied."""
        return self._proved if self._told else []

    def corrected(self) -> dict[str, Any] | None:
        """The resource with every certain correction applied; ``None`` where there is none.

        Corrections of different lines go together, and whatever they leave is looked at again. None of them
        removes a line: that is never certain.
        """
        current = self
        for _ in range(2 * len(self.proved()) + 8):
            sure = [
                correction
                for finding in sorted(current.proved(), key=order_of)
                for correction in finding.corrections[:1]
                if correction.certain
            ]
            if not sure:
                break
            after = current._try(_of_different_lines(sure), current) or current._try(sure[:1], current)
            if after is None:
                break
            current = after
        return None if current is self else current.entry.json()

    @cached_property
    def _proved(self) -> list[Finding]:
        return [_finding(told, self.case, self._that_hold(told)) for told in self._told]

    def _that_hold(self, told: Told) -> tuple[Correction, ...]:
        held = [self._held(correction, told.key) for correction in told.found.corrections]
        return tuple([weighed(each, told.found) for each in held if each is not None])

    @cached_property
    def _size(self) -> int:
        return size(self.entry)

    def _held(self, correction: Correction, key: str) -> Correction | None:
        """The correction where it removes its finding and brings no new error, called certain only if that is safe."""
        if self._effort.is_spent():
            return None
        change = self._change(correction.edits)
        if change is None:
            return None
        self._effort.spend(len(change.come), self._size)
        if _count(change.come, key) >= _count(change.gone, key) or _new_errors(change.gone, change.come):
            return None
        if not isinstance(self.case, ClaimCase) or not isinstance(change.case, ClaimCase):
            return correction
        return made_safe(correction, self.case.lines, change.case.lines, self.facts.modifiers_of("distinct"))

    def _try(self, corrections: Sequence[Correction], before: Review) -> Review | None:
        """The review of the resource with the corrections applied, unless they bring new errors."""
        after = self._after(_together(self.entry.json(), corrections))
        return None if after is None or _new_errors(before._told, after._told) else after

    # --- copies with edits applied -------------------------------------------------------------------------

    def _change(self, edits: Sequence[Edit]) -> Change | None:
        """What a copy with the edits applied is, and what is found in it; ``None`` where they do not fit."""
        if isinstance(self.case, ClaimCase):
            try:
                case = self._reader.revised(self.case, patch.apply(self.entry.json(), edits))
            except (PatchFailed, Unreadable):
                return None
            if case is not None:
                return self._change_to(self.case, case)
        after = self._after(edits)
        return None if after is None else Change(after.case, self._told, after._told)

    def _change_to(self, before: ClaimCase, case: ClaimCase) -> Change:
        """The same for a copy that differs in lines and total: on lines and visits that are as they were, none is asked."""
        if len(case.lines) != len(before.lines) or len(case.encounters) != len(before.encounters):
            return Change(case, self._told, _tell(case, ask(case, [])))
        lines = touched_places(before.lines, case.lines)
        places = set(touched_places(before.encounters, case.encounters))
        days = {day for each in (before, case) for line in lines if (day := each.lines[line].day) is not None}
        sessions = sessions_of(case, days)
        of_sessions = {line.index for line in before.lines if line.day in days}
        visits = [*(visit_of(case, case.encounters[place]) for place in sorted(places)), *sessions]
        of_visits = {line.index for place in places for line in case.encounters[place].lines}
        of_visits |= {line.index for place in places for line in before.encounters[place].lines}
        parts = changed_parts(before, case, lines)
        gone = [told for part in ("claim", *parts) for told in self._told_of[part, None]]
        gone += [told for line in lines for told in self._told_of["line", line]]
        gone += [told for line in of_visits for told in self._told_of["visit", line]]
        gone += [told for line in of_sessions for told in self._told_of["session", line]]
        asked = ask_claim(case, [case.lines[line] for line in lines], visits, [], parts=parts)
        return Change(case, gone, _tell(case, asked))

    @cached_property
    def _told_of(self) -> dict[tuple[str, int | None], list[Told]]:
        """What was found, by what its rule gets, and the line where that is not the whole claim."""
        found: dict[tuple[str, int | None], list[Told]] = defaultdict(list)
        for told in self._told:
            scope = "line" if told.rule.scope == "any-line" else told.rule.scope
            found[scope, told.line if scope in ("line", "visit", "session") else None].append(told)
        return found

    def _after(self, edits: Sequence[Edit]) -> Review | None:
        """The review of a copy with the edits applied; ``None`` where they do not fit."""
        try:
            copies = replaced(self.entry, patch.apply(self.entry.json(), edits))
        except (PatchFailed, Unreadable):
            return None
        # A correction that names another performer is made so that the order is sent to that one.
        sent_to = None if any(edit.path.startswith("/performer") for edit in edits) else self.sent_to
        return Review(
            self.facts,
            self.index.replacing(self.entry, copies),
            copies[0],
            self.record,
            self.today,
            effort=self._effort,
            origin=self.origin,
            sent_to=sent_to,
        )


def order_of(finding: Finding) -> tuple[list[str | int], list[str | int], str]:
    """What findings are sorted by: resource, then element, then rule."""
    return _natural(finding.resource), _natural(finding.expression[0]), finding.rule


def _natural(text: str) -> list[str | int]:
    """Text for sorting, with numbers by their value."""
    return [int(part) if part.isdigit() else part for part in _DIGITS.split(text)]


def _tell(case: Case, heard: Iterable[Heard]) -> list[Told]:
    """What rules found in a case, each with its line and a key that outlives moved lines."""
    lines = case.lines if isinstance(case, ClaimCase) else ()
    told: list[Told] = []
    for rule, found in heard:
        position = line_of(found.element)
        told.append(Told(rule, found, _key(rule, found, lines, position), position))
    return told


def _count(told: Iterable[Told], key: str) -> int:
    return sum([each.key == key for each in told])


def _new_errors(before: Iterable[Told], after: Iterable[Told]) -> Counter[str]:
    """The errors that are found afterwards and not before."""
    found = [each.key for each in after if each.is_error]
    return Counter(found) - Counter([each.key for each in before if each.is_error]) if found else Counter()


def _finding(told: Told, case: Case, corrections: tuple[Correction, ...]) -> Finding:
    rule, found = told.rule, told.found
    severity = severity_of(rule, found)
    return Finding(
        rule=rule.id,
        severity=severity,
        message=words_of(rule, found),
        expression=(found.element,),
        resource=case.resource,
        denial=found.denial or rule.denial,
        at_risk=None if severity == "information" else _at_risk(found, case),
        citations=shown(found.citations) or rule.citations or _cited(case, rule, found),
        corrections=corrections,
        draft=found.draft,
        document=found.document,
    )


def _cited(case: Case, rule: Rule, found: Found) -> tuple[Any, ...]:
    """The rule's own sources, on the line's day where the finding is about a line."""
    day = case.day
    position = line_of(found.element)
    if isinstance(case, ClaimCase) and position is not None and position < len(case.lines):
        day = case.lines[position].day
    return cite(case.facts, *case.facts.rule_sources.all(rule.id, day or case.today))


def _at_risk(found: Found, case: Case) -> Decimal | None:
    """The dollars that would be denied: what the rule says, else the line's charge, else the claim's."""
    if found.at_risk is not None:
        return found.at_risk
    if not isinstance(case, ClaimCase):
        return None
    position = line_of(found.element)
    if position is not None and position < len(case.lines):
        return _charge(case, case.lines[position])
    if case.total is not None:
        return case.total
    charges = [_charge(case, line) for line in case.lines]
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


def _key(rule: Rule, found: Found, lines: tuple[Line, ...], position: int | None) -> str:
    """What tells a finding from others even when lines before it are gone: the line by its sequence."""
    if position is None:
        return f"{rule.id} {found.element}"
    # A modifier that goes moves those after it: what is said of them is the same finding still.
    rest = _MODIFIER.sub("modifier", found.element[found.element.index("]") :])
    return f"{rule.id} {lines[position].sequence or position}{rest}"


# --- certain corrections together -----------------------------------------------------------------------


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
