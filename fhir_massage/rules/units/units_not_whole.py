"""Units are not a whole number above nought."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import ClaimCase, Line
from fhir_massage.edit.finding import Correction, Denial, Found
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.scopes import sessions_of
from fhir_massage.rules.tools import certain, change, confirmed, counted, is_timed, named, number
from fhir_massage.rules.units.allotments import RECORD, units_by_line
from fhir_massage.rules.units.counting import units_of

#: Item 24G of the paper claim has three digits.
MOST_UNITS = 999


@claim_rule(
    "units-not-whole",
    family="units",
    severity="error",
    title="Units are not a whole number above nought",
    denial=Denial("CO", "16"),
)
def units_not_whole(case: ClaimCase) -> Iterator[Found]:
    """Ask for units as a whole number.

    What it checks
    A line whose quantity is nought, negative, a fraction, or given in minutes, or more than the form has digits for. An absent one means one unit, and
    is an error only for a timed service whose minutes make another number.

    Why it is denied
    Units are a required whole number on a professional claim. A line without is sent back as incomplete
    (CO-16).

    What to do
    Give whole units. A quantity in minutes is turned into the units that the minutes make; where they make
    none, the line comes off the claim.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 26, section 10.4, item 24G: days or units.
    """
    for line in case.lines:
        if _is_right(case, line) or line.code is None or not case.facts.is_code_ours(line.code):
            continue
        yield Found(
            f"{line.element}.quantity",
            f"{named(case.facts, line.code, line.day or case.today)}: {_units_in_words(line)}; units must be a whole number from 1 to {MOST_UNITS}.",
            tuple(_whole_units(case, line)),
        )


def _is_right(case: ClaimCase, line: Line) -> bool:
    """Whether the units are whole and above nought. Absent ones mean one, where no minutes say otherwise."""
    if line.units is None:
        one = line.minutes is None or not is_timed(case, line) or units_of(line.minutes) == 1
        return one and not line.units_given_in_minutes
    return 1 <= line.units <= MOST_UNITS and line.units == int(line.units)


def _units_in_words(line: Line) -> str:
    if line.units_given_in_minutes:
        return "the quantity is given as time"
    return "no units are given" if line.units is None else f"{number(line.units)} units are given"


def _whole_units(case: ClaimCase, line: Line) -> Iterator[Correction]:
    for session in () if line.day is None else sessions_of(case, {line.day}):
        allotted = units_by_line(session).get(line.index)
        if allotted is None:
            continue
        if allotted < 1:
            if line.units_given_in_minutes:
                yield certain(
                    f"Remove line {line.index + 1}: its minutes make no unit", change(case).remove(line.index)
                )
            continue
        label = f"Bill {counted(allotted, 'unit')}"
        if line.units_given_in_minutes:
            yield certain(label, change(case).units(line.index, allotted))
        else:
            yield confirmed(label, change(case).units(line.index, allotted), RECORD)
