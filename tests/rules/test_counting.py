"""Units from minutes, against an oracle that tries every allotment and keeps the lawful ones.

The oracle knows nothing of ``counting``: it reads the units of a total from CMS's table of minutes, tries every
way to hand out whole units, and keeps those that the manual's words allow. What matters of a line is its
remainder past whole quarter-hours: all remainders of up to five lines are tried, and that a quarter-hour more
on a line is a unit more of it. Together they prove every combination of 0 to 130 minutes. With
``FHIR_MASSAGE_DEEP=1`` many combinations are tried minute by minute besides.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import combinations, combinations_with_replacement, permutations, product
from random import Random

import pytest

from fhir_massage.rules.units.counting import allot, units_of
from tests.claims import claim, line, reviewed

DEEP = os.environ.get("FHIR_MASSAGE_DEEP") == "1"

#: Pub. 100-04 chapter 5 §20.2: the first minute of each number of units; one more for each 15 after that.
FIRST_MINUTES = (8, 23, 38, 53, 68, 83, 98, 113)


def _units_of_total(minutes: int) -> int:
    first = [*FIRST_MINUTES, *range(FIRST_MINUTES[-1] + 15, minutes + 16, 15)]
    return sum(1 for start in first if minutes >= start)


def _lawful(minutes: tuple[int, ...]) -> frozenset[tuple[int, ...]]:
    """Every allotment that the manual allows: what is left over goes to largest remainders, one each."""
    whole = [len(range(15, each + 1, 15)) for each in minutes]
    rests = [each - 15 * quarters for each, quarters in zip(minutes, whole, strict=True)]
    spare = _units_of_total(sum(minutes)) - sum(whole)
    found = set()
    for chosen in combinations(range(len(minutes)), spare):
        passed_over = [rests[i] for i in range(len(minutes)) if i not in chosen]
        if all(rests[i] >= other for i in chosen for other in passed_over):
            found.add(tuple(quarters + (i in chosen) for i, quarters in enumerate(whole)))
    return frozenset(found)


def _remainders() -> Iterator[tuple[int, ...]]:
    """Remainders of one to five lines; order is another test's."""
    for lines in range(1, 6):
        yield from combinations_with_replacement(range(15), lines)


def test_one_line_by_the_table() -> None:
    for minutes in range(131):
        assert units_of(minutes) == _units_of_total(minutes)
        assert allot("cms", [minutes], [0]) == [_units_of_total(minutes)]


def test_cms_allots_as_the_manual_says_for_every_remainder_of_five_lines() -> None:
    for minutes in _remainders():
        assert tuple(allot("cms", minutes, [0] * len(minutes))) in _lawful(minutes), minutes


def test_a_quarter_hour_more_is_a_unit_more_of_its_line() -> None:
    """What is true of remainders is therefore true of any minutes: 130 are 8 quarter-hours and 10."""
    shifts = {(1, 0, 0, 0, 0), (0, 0, 1, 0, 0), (8, 3, 0, 5, 1)}
    if DEEP:
        shifts |= set(product((0, 1), repeat=5))
    for rests in _remainders():
        base = allot("cms", rests, [0] * len(rests))
        for shift in shifts:
            minutes = [15 * more + rest for more, rest in zip(shift, rests, strict=False)]
            expected = [units + more for units, more in zip(base, shift, strict=False)]
            assert allot("cms", minutes, [0] * len(minutes)) == expected, minutes


@pytest.mark.parametrize("lines", [1, 2, 3] if DEEP else [1, 2])
def test_cms_by_the_minute(lines: int) -> None:
    for minutes in combinations_with_replacement(range(131), lines):
        assert tuple(allot("cms", minutes, [0] * lines)) in _lawful(minutes), minutes


def test_cms_of_five_lines_drawn_by_lot() -> None:
    draw = Random(97140)
    for _ in range(300_000 if DEEP else 2_000):
        minutes = tuple(draw.randint(0, 130) for _ in range(draw.randint(4, 5)))
        assert tuple(allot("cms", minutes, [0] * len(minutes))) in _lawful(minutes), minutes


def test_any_lawful_choice_that_was_billed_is_taken() -> None:
    """Where remainders tie, any choice is right: a claim that made one is answered with the same one."""
    spread = range(15) if DEEP else range(4, 12)
    for lines in range(1, 6):
        for minutes in combinations_with_replacement(spread, lines):
            if len(set(minutes)) == lines:
                continue
            for billed in _lawful(minutes):
                assert tuple(allot("cms", minutes, billed)) == billed, minutes


def test_the_order_of_lines_moves_units_with_their_lines() -> None:
    for minutes in ((7, 8, 20), (14, 29, 3, 8), (23, 7, 7, 9, 12)):
        for order in permutations(minutes):
            assert tuple(allot("cms", order, [0] * len(order))) in _lawful(order)


def test_midpoint_counts_each_line_alone() -> None:
    for minutes in _remainders():
        assert allot("midpoint", minutes, [0] * len(minutes)) == [int(each >= 8) for each in minutes]
    for each in range(131):
        assert allot("midpoint", [each], [9]) == [sum(1 for unit in range(10) if each - 15 * unit >= 8)]


def test_seconds_that_binary_cannot_hold_tie_all_the_same() -> None:
    """20:20 and 5:20 leave the same over; 612, 621 and 147 seconds are 23 minutes, which make two units."""
    assert sum(allot("cms", [612 / 60, 621 / 60, 147 / 60], [1, 1, 0])) == 2
    assert allot("cms", [20 + 20 / 60, 5 + 20 / 60], [1, 1]) == [1, 1]
    assert allot("cms", [20 + 20 / 60, 5 + 20 / 60], [2, 0]) == [2, 0]
    assert units_of(7 + 59 / 60) == 0


@pytest.mark.parametrize(
    ("billed", "said"),
    [
        ((2, 1), set()),
        ((1, 2), set()),
        ((2, 2), {"units-exceed-minutes"}),
        ((1, 1), {"units-below-minutes"}),
        ((3, 0.5), {"units-exceed-minutes", "units-not-whole"}),
    ],
)
def test_a_claim_with_either_choice_of_a_tie_is_silent(billed: tuple[int, int], said: set[str]) -> None:
    """Twice 20 minutes are 40, three units: two of either service and one of the other."""
    lines = [
        line(code, units=units, minutes=20, modifiers=("GP",))
        for code, units in zip(("97110", "97140"), billed, strict=True)
    ]
    report = reviewed(claim(*lines, payer="medicare-part-b"))
    assert {f.rule for f in report.findings if f.rule.startswith("units")} == said
