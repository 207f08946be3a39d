"""The system actions of a hook: each order in scope with what its payer says of it (Da Vinci CRD)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from fhir_massage.engine.coverage import Assertion, assertions, ordered
from fhir_massage.facts.book import Facts
from fhir_massage.hooks.configuration import Configuration
from fhir_massage.hooks.request import Booked
from fhir_massage.hooks.services import Service
from fhir_massage.present.coverage_information import annotated
from fhir_massage.read import elements
from fhir_massage.read.read import Arrival, Entry

Json = dict[str, Any]


class Annotations(msgspec.Struct, frozen=True):
    """System actions, and the assertions that they make, by id."""

    actions: tuple[Json, ...] = ()
    made: dict[str, Assertion] = {}


def annotate(
    service: Service,
    configuration: Configuration,
    orders: Sequence[Entry],
    booked: Sequence[Booked],
    arrival: Arrival,
    *,
    facts: Facts,
    on: date,
    sent_to: Mapping[str, elements.Reference],
    failed: bool,
    new_id: Callable[[], str],
) -> Annotations:
    """An update of each order and booked appointment that says something new.

    An order is updated whole; only its answers on coverage differ. One that does not say which it is (it has no
    id) cannot be updated. ``failed`` says that data was asked of the EHR and could not be had.
    """
    if not service.annotates or not configuration.wants_coverage_information:
        return Annotations()
    targets = [*orders, *(booking.appointment for booking in booked)]
    entries = [*arrival.entries, *(booking.order for booking in booked)]
    all_orders = ordered(
        [*orders, *(booking.order for booking in booked)],
        entries,
        facts=facts,
        on=on,
        sent_to=sent_to,
        unfetched=arrival.unfetched,
    )
    actions: list[Json] = []
    made: dict[str, Assertion] = {}
    for target, order in zip(targets, all_orders, strict=True):
        if not target.resource.id:
            continue
        said = annotated(
            target.json(),
            assertions(order, all_orders, failed=failed),
            on=on,
            version=configuration.version,
            documentation=service.primary,
            new_id=new_id,
        )
        if said is not None:
            actions.append(
                {"type": "update", "description": f"What the payer says of {target.name}", "resource": said.resource}
            )
            made |= said.made
    return Annotations(tuple(actions), made)
