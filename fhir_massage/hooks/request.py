"""A hook request: checked, read, and its claims and orders picked out."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import msgspec

from fhir_massage.case.appointment import as_order, orders_behind, performers_of
from fhir_massage.case.scope import order_is_ours
from fhir_massage.engine.run import under_review
from fhir_massage.errors import NotAtHand, NotFetched, Unreadable
from fhir_massage.facts.book import Facts
from fhir_massage.hooks.prefetch import failed
from fhir_massage.hooks.services import Field, Service
from fhir_massage.read import elements
from fhir_massage.read.plain import refuse_what_cannot_be_kept
from fhir_massage.read.read import Arrival, Entry, objects, parse, read
from fhir_massage.read.references import Index, tail

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_REFERENCE = re.compile(r"(https?://\S+/)?[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}(/_history/[A-Za-z0-9\-.]{1,64})?")


def read_request(service: Service, content: bytes) -> tuple[Mapping[str, Any], Arrival]:
    """The request and all resources in its context and prefetch.

    Raises ``Unreadable`` naming the field for a request that is not one to this service. Resources of
    another patient in the prefetch, and errors that the EHR put there, are set aside as unread.
    """
    request = parse(content)
    if not isinstance(request, Mapping):
        raise Unreadable("expected a JSON object")
    refuse_what_cannot_be_kept(content, request)
    _check(service, request)
    arrival = read(content)
    _refuse_other_patients(arrival, request["context"]["patientId"])
    _set_aside_errors(arrival)
    return request, arrival


def take_in(request: Mapping[str, Any], arrival: Arrival, fetched: Arrival) -> None:
    """Add what was fetched to what came, held to the same: what is another patient's is set aside."""
    _refuse_other_patients(fetched, request["context"]["patientId"])
    _set_aside_errors(fetched)
    arrival.extend(fetched)


# --- what the request is about ------------------------------------------------------------------------


class Booked(msgspec.Struct, frozen=True):
    """An appointment for our services that is based on no order, with the order that it amounts to."""

    appointment: Entry
    order: Entry


def subjects(service: Service, context: Mapping[str, Any], arrival: Arrival, *, facts: Facts, on: date) -> list[Entry]:
    """The claims and orders of a request that are reviewed: the claims, and the orders that the hook is about."""
    index = Index(arrival.entries)
    drafts = under_review(arrival.entries, index, facts=facts, on=on)
    if service.orders == "drafts":
        return drafts
    claims = [entry for entry in drafts if entry.kind == "Claim"]
    if service.orders == "none":
        return [claim for claim in claims if _is_of_encounter(claim, context.get("encounterId"))]
    orders = _named(order_references(service, context, arrival), index, arrival)
    return claims + [
        entry
        for entry in orders
        if isinstance(entry.resource, elements.ServiceRequest) and order_is_ours(facts, entry.resource, on)
    ]


def bookings(service: Service, arrival: Arrival, *, facts: Facts, on: date) -> list[Booked]:
    """The appointments for massage or manual therapy that are based on no order."""
    if service.orders != "booked":
        return []
    found = []
    for appointment in _appointments(arrival):
        order = None if orders_behind(appointment) else as_order(appointment)
        if order is None or not isinstance(order.resource, elements.ServiceRequest):
            continue
        if order_is_ours(facts, order.resource, on):
            found.append(Booked(appointment, order))
    return found


def sent_to(
    service: Service, context: Mapping[str, Any], orders: Iterable[Entry], arrival: Arrival
) -> dict[str, elements.Reference]:
    """Whom each order is being sent to, by its name.

    An order that is dispatched goes to the owner of its task, else to the performer of the context; one that
    is booked, to who takes part in the appointment.
    """
    chosen: dict[str, str] = {}
    if service.orders == "dispatched":
        chosen = {order.name: context["performer"] for order in orders if order.kind == "ServiceRequest"}
        for task in context.get("fulfillmentTasks", ()):
            focus, owner = (_reference_in(task.get(part)) for part in ("focus", "owner"))
            if focus is not None and owner is not None and tail(focus) in chosen:
                chosen[tail(focus)] = owner
    if service.orders == "booked":
        for appointment in _appointments(arrival):
            for performer in performers_of(appointment)[:1]:
                chosen |= {tail(order): performer for order in orders_behind(appointment)}
    return {name: elements.Reference(reference=reference) for name, reference in chosen.items()}


def require_data(service: Service, request: Mapping[str, Any], arrival: Arrival, reviewed: Iterable[object]) -> None:
    """Raise ``NotAtHand`` where nothing can be said: what is reviewed was neither sent nor can be fetched."""
    key = service.needed
    if key is None or any(True for _ in reviewed) or key in (request.get("prefetch") or {}):
        return
    if isinstance(request.get("fhirServer"), str) and not failed(arrival):
        return
    if service.orders == "none":
        lacking = not any(entry.kind == "Claim" for entry in arrival.entries)
    else:
        index = Index(arrival.entries)
        named = [r for r in order_references(service, request["context"], arrival) if "ServiceRequest/" in r]
        lacking = any(not _named([reference], index, arrival) for reference in named)
    if lacking:
        raise NotAtHand("it was not sent, and there is no FHIR server to fetch it from", place=f"prefetch.{key}")


def order_references(service: Service, context: Mapping[str, Any], arrival: Arrival) -> list[str]:
    """The references by which the context names its orders."""
    if service.orders == "selected":
        return list(context["selections"])
    if service.orders == "dispatched":
        return list(context["dispatchedOrders"])
    return [reference for appointment in _appointments(arrival) for reference in orders_behind(appointment)]


def _appointments(arrival: Arrival) -> list[Entry]:
    return [entry for entry in arrival.entries if entry.kind == "Appointment" and entry.path[0] == "context"]


def _named(references: Iterable[str], index: Index, arrival: Arrival) -> list[Entry]:
    """What the references mean, each once."""
    found: dict[int, Entry] = {}
    for address in references:
        entry = index.find(elements.Reference(reference=address), arrival.entries[0]) if arrival.entries else None
        if entry is not None:
            found[id(entry)] = entry
    return list(found.values())


def _is_of_encounter(claim: Entry, encounter: object) -> bool:
    """Whether a claim is of that encounter, or does not say of which it is."""
    named = {
        tail(reference)
        for item in objects(claim.json().get("item"))
        for each in objects(item.get("encounter"))
        if (reference := _reference_in(each)) is not None
    }
    return not named or f"Encounter/{encounter}" in named


def _reference_in(value: object) -> str | None:
    reference = value.get("reference") if isinstance(value, Mapping) else None
    return reference if isinstance(reference, str) else None


# --- whether it is a request to this service ------------------------------------------------------------


def _check(service: Service, request: Mapping[str, Any]) -> None:
    if request.get("hook") != service.hook:
        raise Unreadable(f"this service answers the hook '{service.hook}'", place="hook")
    if not _is_uuid(request.get("hookInstance")):
        raise Unreadable("expected a UUID as a string", place="hookInstance")
    _check_access(request)
    context = request.get("context")
    if not isinstance(context, Mapping):
        raise Unreadable("expected an object", place="context")
    for name, field in service.context.items():
        if name in context or field.required:
            _check_field(field, context.get(name), f"context.{name}")
    prefetch = request.get("prefetch")
    if prefetch is not None and not isinstance(prefetch, Mapping):
        raise Unreadable("expected an object", place="prefetch")


def _check_access(request: Mapping[str, Any]) -> None:
    server = request.get("fhirServer")
    if server is not None and not (isinstance(server, str) and server.startswith(("https://", "http://"))):
        raise Unreadable("expected a web address", place="fhirServer")
    access = request.get("fhirAuthorization")
    if access is None:
        return
    if server is None:
        raise Unreadable("expected an address, since fhirAuthorization is given", place="fhirServer")
    if not isinstance(access, Mapping):
        raise Unreadable("expected an object", place="fhirAuthorization")
    if not isinstance(access.get("access_token"), str):
        raise Unreadable("expected a string", place="fhirAuthorization.access_token")


def _check_field(field: Field, value: Any, place: str) -> None:
    """Raise ``Unreadable`` where a value is not what the hook's definition has there."""
    if field.kind == "reference":
        _check_text(_REFERENCE, value, place, "a reference such as 'Practitioner/123'")
    elif field.kind == "id":
        _check_text(_ID, value, place, "the id of a resource, such as '123'")
    elif field.kind == "bundle":
        if not isinstance(value, Mapping) or value.get("resourceType") != "Bundle":
            raise Unreadable("expected a Bundle", place=place)
    elif not isinstance(value, list):
        raise Unreadable("expected an array", place=place)
    elif field.kind == "references":
        for position, each in enumerate(value):
            _check_text(_REFERENCE, each, f"{place}[{position}]", "a reference such as 'ServiceRequest/123'")
    else:
        for position, each in enumerate(value):
            if not isinstance(each, Mapping) or each.get("resourceType") != "Task":
                raise Unreadable("expected a Task", place=f"{place}[{position}]")


def _check_text(shape: re.Pattern[str], value: Any, place: str, what: str) -> None:
    if not isinstance(value, str):
        raise Unreadable("expected a string", place=place)
    if shape.fullmatch(value) is None:
        raise Unreadable(f"expected {what}", place=place)


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
        if entry.kind == "OperationOutcome" and entry.path[:1] != ("context",):
            arrival.unread.append(NotFetched("the EHR gave an OperationOutcome instead of data", place=entry.place))
    arrival.entries[:] = [entry for entry in arrival.entries if entry.kind != "OperationOutcome"]


def _refuse_other_patients(arrival: Arrival, patient: str) -> None:
    """Set aside resources beside the context that speak of another patient than it names."""
    index = Index(arrival.entries)
    wanted = f"Patient/{patient}"
    kept: list[Entry] = []
    for entry in arrival.entries:
        owner = _owner(index, entry.container or entry)
        if entry.path[:1] == ("context",) or owner in (None, wanted):
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
