"""The code pairs that an encounter makes, and whether the claim shows them apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from fhir_massage.edit.finding import Denial
from fhir_massage.facts.rows import Pair, Row
from fhir_massage.rules.scopes import Visit, VisitLine
from fhir_massage.rules.tools import follows_ncci, listed

BUNDLED = Denial("CO", "236")
#: Modifiers by which a line says that it is not covered.
NOT_COVERED = frozenset({"GY", "GZ"})
#: The rows of ``rule_sources`` under this name say since when a modifier on either line counts.
EITHER_LINE = "ptp-modifier-either-line"
State = Literal["apart", "together", "open"]


class Met(msgspec.Struct, frozen=True):
    """A pair that two lines of a visit make."""

    pair: Pair
    one: VisitLine
    two: VisitLine


def pairs(visit: Visit, indicator: str) -> Iterator[Met]:
    """The pairs in force that lines of the visit make: each column-two line with each column-one code."""
    if len(visit.lines) < 2 or not follows_ncci(visit.policy):
        return
    by_code: dict[str, list[VisitLine]] = {}
    for line in visit.lines:
        # The denial of a line that says that it is not covered comes before any edit.
        if line.code in visit.facts.codes_in_pairs and NOT_COVERED.isdisjoint(line.modifiers):
            by_code.setdefault(str(line.code), []).append(line)
    for one, ones in by_code.items():
        for two, twos in by_code.items():
            pair = visit.facts.ptp_pairs.find((one, two), visit.day) if one != two else None
            if pair is None or pair.indicator != indicator:
                continue
            for line in twos:
                yield min((Met(pair, one, line) for one in ones), key=lambda met: _ease(visit, met))


def because(visit: Visit, met: Met) -> tuple[Row | None, ...]:
    """What a finding on a pair rests on: the pair, and that the payer follows NCCI."""
    return met.pair, None if visit.policy is None else visit.policy.follows_ncci


def _ease(visit: Visit, met: Met) -> tuple[bool, int]:
    """How little a column-one line stands in the way: of several, the pair is judged by the hardest."""
    state = state_of(met)
    settled = separated(visit, met) and not (state == "together" and met.pair.apart == "region")
    return settled, ("together", "open", "apart").index(state)


def state_of(met: Met) -> State:
    """Whether the claim shows the two services apart, together, or neither."""
    one, two = met.one, met.two
    if met.pair.apart == "region" and one.regions & two.regions:
        return "together"
    if met.pair.apart == "region" and one.regions and two.regions and one.all_sites_known and two.all_sites_known:
        return "apart"
    if met.pair.apart == "interval" and one.start and one.end and two.start and two.end:
        if len({moment.tzinfo is None for moment in (one.start, one.end, two.start, two.end)}) > 1:
            return "open"
        if one.end <= one.start or two.end <= two.start:  # such a period says nothing of when it was given
            return "open"
        return "together" if one.start < two.end and two.start < one.end else "apart"
    return "open"


def separated(visit: Visit, met: Met) -> bool:
    """Whether a modifier that may break a pair stands where it counts on that date."""
    either = visit.facts.rule_sources.find(EITHER_LINE, visit.day) is not None
    modifiers = met.two.modifiers + (met.one.modifiers if either else ())
    for modifier in modifiers:
        row = visit.facts.modifiers.find(modifier, visit.day)
        if row is not None and row.ncci:
            return True
    return False


def regions_in_words(regions: frozenset[str]) -> str:
    return listed([region.replace("-", " ") for region in sorted(regions)])
