"""A hook request: checked, read, and its claims and orders picked out."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from fhir_massage.errors import Unreadable
from fhir_massage.facts.book import Facts
from fhir_massage.fhir import elements
from fhir_massage.fhir.order import is_in_scope
from fhir_massage.fhir.read import Arrival, Entry, parse, read
from fhir_massage.fhir.references import Index
from fhir_massage.hooks.services import Service
from fhir_massage.review.engine import under_review

_WORDS: dict[type, str] = {str: "a string", dict: "an object", list: "an array"}


def read_request(service: Service, content: bytes) -> tuple[Mapping[str, Any], Arrival]:
    """The request and all resources in its context and prefetch.

    Raises ``Unreadable`` naming the field for a request that is not one to this service. Resources of
    another patient in the prefetch, and errors that the EHR put there, are set aside as unread.
    """
    request = parse(content)
    if not isinstance(request, Mapping):
        raise Unreadable("expected a JSON object")
    _check(service, request)
    arrival = read(content)
    _refuse_other_patients(arrival, request["context"].get("patientId"))
    _set_aside_errors(arrival)
    return request, arrival


def subjects(service: Service, context: Mapping[str, Any], arrival: Arrival, *, facts: Facts, on: date) -> list[Entry]:
    """The claims and orders of a request that are reviewed: every claim, and the orders that the hook is about."""
    index = Index(arrival.entries)
    drafts = under_review(arrival.entries, index, facts=facts, on=on)
    if service.orders == "drafts":
        return drafts
    orders = _named(_order_references(service, context, arrival), index, arrival)
    return [entry for entry in drafts if entry.kind == "Claim"] + [
        entry
        for entry in orders
        if isinstance(entry.resource, elements.ServiceRequest) and is_in_scope(facts, entry.resource, on)
    ]


def _order_references(service: Service, context: Mapping[str, Any], arrival: Arrival) -> list[Any]:
    """The references by which the context names its orders."""
    if service.orders == "selected":
        return list(context["selections"])
    if service.orders == "dispatched":
        return list(context["dispatchedOrders"])
    based_on: list[Any] = []
    for entry in arrival.entries:
        if entry.kind == "Appointment" and entry.path[0] == "context":
            given = entry.json().get("basedOn")
            based_on += [e.get("reference") for e in given if isinstance(e, dict)] if isinstance(given, list) else []
    return based_on


def _named(references: Iterable[Any], index: Index, arrival: Arrival) -> list[Entry]:
    """What the references mean, each once."""
    found: dict[int, Entry] = {}
    for address in references:
        if isinstance(address, str) and arrival.entries:
            entry = index.find(elements.Reference(reference=address), arrival.entries[0])
            if entry is not None:
                found[id(entry)] = entry
    return list(found.values())


def _check(service: Service, request: Mapping[str, Any]) -> None:
    if request.get("hook") != service.hook:
        raise Unreadable(f"this service answers the hook '{service.hook}'", place="hook")
    if not _is_uuid(request.get("hookInstance")):
        raise Unreadable("expected a UUID as a string", place="hookInstance")
    if request.get("fhirAuthorization") is not None and not isinstance(request.get("fhirServer"), str):
        raise Unreadable("expected an address, since fhirAuthorization is given", place="fhirServer")
    context = request.get("context")
    if not isinstance(context, Mapping):
        raise Unreadable("expected an object", place="context")
    for field, kind in service.context.items():
        if not isinstance(context.get(field), kind):
            raise Unreadable(f"expected {_WORDS[kind]}", place=f"context.{field}")
    prefetch = request.get("prefetch")
    if prefetch is not None and not isinstance(prefetch, Mapping):
        raise Unreadable("expected an object", place="prefetch")


def _is_uuid(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        uuid.UUID(value)
    except ValueError:
        return False
    return True


def _set_aside_errors(arrival: Arrival) -> None:
    """Set aside the OperationOutcomes that stand in the prefetch where the EHR could not give the data."""
    for entry in arrival.entries:
        if entry.kind == "OperationOutcome" and entry.path[:1] == ("prefetch",):
            arrival.unread.append(Unreadable("the EHR gave an OperationOutcome instead of data", place=entry.place))
    arrival.entries[:] = [entry for entry in arrival.entries if entry.kind != "OperationOutcome"]


def _refuse_other_patients(arrival: Arrival, patient: object) -> None:
    """Set aside prefetched resources that speak of another patient than the context names."""
    if not isinstance(patient, str) or not patient:
        return
    index = Index(arrival.entries)
    wanted = f"Patient/{patient.rsplit('/', 1)[-1]}"
    kept: list[Entry] = []
    for entry in arrival.entries:
        owner = _owner(index, entry.container or entry)
        if not entry.path or entry.path[0] != "prefetch" or owner in (None, wanted):
            kept.append(entry)
        elif entry.container is None:
            arrival.unread.append(Unreadable("it belongs to another patient than the context's", place=entry.place))
    arrival.entries[:] = kept


def _owner(index: Index, entry: Entry) -> str | None:
    """The patient that a resource speaks of, as ``Patient/id``; ``None`` where it speaks of none, or it is not said."""
    resource = entry.resource
    if isinstance(resource, elements.Patient):
        return f"Patient/{resource.id}" if resource.id else None
    reference = None
    if isinstance(resource, elements.Billed | elements.CoverageEligibilityResponse):
        reference = resource.patient
    elif isinstance(resource, elements.Coverage):
        reference = resource.beneficiary
    elif isinstance(resource, elements.ServiceRequest | elements.Condition | elements.Procedure):
        reference = resource.subject
    owner = index.identity(reference, entry)
    return owner if owner is not None and owner.startswith("Patient/") else None
