"""A hook request: checked, read, and its claims and orders picked out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_massage.errors import Unreadable
from fhir_massage.fhir import elements
from fhir_massage.fhir.read import Arrival, Entry, parse, read
from fhir_massage.fhir.references import Index
from fhir_massage.hooks.services import Service

_WORDS: dict[type, str] = {str: "a string", dict: "an object", list: "an array"}


def read_request(service: Service, content: bytes) -> tuple[Mapping[str, Any], Arrival]:
    """The request and all resources in its context and prefetch.

    Raises ``Unreadable`` naming the field for a request that is not one to this service. Resources of
    another patient in the prefetch are set aside as unread.
    """
    request = parse(content)
    if not isinstance(request, Mapping):
        raise Unreadable("expected a JSON object")
    _check(service, request)
    arrival = read(content)
    _refuse_other_patients(arrival, request["context"].get("patientId"))
    return request, arrival


def _check(service: Service, request: Mapping[str, Any]) -> None:
    if request.get("hook") != service.hook:
        raise Unreadable(f"this service answers the hook '{service.hook}'", place="hook")
    if not isinstance(request.get("hookInstance"), str) or not request["hookInstance"]:
        raise Unreadable("a UUID as a string is missing", place="hookInstance")
    context = request.get("context")
    if not isinstance(context, Mapping):
        raise Unreadable("expected an object", place="context")
    for field, kind in service.context.items():
        if not isinstance(context.get(field), kind):
            raise Unreadable(f"expected {_WORDS[kind]}", place=f"context.{field}")
    prefetch = request.get("prefetch")
    if prefetch is not None and not isinstance(prefetch, Mapping):
        raise Unreadable("expected an object", place="prefetch")


def _refuse_other_patients(arrival: Arrival, patient: object) -> None:
    """Set aside prefetched resources that speak of another patient than the context names."""
    if not isinstance(patient, str) or not patient:
        return
    index = Index(arrival.entries)
    wanted = f"Patient/{patient.rsplit('/', 1)[-1]}"
    kept: list[Entry] = []
    for entry in arrival.entries:
        owner = _owner(index, entry)
        if entry.path and entry.path[0] == "prefetch" and owner is not None and owner != wanted:
            arrival.unread.append(Unreadable("it belongs to another patient than the context's", place=entry.place))
        else:
            kept.append(entry)
    arrival.entries[:] = kept


def _owner(index: Index, entry: Entry) -> str | None:
    resource = entry.resource
    if isinstance(resource, elements.Patient):
        return f"Patient/{resource.id}" if resource.id else None
    reference = None
    if isinstance(resource, elements.Billed):
        reference = resource.patient
    elif isinstance(resource, elements.Coverage):
        reference = resource.beneficiary
    elif isinstance(resource, elements.ServiceRequest | elements.Condition | elements.Procedure):
        reference = resource.subject
    owner = index.identity(reference, entry)
    return owner if owner is not None and owner.startswith("Patient/") else None
