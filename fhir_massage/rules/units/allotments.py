"""The units that minutes make, line by line, by the payer's way of counting."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import ClaimCase, Encounter, Line, Number
from fhir_massage.rules.tools import is_timed, number
from fhir_massage.rules.units.counting import allot

RECORD = "that the record of the visit documents these minutes"


def allotments(case: ClaimCase) -> list[tuple[Line, int]]:
    """Each timed line with the units that its payer's way of counting allots, where that is known."""
    if "allotments" not in case.memo:
        case.memo["allotments"] = list(_allot_each(case))
    found: list[tuple[Line, int]] = case.memo["allotments"]
    return found


def _allot_each(case: ClaimCase) -> Iterator[tuple[Line, int]]:
    for encounter in case.encounters:
        if encounter.policy is None or encounter.policy.counting is None:
            continue
        timed = [line for line in encounter.lines if is_timed(case, line)]
        if encounter.policy.counting.value == "midpoint":
            timed = [line for line in timed if line.minutes is not None]
        elif any(line.minutes is None for line in timed):
            continue
        yield from zip(timed, allotted_units(encounter, timed), strict=True)


def allotted_units(encounter: Encounter, timed: list[Line], minutes: dict[int, Number] | None = None) -> list[int]:
    """The units of each timed line; ``minutes`` by line position replace those of the claim."""
    assert encounter.policy is not None and encounter.policy.counting is not None
    of_claim = [line.minutes or 0 for line in timed]
    return allot(
        encounter.policy.counting.value,
        [minutes.get(line.index, own) for line, own in zip(timed, of_claim, strict=True)] if minutes else of_claim,
        [int(line.units or 0) for line in timed],
    )


def minutes_in_all(case: ClaimCase, line: Line) -> str:
    """A few words where other lines' minutes count too."""
    if line.policy is None or line.policy.counting is None or line.policy.counting.value != "cms":
        return ""
    others = [
        other for encounter in case.encounters if line in encounter.lines
        for other in encounter.lines if is_timed(case, other)
    ]  # fmt: skip
    if len(others) < 2:
        return ""
    return f" (the encounter has {number(sum(other.minutes or 0 for other in others))} timed minutes in all)"
