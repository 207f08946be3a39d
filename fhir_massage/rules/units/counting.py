"""Counting timed units: minutes into 15-minute units, by the two ways that payers use.

Sources: CMS Pub. 100-04 chapter 5 §20.2 (``cms``); the CPT time rule (``midpoint``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Minutes = int | float
Way = Literal["cms", "midpoint"]
QUARTER = 15
FEWEST = 8
#: Decimals of a minute that count in remainders: minutes with seconds are not exact in binary.
EXACT = 6


def units_of(minutes: Minutes) -> int:
    """The units that minutes make by themselves: whole quarter-hours, and one more from 8 left over."""
    return int((minutes + QUARTER - FEWEST) // QUARTER)


def remainder(minutes: Minutes) -> float:
    """The minutes beyond whole quarter-hours."""
    return round(minutes % QUARTER, EXACT)


def allot(way: Way, minutes: Sequence[Minutes], billed: Sequence[int]) -> list[int]:
    """The units of each line of a session by one way of counting, given the minutes of each; see ``shared``."""
    return shared(minutes, billed) if way == "cms" else [units_of(each) for each in minutes]


def shared(minutes: Sequence[Minutes], billed: Sequence[int], unbilled: Minutes = 0) -> list[int]:
    """The units of each service of a session by the day's total, given the minutes of each.

    Each first gets its whole quarter-hours; the units that are left go one each to the largest remainders.
    ``billed`` breaks ties among equal remainders: any choice is right, so the one that the claim made is taken.
    ``unbilled`` are minutes of the day that stand on no line: they count, and are taken to be of whatever services
    the claim's own choice needs.
    """
    allotted = [int(each // QUARTER) for each in minutes]
    left = units_of(sum(minutes) + unbilled) - sum(allotted)
    by_remainder = sorted(
        (service for service in range(len(minutes)) if remainder(minutes[service])),
        key=lambda service: (-remainder(minutes[service]), billed[service] <= allotted[service], service),
    )
    for service in by_remainder[: max(left, 0)]:
        allotted[service] += 1
    return allotted


def may_have_had_more(service: int, minutes: Sequence[Minutes], billed: Sequence[int]) -> bool:
    """Whether up to two further services that got no unit would make the units of one right.

    None of them has more minutes than that one has beyond its whole quarter-hours.
    """
    further = remainder(minutes[service])
    return any(
        shared([*minutes, *[further] * count], [*billed, *[0] * count])[service] >= billed[service] for count in (1, 2)
    )
