"""The units that minutes make, line by line, by the payer's way of counting."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import Number
from fhir_massage.rules.scopes import Visit, VisitLine
from fhir_massage.rules.tools import number
from fhir_massage.rules.units.counting import allot

RECORD = "that the record of the visit documents these minutes"


def allotments(visit: Visit) -> Iterator[tuple[VisitLine, int]]:
    """Each timed line with the units that its payer's way of counting allots, where that is known."""
    if visit.policy is None or visit.policy.counting is None:
        return
    timed = [line for line in visit.lines if visit.is_timed(line)]
    if visit.policy.counting.value == "midpoint":
        timed = [line for line in timed if line.minutes is not None]
    elif any(line.minutes is None for line in timed):
        return
    yield from zip(timed, allotted_units(visit, timed), strict=True)


def allotted_units(visit: Visit, timed: list[VisitLine], minutes: dict[int, Number] | None = None) -> list[int]:
    """The units of each timed line; ``minutes`` by line position replace those of the claim."""
    assert visit.policy is not None and visit.policy.counting is not None
    of_claim = [line.minutes or 0 for line in timed]
    return allot(
        visit.policy.counting.value,
        [minutes.get(line.index, own) for line, own in zip(timed, of_claim, strict=True)] if minutes else of_claim,
        [int(line.units or 0) for line in timed],
    )


def minutes_in_all(visit: Visit) -> str:
    """A few words where other lines' minutes count too."""
    if visit.policy is None or visit.policy.counting is None or visit.policy.counting.value != "cms":
        return ""
    timed = [line for line in visit.lines if visit.is_timed(line)]
    if len(timed) < 2:
        return ""
    return f" (the encounter has {number(sum(line.minutes or 0 for line in timed))} timed minutes in all)"
