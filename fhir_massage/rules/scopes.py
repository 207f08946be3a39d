"""What rules on a line and on a visit get: all that they may decide by, and helpers that say what they found.

A rule on the whole claim gets the ``ClaimCase``. The others get less of it, so that the engine knows, from
what it handed over, when a rule has to be asked: a line's rules once for each line that looks alike, and
after a correction only for the lines and visits that it changes.
"""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterator, Mapping, Sequence
from datetime import date, datetime
from operator import attrgetter
from typing import Any

import msgspec

from fhir_massage.case.people import THERAPISTS
from fhir_massage.case.seen import ClaimCase, Diagnosis, Encounter, Line, MinutesFrom, Number
from fhir_massage.edit.changes import ClaimChange, modifier_places
from fhir_massage.edit.finding import Correction, Denial, Found, Severity
from fhir_massage.edit.recoding import recode
from fhir_massage.facts.book import Facts
from fhir_massage.facts.policy import Flag, Policy
from fhir_massage.facts.rows import Row
from fhir_massage.rules.disciplines import DISCIPLINES
from fhir_massage.rules.tools import (
    certain,
    change,
    cite,
    confirmed,
    flag_for,
    named,
    part_of_charge,
    without_modifiers,
)


class AnyLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A claim line, with or without a code, a day and a policy.

    ``payer`` is the payer's title. ``professions`` are those that the record of who rendered it names;
    ``claim_diagnoses`` are all of the claim's. ``supervised`` says of an assistant's line whether a therapist of the
    discipline is on the claim too, ``ours`` whether its service is ours to judge.
    """

    facts: Facts
    payer: str
    code: str | None
    day: date | None
    policy: Policy | None
    modifiers: tuple[str, ...]
    professions: tuple[str, ...]
    pointers: tuple[int, ...]
    claim_diagnoses: tuple[Diagnosis, ...]
    place_of_service: str | None
    of_other_system: bool
    ours: bool
    supervised: bool
    _case: ClaimCase
    _line: Line

    @property
    def profession(self) -> str | None:
        """The profession, where the record names exactly one."""
        return self.professions[0] if len(self.professions) == 1 else None

    @property
    def diagnoses(self) -> tuple[Diagnosis, ...]:
        """The diagnoses that the line points at."""
        known = {each.sequence: each for each in self.claim_diagnoses if each.sequence is not None}
        return tuple([known[pointer] for pointer in self.pointers if pointer in known])

    @property
    def number(self) -> int:
        """The line's number for people, counted from one. For words only."""
        return self._line.index + 1

    @property
    def named(self) -> str:
        """The line's code with our words for it: ``97140 (manual therapy)``."""
        return named(self.facts, self.code, self.day or self._case.today)

    @property
    def change(self) -> LineChange:
        """A new change to this line."""
        return LineChange(self._case, self._line)

    def find(
        self,
        element: str,
        words: str,
        *corrections: Correction,
        because: Sequence[Row | None] = (),
        severity: Severity | None = None,
        denial: Denial | None = None,
    ) -> Found:
        """Say what was found at an element of the line (``""`` for the line itself).

        ``because`` are the rows that the finding rests on; without them, the rule's own sources are cited.
        """
        place = f"{self._line.element}.{element}" if element else self._line.element
        return Found(place, words, corrections, cite(self.facts, *because), severity=severity, denial=denial)

    def find_modifier(self, place: int, words: str, *corrections: Correction) -> Found:
        """The same at the modifier at a place among all that the line has."""
        return self.find(f"modifier[{_concept_of(self._item, place)}]", words, *corrections)

    def find_renderer(self, words: str, *, because: Sequence[Row | None], denial: Denial | None = None) -> Found:
        """The same where the line names who rendered it, or else at the line itself."""
        element = "careTeamSequence" if "careTeamSequence" in self._item else ""
        return self.find(element, words, because=because, denial=denial)

    def certain(self, label: str, change: LineChange) -> Correction:
        """A correction that the claim's own data proves."""
        return certain(label, change.of_claim)

    def if_confirmed(self, label: str, change: LineChange, needs: str) -> Correction:
        """A correction that a person must confirm first."""
        return confirmed(label, change.of_claim, needs)

    @property
    def _item(self) -> Mapping[str, Any]:
        item: Mapping[str, Any] = self._case.read_json()["item"][self._line.index]
        return item


class BilledLine(AnyLine, frozen=True, kw_only=True, gc=False):
    """A claim line with a code, on a day for which the payer's policy is known."""

    code: str
    day: date
    policy: Policy

    def asks(self, flag: Flag | None) -> Flag | None:
        """The policy's flag, where it is set and speaks of this line."""
        return flag_for(flag, self.code, self.profession)


class LineChange:
    """Collects changes to one line of a claim."""

    def __init__(self, case: ClaimCase, line: Line) -> None:
        self._case = case
        self._line = line
        self.of_claim = change(case)

    def remove(self) -> LineChange:
        """Take the line off the claim."""
        self.of_claim.remove(self._line.index)
        return self

    def code(self, code: str) -> LineChange:
        """Bill another procedure code."""
        recode(self.of_claim, self._case.read_json(), self._line.index, code)
        return self

    def add_modifier(self, modifier: str) -> LineChange:
        """Put a modifier after those that the line has."""
        self.of_claim.add_modifier(self._line.index, modifier)
        return self

    def change_modifier(self, modifier: str, other: str) -> LineChange:
        """Put another modifier in the place of one that the line has."""
        self.of_claim.change_modifier(self._line.index, self._line.modifiers.index(modifier), other)
        return self

    def drop_modifiers(self, places: Sequence[int]) -> LineChange:
        """Take the modifiers at these places among all that the line has off it."""
        self.of_claim = without_modifiers(self._case, self._line, list(places))
        return self

    def drop_modifier(self, modifier: str) -> LineChange:
        """Take a modifier off the line, wherever it stands."""
        return self.drop_modifiers([place for place, each in enumerate(self._line.modifiers) if each == modifier])

    def point_in_order(self, pointers: Sequence[int]) -> LineChange:
        """Point the line at these diagnoses, in this order."""
        self.of_claim.put(self._line.index, "/diagnosisSequence", list(pointers))
        return self

    def point_at(self, diagnosis: Diagnosis) -> LineChange:
        """Point the line at one of the claim's diagnoses, besides those that it points at."""
        if self._line.pointers:
            self.of_claim.put(self._line.index, "/diagnosisSequence/-", diagnosis.sequence)
        else:
            self.of_claim.put(self._line.index, "/diagnosisSequence", [diagnosis.sequence])
        return self


class VisitLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line of a visit; its fields are those of ``Line``."""

    index: int
    code: str | None
    modifiers: tuple[str, ...]
    units: Number | None
    minutes: Number | None
    minutes_from: MinutesFrom | None
    start: datetime | None
    end: datetime | None
    regions: frozenset[str]
    all_sites_known: bool
    hints: frozenset[str]

    @property
    def number(self) -> int:
        """The line's number for people, counted from one."""
        return self.index + 1


class Visit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An encounter: the lines of one patient, day and rendering provider. ``payer`` is the payer's title."""

    facts: Facts
    payer: str
    day: date
    policy: Policy | None
    lines: tuple[VisitLine, ...]
    _case: ClaimCase

    def named(self, code: str | None) -> str:
        """A code with our words for it on the day: ``97140 (manual therapy)``."""
        return named(self.facts, code, self.day)

    def is_timed(self, line: VisitLine) -> bool:
        """Whether the line's code is counted in 15-minute units."""
        return line.code is not None and self.facts.timed_codes.find(line.code, self.day) is not None

    def change(self) -> ClaimChange:
        """A new change to the visit's lines."""
        return change(self._case)

    def item(self, line: VisitLine) -> Mapping[str, Any]:
        """A line of the visit as the claim has it, for a correction to be made on."""
        item: Mapping[str, Any] = self._case.read_json()["item"][line.index]
        return item

    def whole(self, line: VisitLine) -> Line:
        """A line of the visit with all that was read of it, for a correction to be made on."""
        return self._case.lines[line.index]

    def information(self) -> Sequence[Mapping[str, Any]]:
        """The claim's supporting information, for a correction to be made on."""
        found: Sequence[Mapping[str, Any]] = self._case.read_json().get("supportingInfo", [])
        return found

    def without_modifiers(self, line: VisitLine, places: Sequence[int]) -> ClaimChange:
        """The line without the modifiers at these places among all that it has."""
        return without_modifiers(self._case, self.whole(line), list(places))

    def find(
        self,
        line: VisitLine,
        element: str,
        words: str,
        *corrections: Correction,
        because: Sequence[Row | None] = (),
        excess: Number | None = None,
        severity: Severity | None = None,
    ) -> Found:
        """Say what was found at an element of one of the lines (``""`` for the line itself).

        ``because`` are the rows that the finding rests on; without them, the rule's own sources are cited.
        ``excess`` are the units whose share of the charge is at risk, where not all of the line is.
        """
        whole = self.whole(line)
        place = f"{whole.element}.{element}" if element else whole.element
        at_risk = None if excess is None else part_of_charge(whole, excess)
        return Found(place, words, corrections, cite(self.facts, *because), at_risk, severity)


class Session(Visit, frozen=True, kw_only=True, gc=False):
    """The lines of one patient, day and discipline, whoever rendered them: what CMS counts timed minutes of.

    ``discipline`` is GP, GO or GN by modifier, else by profession. ``said_minutes`` are the timed minutes of the day
    that the claim says besides those of its lines.
    """

    discipline: str | None
    said_minutes: Number | None


def _shown(kind: type[AnyLine] | type[Visit]) -> attrgetter[Hashable]:
    """All that such a thing shows to its rules, so all that they can decide by."""
    return attrgetter(*[name for name in kind.__struct_fields__ if not name.startswith("_")])


_of_line = _shown(AnyLine)
_of_visit = _shown(Visit)
_of_session = _shown(Session)


def decides_by(seen: AnyLine | Visit) -> Hashable:
    """All that rules on a line or visit can decide by, as a key to remember them by."""
    if isinstance(seen, Session):
        return _of_session(seen)
    return _of_visit(seen) if isinstance(seen, Visit) else _of_line(seen)


def line_of(case: ClaimCase, line: Line) -> AnyLine:
    """A claim line as its rules see it: a ``BilledLine`` where code, day and policy are known."""
    billed = line.code is not None and line.day is not None and line.policy is not None
    kind = BilledLine if billed else AnyLine
    return kind(
        facts=case.facts,
        payer=case.payer_title,
        code=line.code,  # type: ignore[arg-type]
        day=line.day,  # type: ignore[arg-type]
        policy=line.policy,  # type: ignore[arg-type]
        modifiers=line.modifiers,
        professions=line.provider.professions,
        pointers=line.pointers,
        claim_diagnoses=case.diagnoses,
        place_of_service=line.place_of_service,
        of_other_system=line.of_other_system,
        ours=line.code is None or case.facts.is_code_ours(line.code),
        supervised=_is_supervised(case, line),
        _case=case,
        _line=line,
    )


def _is_supervised(case: ClaimCase, line: Line) -> bool:
    therapist = THERAPISTS.get(line.provider.profession or "")
    return therapist is not None and any(provider.profession == therapist for provider in case.providers)


def visits_of(case: ClaimCase) -> Iterator[Visit]:
    """The visits of a claim as their rules see them."""
    for each in case.encounters:
        yield visit_of(case, each)


def visit_of(case: ClaimCase, encounter: Encounter) -> Visit:
    """An encounter as the rules on visits see it."""
    return Visit(
        facts=case.facts,
        payer=case.payer_title,
        day=encounter.day,
        policy=encounter.policy,
        lines=tuple([_visit_line(line) for line in encounter.lines]),
        _case=case,
    )


def sessions_of(case: ClaimCase, days: Container[date] | None = None) -> list[Session]:
    """The sessions of a claim as their rules see them; only those of the ``days``, where they are given."""
    by_day: dict[date, list[Line]] = {}
    for line in case.lines:
        if line.day is not None and (days is None or line.day in days):
            by_day.setdefault(line.day, []).append(line)
    return [session for day, lines in by_day.items() for session in _sessions_of_day(case, day, lines)]


def _sessions_of_day(case: ClaimCase, day: date, lines: list[Line]) -> Iterator[Session]:
    groups: dict[str | None, list[Line]] = {}
    for line in lines:
        groups.setdefault(discipline_of(case.facts, line.modifiers, line.provider.profession), []).append(line)
    if len(groups) == 2 and None in groups:  # a line whose discipline is not told is of the only one of that day
        groups = {next(each for each in groups if each is not None): lines}
    for discipline, of_group in groups.items():
        yield Session(
            facts=case.facts,
            payer=case.payer_title,
            day=day,
            policy=of_group[0].policy,
            lines=tuple([_visit_line(line) for line in of_group]),
            discipline=discipline,
            said_minutes=case.said_minutes,
            _case=case,
        )


def discipline_of(facts: Facts, modifiers: Sequence[str], profession: str | None) -> str | None:
    """The discipline (GP, GO or GN) of a line: by its modifier, else by who rendered it."""
    said = facts.modifiers_of("therapy").intersection(modifiers)
    if len(said) == 1:
        return next(iter(said))
    return None if profession is None else DISCIPLINES.get(profession)


def _visit_line(line: Line) -> VisitLine:
    return VisitLine(
        index=line.index,
        code=line.code,
        modifiers=line.modifiers,
        units=line.units,
        minutes=line.minutes,
        minutes_from=line.minutes_from,
        start=line.start,
        end=line.end,
        regions=line.regions,
        all_sites_known=line.all_sites_known,
        hints=line.hints,
    )


def _concept_of(item: Mapping[str, Any], place: int) -> int:
    """Which of a line's modifier elements holds the modifier at a place: one may have several codings."""
    places = modifier_places(item)
    return places[place][0] if place < len(places) else place
