"""Which rules have something to say on a claim: most have not, and a review remembers that of lines like these.

A clinic bills the same few services to the same few payers day after day. So it is kept, for what
``LOOKED_AT`` names of a line (or of an encounter's lines), which of the rules within it fire. Nothing that
tells of a patient is among that but the diagnoses' codes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from operator import attrgetter

import msgspec

from fhir_massage.model.case import ClaimCase, Encounter, Line
from fhir_massage.rules import LOOKED_AT, Rule, rules_for, rules_within

#: How many lines and encounters are remembered; what a stranger makes up must not fill the memory.
MOST_REMEMBERED = 20_000

_of_line = attrgetter(*LOOKED_AT["line"])
_of_encounters_line = attrgetter(*LOOKED_AT["encounter"])


def speaking(case: ClaimCase) -> tuple[Rule, ...]:
    """The rules that may find something in the case, in the order of the rule book."""
    firing = firing_in(case, case.lines, case.encounters)
    if not firing:
        return rules_within("claim")
    return tuple([rule for rule in rules_for("claim") if rule.within == "claim" or rule.id in firing])


def firing_in(case: ClaimCase, lines: Iterable[Line], encounters: Iterable[Encounter]) -> set[str]:
    """The rules on a line that fire on any of these, and those on an encounter that fire on any of these."""
    remembered = case.facts.remembered
    firing: set[str] = set()
    for line in lines:
        seen: Hashable = (case.today, _of_line(line))
        fires = remembered.get(seen)
        if fires is None:
            fires = _remember(seen, narrowed(case, (line,), ()), rules_within("line"))
        firing |= fires
    for encounter in encounters:
        looked_at = tuple([_of_encounters_line(line) for line in encounter.lines])
        seen = (case.today, encounter.day, encounter.policy, looked_at)
        fires = remembered.get(seen)
        if fires is None:
            fires = _remember(seen, narrowed(case, encounter.lines, (encounter,)), rules_within("encounter"))
        firing |= fires
    return firing


def narrowed(case: ClaimCase, lines: tuple[Line, ...], encounters: tuple[Encounter, ...]) -> ClaimCase:
    """The case with just these lines and encounters."""
    return msgspec.structs.replace(case, lines=lines, encounters=encounters, memo={})


def _remember(seen: Hashable, part: ClaimCase, rules: Iterable[Rule]) -> frozenset[str]:
    fires = frozenset(rule.id for rule in rules if _fires(rule, part))
    remembered = part.facts.remembered
    if len(remembered) >= MOST_REMEMBERED:
        remembered.clear()
    remembered[seen] = fires
    return fires


def _fires(rule: Rule, part: ClaimCase) -> bool:
    """Whether the rule finds anything; one that fails is run again, where its failure is told of."""
    try:
        return any(True for _ in rule.check(part))
    except Exception:
        return True
