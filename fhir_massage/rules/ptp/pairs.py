"""The code pairs that an encounter makes, and whether the claim shows them apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from fhir_massage.case.seen import ClaimCase, Encounter, Line
from fhir_massage.edit.finding import Denial
from fhir_massage.facts.rows import Pair
from fhir_massage.rules.tools import follows_ncci, listed

BUNDLED = Denial("CO", "236")
#: The rows of ``rule_sources`` under this name say since when a modifier on either line counts.
EITHER_LINE = "ptp-modifier-either-line"
State = Literal["apart", "together", "open"]


class Met(msgspec.Struct, frozen=True):
    """A pair that two lines of an encounter make."""

    pair: Pair
    one: Line
    two: Line
    encounter: Encounter


def pairs(case: ClaimCase, indicator: str) -> Iterator[Met]:
    if "pairs" not in case.memo:
        case.memo["pairs"] = [
            met
            for encounter in case.encounters
            if len(encounter.lines) > 1 and follows_ncci(encounter.policy)
            for met in _met(case, encounter)
        ]
    return (met for met in case.memo["pairs"] if met.pair.indicator == indicator)


def _met(case: ClaimCase, encounter: Encounter) -> Iterator[Met]:
    """The pairs in force that lines of the encounter make: each column-two line with each column-one code."""
    by_code: dict[str, list[Line]] = {}
    for line in encounter.lines:
        if line.code in case.facts.codes_in_pairs:
            by_code.setdefault(str(line.code), []).append(line)
    for one, ones in by_code.items():
        for two, twos in by_code.items():
            pair = case.facts.ptp_pairs.find((one, two), encounter.day) if one != two else None
            if pair is None or pair.indicator == "9":
                continue
            for line in twos:
                yield min((Met(pair, one, line, encounter) for one in ones), key=lambda met: _ease(case, met))


def _ease(case: ClaimCase, met: Met) -> tuple[bool, int]:
    """How little a column-one line stands in the way: of several, the pair is judged by the hardest."""
    state = state_of(met)
    settled = separated(case, met) and not (state == "together" and met.pair.apart == "region")
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


def separated(case: ClaimCase, met: Met) -> bool:
    """Whether a modifier that may break a pair stands where it counts on that date."""
    either = case.facts.rule_sources.find(EITHER_LINE, met.encounter.day) is not None
    modifiers = met.two.modifiers + (met.one.modifiers if either else ())
    for modifier in modifiers:
        row = case.facts.modifiers.find(modifier, met.encounter.day)
        if row is not None and row.ncci:
            return True
    return False


def regions_in_words(regions: frozenset[str]) -> str:
    return listed([region.replace("-", " ") for region in sorted(regions)])
