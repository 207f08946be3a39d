"""Cutting units back to a limit."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Correction
from fhir_massage.rules.scopes import Visit, VisitLine
from fhir_massage.rules.tools import confirmed, counted


def at_most(visit: Visit, lines: list[VisitLine], limit: int, needs: str) -> Iterator[Correction]:
    """The last lines cut back until the limit is kept."""
    cut = visit.change()
    left = limit
    for line in lines:
        if line.units is None or line.units <= 0:
            continue
        if left <= 0:
            cut.remove(line.index)
        elif line.units > left:
            cut.units(line.index, left)
        left -= int(line.units)
    yield confirmed(f"Bill {counted(limit, 'unit')} in all", cut, needs)
