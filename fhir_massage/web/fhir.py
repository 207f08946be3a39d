"""The FHIR door: ``$validate``, its OperationDefinition and the CapabilityStatement."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotAcceptable, NotFound

from fhir_massage import __version__
from fhir_massage.engine.run import review_arrival
from fhir_massage.errors import Unreadable
from fhir_massage.present.conformance import VALIDATE, capability_statement, operation_definition
from fhir_massage.present.outcome import issue, operation_outcome
from fhir_massage.read.read import Arrival, parse, read
from fhir_massage.read.structure import departures
from fhir_massage.read.validation import call_of, remarks
from fhir_massage.read.x12.split import is_x12
from fhir_massage.web.answer import X12, fhir_json, json_body, service

door = Blueprint("fhir", __name__, url_prefix="/fhir")

VALIDATED = ("Claim", "ServiceRequest", "Coverage")
#: What FHIR's ``_format`` and ``Accept`` may say for JSON; the plus of a query arrives as a blank.
_JSON = ("application/fhir+json", "application/json", "text/json", "application/json+fhir")
_FORMATS = {"json", "*/*", "application/*", *_JSON, *(name.replace("+", " ") for name in _JSON)}


@door.before_request
def json_only() -> None:
    """Raise 406 for who asks for something else than JSON. ``_format`` goes before ``Accept``."""
    form = request.args.get("_format")
    # Parameters such as fhirVersion=4.0 do not change which format it is.
    wanted = [form] if form is not None else [name for name, weight in request.accept_mimetypes if weight > 0]
    known = not wanted or any(name.partition(";")[0].strip().lower() in _FORMATS for name in wanted)
    if not known:
        raise NotAcceptable("answers are in JSON only: application/fhir+json")


@door.post("/<kind>/$validate")
def validate(kind: str) -> Response:
    """An OperationOutcome with every finding on the resources handed in, and their departures from FHIR."""
    return _validated(kind, None)


@door.post("/<kind>/<id>/$validate")
def validate_instance(kind: str, id: str) -> Response:
    """The same, about the instance of that id."""
    return _validated(kind, id)


def _validated(kind: str, id: str | None) -> Response:
    if kind not in VALIDATED:
        raise Unreadable(f"$validate is offered for {', '.join(VALIDATED)}")
    body = json_body(or_x12=kind == "Claim")
    if request.mimetype == X12:
        return _validated_x12(body)
    if not body and request.args.get("mode") == "delete":
        return _deletion()
    arrival = read(body)
    call = call_of(kind, id, parse(body), request.args)
    if call.mode == "delete" and id is not None:
        return _deletion()
    _refuse_without(kind, arrival)
    shared = service()
    report = shared.noted(review_arrival(arrival, on=date.today(), facts=shared.facts, is_up=shared.allowance()))
    said = [issue(each.severity, each.code, each.text, each.place) for each in remarks(call, arrival)]
    return fhir_json(operation_outcome(report, _structure(kind, arrival), said))


def _validated_x12(body: bytes) -> Response:
    """An OperationOutcome with every finding on the claims of an interchange, each with its segment."""
    if not is_x12(body):
        raise Unreadable("this is no X12 interchange: it does not begin with ISA", place="segment 1")
    shared = service()
    arrival = read(body)
    report = shared.noted(review_arrival(arrival, on=date.today(), facts=shared.facts, is_up=shared.allowance()))
    return fhir_json(operation_outcome(report))


def _deletion() -> Response:
    words = (
        "Nothing is kept here, so nothing stands against deleting it; the server that holds it knows what refers to it."
    )
    said = issue("information", "informational", words)
    return fhir_json({"resourceType": "OperationOutcome", "issue": [said]})


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
    return fhir_json(capability_statement(_base(), VALIDATED, __version__))


@door.get("/OperationDefinition/<id>")
def definition(id: str) -> Response:
    """The definition of ``$validate``, which the CapabilityStatement refers to."""
    if id != VALIDATE:
        raise NotFound
    return fhir_json(operation_definition(_base(), VALIDATED, __version__))


def _base() -> str:
    """The address of this FHIR server as clients know it."""
    return f"{(service().settings.audience or request.url_root).rstrip('/')}/fhir"
