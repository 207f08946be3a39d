"""Counting timed units: minutes into 15-minute units, by the two ways that payers use.

Sources: CMS Pub. 100-04 chapter 5 §20.2 (``cms``); the CPT time rule (``midpoint``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Minutes = int | float
QUARTER = 15
FEWEST = 8
#: Decimals of a minute that count in remainders: minutes with seconds are not exact in binary.
EXACT = 6


def units_of(minutes: Minutes) -> int:
    """The units that minutes make by themselves: whole quarter-hours, and one more from 8 left over."""
    return int((minutes + QUARTER - FEWEST) // QUARTER)


def allot(way: Literal["cms", "midpoint"], minutes: Sequence[Minutes], billed: Sequence[int]) -> list[int]:
    """The units of each line of one encounter, given its minutes, by the payer's way of counting.

    ``billed`` breaks ties among lines with equal remainders: any choice is right, so the one that the
    claim made is taken.
    """
    if way == "midpoint":
        return [units_of(each) for each in minutes]
    allotted = [int(each // QUARTER) for each in minutes]
    left = units_of(sum(minutes)) - sum(allotted)
    if left <= 0:
        return allotted
    by_remainder = sorted(
        range(len(minutes)),
        key=lambda line: (-round(minutes[line] % QUARTER, EXACT), billed[line] <= allotted[line], line),
    )
    for line in by_remainder[:left]:
        allotted[line] += 1
    return allotted
