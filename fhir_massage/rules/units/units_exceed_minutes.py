"""More units than the minutes make."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Correction, Denial, Found
from fhir_massage.rules.registry import visit_rule
from fhir_massage.rules.scopes import Visit, VisitLine
from fhir_massage.rules.tools import certain, counted, number
from fhir_massage.rules.units.allotments import allotments, minutes_in_all


@visit_rule(
    "units-exceed-minutes",
    family="units",
    severity="error",
    title="More units than the minutes make",
    topic="limits",
    denial=Denial("CO", "151"),
)
def units_exceed_minutes(visit: Visit) -> Iterator[Found]:
    """Compare the units of timed services with the minutes documented.

    What it checks
    A timed code is billed in units of 15 minutes. Medicare, Medicare Advantage, Medicaid, TRICARE and
    the VA add up all timed minutes of the encounter (8 minutes make 1 unit, 23 make 2, 38 make 3, and
    so on), give each line its whole quarter-hours, and give the units left over to the lines with the
    largest remainders. Other payers count each line by itself: whole quarter-hours, and one more for a
    remainder of 8 minutes or more. The rule fires on a line with more units than that allots.

    Why it is denied
    Units beyond the documented minutes are billed time that was not given. The payer denies them
    (CO-151), or takes them back after a look at the record.

    What to do
    Bill the units that the minutes make. Where the minutes on the claim are wrong, mend them from the
    record instead. A line whose minutes make no unit comes off the claim.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 5, section 20.2; the CPT time rule for
    payers that count by the midpoint.
    """
    counting = visit.policy.counting if visit.policy else None
    for line, allotted in allotments(visit):
        if line.units is None or line.units <= allotted or line.units != int(line.units):
            continue
        yield visit.find(
            line,
            "quantity",
            f"{visit.named(line.code)}: {counted(line.units, 'unit')} billed, but its "
            f"{number(line.minutes or 0)} minutes make {counted(allotted, 'unit')}{minutes_in_all(visit)}.",
            _to_allotted(visit, line, allotted),
            because=(counting,),
            excess=line.units - allotted,
        )


def _to_allotted(visit: Visit, line: VisitLine, allotted: int) -> Correction:
    if allotted == 0:
        return certain(f"Remove line {line.number}", visit.change().remove(line.index))
    return certain(f"Bill {counted(allotted, 'unit')}", visit.change().units(line.index, allotted))
