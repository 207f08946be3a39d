"""Fewer units than the minutes make."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Found
from fhir_massage.rules.registry import session_rule
from fhir_massage.rules.scopes import Session
from fhir_massage.rules.tools import confirmed, counted, number
from fhir_massage.rules.units.allotments import RECORD, Allotment, by_line, by_total, minutes_in_all, way_of


@session_rule(
    "units-below-minutes",
    family="units",
    severity="information",
    title="Fewer units than the minutes make",
    topic="limits",
)
def units_below_minutes(session: Session) -> Iterator[Found]:
    """Notice units that could have been billed and were not.

    What it checks
    The same count as *units-exceed-minutes*, the other way: a service with fewer units than its minutes
    make under the payer's way of counting, never so many more that they exceed what the day's minutes make.

    Why it is denied
    It is not denied: it is work that is not paid.

    What to do
    If the record documents the minutes, bill the units that they make.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 5, section 20.2; the CPT time rule for
    payers that count by the midpoint.
    """
    counting = session.policy.counting if session.policy else None
    for allotment, short in _short(session):
        line = min(allotment.lines, key=lambda each: (int(each.units or 0) * 15 - (each.minutes or 0), each.index))
        more = session.change().units(line.index, int(line.units or 0) + short)
        yield session.find(
            line,
            "quantity",
            f"{session.named(line.code)}: {counted(allotment.billed, 'unit')} billed, while its "
            f"{number(allotment.minutes)} minutes make {counted(allotment.units, 'unit')}{minutes_in_all(session)}.",
            confirmed(f"Bill {counted(int(line.units or 0) + short, 'unit')}", more, RECORD),
            because=(counting,),
        )


def _short(session: Session) -> Iterator[tuple[Allotment, int]]:
    """The services with fewer units than their minutes make, and by how many, as far as the whole day's minutes go.

    A payer whose way of counting is not known is held to what both ways agree on.
    """
    total, alone = by_total(session), by_line(session)
    way = way_of(session.policy)
    if session.policy is None or (way is None and not total):
        return
    at_least = {each.line.index: each.units for each in alone} if way is None else {}
    room = None if way == "midpoint" else sum(each.units for each in total) - sum(each.billed for each in total)
    for allotment in alone if way == "midpoint" else total:
        if any(line.units is None or line.units < 1 or line.units != int(line.units) for line in allotment.lines):
            continue
        made = (
            min(allotment.units, sum(at_least[line.index] for line in allotment.lines)) if at_least else allotment.units
        )
        short = made - allotment.billed if room is None else min(made - allotment.billed, room)
        if short > 0:
            room = None if room is None else room - short
            yield allotment, short
