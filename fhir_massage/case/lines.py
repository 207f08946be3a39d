"""What is read alike of the lines of a claim under review and of the bills that came along."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import islice

from fhir_massage.read import codes, dates, elements
from fhir_massage.read.read import Entry
from fhir_massage.read.references import Index

#: A claim form holds four modifiers a line. So many are looked at.
MOST_MODIFIERS = 12


def modifiers_of(concepts: Sequence[elements.CodeableConcept]) -> tuple[str, ...]:
    """A line's modifiers as they are written on claims, in their order; of more than any line has, the first."""
    return tuple(islice((modifier for concept in concepts for modifier in _modifiers(concept)), MOST_MODIFIERS))


def service_of(item: elements.Item) -> tuple[str | None, tuple[str, ...]]:
    """A line's procedure code, and its modifiers: its own, then those glued to the code."""
    code, glued = codes.procedure(item.product_or_service)
    own = modifiers_of(item.modifier) if item.modifier else ()
    return code, own + glued


def _modifiers(concept: elements.CodeableConcept) -> list[str]:
    coded = [coding.code for coding in concept.coding if coding.code]
    if not coded:
        return [concept.text.strip().upper()] if concept.text and codes.is_modifier_text(concept.text) else []
    # Codings of one concept say one thing in several ways, so a code that stands in it twice is one modifier.
    return list(
        dict.fromkeys(
            coding.code.strip().upper()
            for coding in concept.coding
            if coding.code and codes.is_modifier(coding.system, coding.code)
        )
    )


def day_of(item: elements.Item, index: Index, within: Entry, single_day: date | None) -> date | None:
    """The line's date of service: its own, the start of its period, its encounter's, else the whole bill's ``single_day``."""
    if item.serviced_date is not None:
        return dates.day(item.serviced_date)
    if item.serviced_period is not None and item.serviced_period.start is not None:
        return dates.day(item.serviced_period.start)
    if item.encounter:
        encounter = index.resource(item.encounter[0], within, elements.Encounter)
        day = None if encounter is None else single_day_of(encounter.period)
        return day or single_day
    return single_day


def single_day_of(period: elements.Period | None) -> date | None:
    """The day of a billable period that is of just one, or has a start alone."""
    if period is None:
        return None
    first = dates.day(period.start)
    return first if period.end is None or first == dates.day(period.end) else None
