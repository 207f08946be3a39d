"""The FHIR door: ``$validate`` and the CapabilityStatement."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint, Response

from fhir_massage import __version__
from fhir_massage.errors import Unreadable
from fhir_massage.fhir.read import Arrival, read
from fhir_massage.fhir.structure import departures
from fhir_massage.present.outcome import operation_outcome
from fhir_massage.review.engine import review_arrival
from fhir_massage.web.answer import fhir_json, json_body, service

door = Blueprint("fhir", __name__, url_prefix="/fhir")

VALIDATED = ("Claim", "ServiceRequest", "Coverage")
RELEASED = "2026-11-24"


@door.post("/<kind>/$validate")
def validate(kind: str) -> Response:
    """An OperationOutcome with every finding on the resources handed in, and their departures from FHIR."""
    if kind not in VALIDATED:
        raise Unreadable(f"$validate is offered for {', '.join(VALIDATED)}")
    shared = service()
    arrival = read(json_body())
    _refuse_without(kind, arrival)
    report = shared.noted(review_arrival(arrival, on=date.today(), facts=shared.facts))
    return fhir_json(operation_outcome(report, _structure(kind, arrival)))


def _structure(kind: str, arrival: Arrival) -> list[Unreadable]:
    """The departures from FHIR's structure of every resource of that kind."""
    return [
        _within(error, kind, entry.place)
        for entry in arrival.entries
        if entry.kind == kind and entry.container is None
        for error in departures(kind, entry.json())
    ]


def _within(error: Unreadable, kind: str, place: str) -> Unreadable:
    """The error with its place told from the document's root, as other unread parts tell theirs."""
    return Unreadable(error.reason, place=place + (error.place or "").removeprefix(kind))


def _refuse_without(kind: str, arrival: Arrival) -> None:
    """Raise where nothing of that kind was handed in, unless what was could not be read."""
    if any(entry.kind == kind for entry in arrival.entries) or arrival.unread:
        return
    found = sorted({entry.kind for entry in arrival.entries})
    raise Unreadable(f"expected a {kind}, a Bundle or Parameters with one; got {', '.join(found) or 'nothing'}")


@door.get("/metadata")
def metadata() -> Response:
    """What this FHIR server offers."""
    return fhir_json(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": RELEASED,
            "kind": "instance",
            "software": {"name": "fhir_massage", "version": __version__},
            "implementation": {"description": "Checks the billing of massage and manual therapy"},
            "fhirVersion": "4.0.1",
            "format": ["application/fhir+json"],
            "rest": [{"mode": "server", "resource": [_resource(kind) for kind in VALIDATED]}],
        }
    )


def _resource(kind: str) -> dict[str, Any]:
    definition = "http://hl7.org/fhir/OperationDefinition/Resource-validate"
    return {"type": kind, "operation": [{"name": "validate", "definition": definition}]}
