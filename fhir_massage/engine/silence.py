"""Which rules have something to say on a claim: most have not, and a review remembers that of lines like these.

A clinic bills the same few services to the same few payers day after day. So it is kept, for what
``LOOKED_AT`` names of a line (or of an encounter's lines), which of the rules within it fire. What was never
met before is asked everything, and kept. Nothing that tells of a patient is among that but the diagnoses' codes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from datetime import date
from functools import cache
from operator import attrgetter

import msgspec

from fhir_massage.case.seen import ClaimCase, Encounter, Line
from fhir_massage.rules import LOOKED_AT, Rule, Scope, rules_for, rules_within

#: How many lines and encounters are remembered; what a stranger makes up must not fill the memory.
MOST_REMEMBERED = 20_000

_of_line = attrgetter(*LOOKED_AT["line"])
_of_encounters_line = attrgetter(*[name for name in LOOKED_AT["encounter"] if name not in ("start", "end")])


class Unmet(msgspec.Struct, frozen=True, gc=False):
    """A line or encounter like none before: what was looked at, and the places of its lines in the claim."""

    scope: Scope
    looked_at: Hashable
    places: tuple[int, ...]


def speaking(case: ClaimCase, unmet: list[Unmet]) -> tuple[Rule, ...]:
    """The rules that may find something in the case, in the order of the rule book.

    What was met for the first time is added to ``unmet``, for ``remember`` to learn of it.
    """
    firing = firing_in(case, case.lines, case.encounters, unmet)
    if not firing:
        return rules_within("claim")
    return tuple([rule for rule in rules_for("claim") if rule.within == "claim" or rule.id in firing])


def firing_in(case: ClaimCase, lines: Iterable[Line], encounters: Iterable[Encounter], unmet: list[Unmet]) -> set[str]:
    """The rules on a line that fire on any of these, and those on an encounter that fire on any of these.

    On what is met for the first time any of them may.
    """
    remembered = case.facts.remembered
    firing: set[str] = set()
    for line in lines:
        looked_at: Hashable = (case.today, _facts_of(case, line.day), _of_line(line))
        fires = remembered.get(looked_at)
        if fires is None:
            unmet.append(Unmet("line", looked_at, (line.index,)))
            fires = _ids("line")
        firing |= fires
    for encounter in encounters:
        of_lines = tuple([_of_encounters_line(line) for line in encounter.lines])
        looked_at = (case.today, _facts_of(case, encounter.day), encounter.policy, of_lines, _times(encounter))
        fires = remembered.get(looked_at)
        if fires is None:
            unmet.append(Unmet("encounter", looked_at, tuple([line.index for line in encounter.lines])))
            fires = _ids("encounter")
        firing |= fires
    return firing


def remember(case: ClaimCase, unmet: Iterable[Unmet], told: Iterable[tuple[Rule, int | None]]) -> None:
    """Keep which rules fired on what was met for the first time. ``told`` are all rules that fired, each with its line."""
    fired: dict[tuple[Scope, int | None], set[str]] = {}
    for rule, line in told:
        fired.setdefault((rule.within, line), set()).add(rule.id)
    remembered = case.facts.remembered
    for each in unmet:
        if len(remembered) >= MOST_REMEMBERED:
            remembered.clear()
        here = [fired[each.scope, place] for place in (*each.places, None) if (each.scope, place) in fired]
        remembered[each.looked_at] = frozenset().union(*here) if here else _NONE


def narrowed(case: ClaimCase, lines: tuple[Line, ...], encounters: tuple[Encounter, ...]) -> ClaimCase:
    """The case with just these lines and encounters."""
    return msgspec.structs.replace(case, lines=lines, encounters=encounters, memo={})


_NONE: frozenset[str] = frozenset()


def _facts_of(case: ClaimCase, day: date | None) -> Hashable:
    """What tells the facts of the day from those of others; of the day itself no rule on a line asks more."""
    return None if day is None else case.facts.span_of(day)


def _times(encounter: Encounter) -> Hashable:
    """How the times of the encounter's lines lie to each other: from the first of them, whenever that was."""
    times = [moment for line in encounter.lines for moment in (line.start, line.end)]
    first = next((moment for moment in times if moment is not None), None)
    if first is None:
        return None
    try:
        return tuple([None if moment is None else moment - first for moment in times])
    except TypeError:  # some have a zone and some have none
        return tuple(times)


@cache
def _ids(scope: Scope) -> frozenset[str]:
    return frozenset([rule.id for rule in rules_within(scope)])
