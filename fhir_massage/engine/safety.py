"""What may be called certain: a correction that costs nobody anything which the claim's own data does not prove."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from fhir_massage.case.seen import Line
from fhir_massage.edit.finding import Correction
from fhir_massage.edit.patch import touched_places

#: The modifier that a more precise one (XE, XP, XS, XU) beside it makes needless.
GENERAL = frozenset({"59"})


def made_safe(
    correction: Correction, before: Sequence[Line], after: Sequence[Line], distinct: frozenset[str]
) -> Correction:
    """Return the correction as one to be confirmed where it is called certain and must not be.

    ``before`` and ``after`` are the claim's lines without and with it; ``distinct`` are the modifiers that keep two
    services apart (59, XE, XP, XS, XU). What is charged is what the lines charge: a total may follow them. Never
    certain are removing a line, raising units or a charge, and taking off such a modifier, whose partner may
    be on another claim; only a 59 may go from beside a more precise one.
    """
    if not correction.certain:
        return correction
    needs = next(_risks(before, after, distinct), None)
    return correction if needs is None else msgspec.structs.replace(correction, needs=needs)


def _risks(before: Sequence[Line], after: Sequence[Line], distinct: frozenset[str]) -> Iterator[str]:
    if len(after) < len(before):
        yield "that the service is to be left off this claim"
        return
    for place in touched_places(before, after):
        old, new = before[place], after[place]
        if _more_units(old, new):
            yield "that the record shows the units to be added"
        if _charges_more(old, new):
            yield "that the higher charge is right"
        lost, kept = distinct.intersection(old.modifiers) - set(new.modifiers), distinct.intersection(new.modifiers)
        if lost and not (lost == GENERAL and kept):
            yield "that nothing else of that day, on this claim or another, needs it"


def _more_units(old: Line, new: Line) -> bool:
    """Whether units are raised. Absent ones mean one; a time is no number of units yet."""
    if new.units is None or old.units_given_in_minutes:
        return False
    return new.units > (1 if old.units is None else old.units)


def _charges_more(old: Line, new: Line) -> bool:
    if old.unit_price is not None and new.unit_price is not None and new.unit_price > old.unit_price:
        return True
    if old.charge is None or new.charge is None:
        return False
    return new.charge > old.charge
