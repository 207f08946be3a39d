"""Playing the EHR: a hook's context and prefetch made from what a FHIR server holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from fhir_massage.ehr.deadline import Deadline
from fhir_massage.ehr.server import FhirServer
from fhir_massage.ehr.together import fetch_together
from fhir_massage.errors import FhirMassageError, NotFetched
from fhir_massage.hooks.templates import filled

Json = dict[str, Any]


class CannotPlay(FhirMassageError):
    """The hook asks for something that was not given."""


class Scene(msgspec.Struct, frozen=True):
    """What the user is looking at: the patient, the orders and claims in work, and who the user is."""

    patient: str
    user: str
    orders: tuple[Json, ...] = ()
    claims: tuple[Json, ...] = ()
    encounter: str | None = None
    performer: str | None = None


def context_of(hook: str, scene: Scene) -> Json:
    """The context that a hook defines, for a scene. Raises ``CannotPlay`` for what is lacking in it."""
    context: Json = {"userId": scene.user, "patientId": scene.patient}
    drafts = [*scene.orders, *scene.claims]
    if hook in ("order-sign", "order-select"):
        if not drafts:
            raise CannotPlay(f"{hook} is about orders: name one by --order or --claim")
        context["draftOrders"] = _bundle(drafts)
    if hook == "order-select":
        context["selections"] = [_name(each) for each in drafts]
    if hook == "order-dispatch":
        if not scene.orders:
            raise CannotPlay("order-dispatch is about orders: name one by --order")
        context = {
            "patientId": scene.patient,
            "dispatchedOrders": [_name(each) for each in scene.orders],
            "performer": scene.performer or _performer(scene.orders),
        }
    if hook == "appointment-book":
        context["appointments"] = _bundle([_appointment(scene)])
    if hook.startswith("encounter-"):
        if scene.encounter is None:
            raise CannotPlay(f"{hook} is about an encounter: name it by --encounter")
        context["encounterId"] = scene.encounter
    elif scene.encounter is not None:
        context["encounterId"] = scene.encounter
    return context


def prefetch_of(
    templates: Mapping[str, Any], context: Mapping[str, Any], server: FhirServer, deadline: Deadline, today: date
) -> tuple[Json, dict[str, str]]:
    """The prefetch that a service asks for, and by its key what could not be had. Such keys are null."""
    queries = {key: filled(str(template), context, today) for key, template in templates.items()}
    wanted = {key: query for key, query in queries.items() if query is not None}
    found = fetch_together({key: _asking(server, query) for key, query in wanted.items()}, deadline)
    failed = {key: "its template cannot be filled from the context" for key in queries if key not in wanted}
    failed |= {key: content.reason for key, content in found.items() if isinstance(content, NotFetched)}
    return {key: None if key in failed else found[key] for key in queries}, failed


def fetched(server: FhirServer, reference: str) -> Json:
    """The resource of a reference like ``ServiceRequest/1``. Raises ``CannotPlay`` or ``NotFetched``."""
    kind, slash, identifier = reference.partition("/")
    if not (slash and kind.isalpha() and identifier and filled("{{context.a}}", {"a": reference}, date.min)):
        raise CannotPlay(f"'{reference}' is no reference like ServiceRequest/1")
    try:
        return server.read(kind, identifier)
    except NotFetched as error:
        raise type(error)(f"{reference}: {error.reason}") from None


def _asking(server: FhirServer, query: str) -> Any:
    kind, slash, identifier = query.partition("/")
    return (lambda: server.read(kind, identifier)) if slash and "?" not in query else (lambda: server.search(query))


def _bundle(resources: Sequence[Json]) -> Json:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in resources]}


def _name(resource: Json) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _performer(orders: Sequence[Json]) -> str:
    for order in orders:
        for performer in order.get("performer", []):
            if isinstance(performer.get("reference"), str):
                return str(performer["reference"])
    raise CannotPlay("order-dispatch sends orders to somebody: name the performer by --performer")


def _appointment(scene: Scene) -> Json:
    """The appointment that would be booked for the orders."""
    appointment: Json = {
        "resourceType": "Appointment",
        "status": "proposed",
        "participant": [{"actor": {"reference": f"Patient/{scene.patient}"}, "status": "needs-action"}],
    }
    if scene.orders:
        appointment["basedOn"] = [{"reference": _name(order)} for order in scene.orders]
    return appointment
