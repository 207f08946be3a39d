"""Fewer units than the minutes make."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Found
from fhir_massage.rules.registry import visit_rule
from fhir_massage.rules.scopes import Visit
from fhir_massage.rules.tools import confirmed, counted, number
from fhir_massage.rules.units.allotments import RECORD, allotments, minutes_in_all


@visit_rule(
    "units-below-minutes",
    family="units",
    severity="information",
    title="Fewer units than the minutes make",
    topic="limits",
)
def units_below_minutes(visit: Visit) -> Iterator[Found]:
    """Notice units that could have been billed and were not.

    What it checks
    The same count as *units-exceed-minutes*, the other way: a line with fewer units than its minutes
    make under the payer's way of counting.

    Why it is denied
    It is not denied: it is work that is not paid.

    What to do
    If the record documents the minutes, bill the units that they make.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 5, section 20.2; the CPT time rule for
    payers that count by the midpoint.
    """
    counting = visit.policy.counting if visit.policy else None
    for line, allotted in allotments(visit):
        if line.units is None or line.units < 1 or line.units >= allotted:
            continue
        more = visit.change().units(line.index, allotted)
        yield visit.find(
            line,
            "quantity",
            f"{visit.named(line.code)}: {counted(line.units, 'unit')} billed, while its "
            f"{number(line.minutes or 0)} minutes make {counted(allotted, 'unit')}{minutes_in_all(visit)}.",
            confirmed(f"Bill {counted(allotted, 'unit')}", more, RECORD),
            because=(counting,),
        )
