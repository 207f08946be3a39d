"""An appointment that is based on no order, as the order that it amounts to."""

from __future__ import annotations

from typing import Any

from fhir_massage.errors import Unreadable
from fhir_massage.read.read import Entry, objects, read
from fhir_massage.read.references import tail

Json = dict[str, Any]
_PERFORMERS = ("Practitioner/", "PractitionerRole/", "Organization/", "CareTeam/")


def orders_behind(appointment: Entry) -> list[str]:
    """The references by which an appointment names the orders it is based on."""
    given = appointment.json().get("basedOn")
    return [each["reference"] for each in objects(given) if isinstance(each.get("reference"), str)]


def performers_of(appointment: Entry) -> list[str]:
    """The references of those who take part to render what is booked."""
    actors = [
        each["actor"]["reference"] for each in objects(appointment.json().get("participant")) if _is_reference(each)
    ]
    return [reference for reference in actors if tail(reference).startswith(_PERFORMERS)]


def as_order(appointment: Entry) -> Entry | None:
    """What is booked, as an order by the same name and place; ``None`` where it cannot be read as one.

    The service, the reasons, the time and those who take part say the same in both.
    """
    content = appointment.json()
    services = objects(content.get("serviceType"))
    actors = [participant["actor"] for participant in objects(content.get("participant")) if _is_reference(participant)]
    patient = next((actor for actor in actors if tail(actor["reference"]).startswith("Patient/")), None)
    order: Json = {
        "resourceType": "ServiceRequest",
        "id": content.get("id"),
        "status": "draft",
        "intent": "order",
        "code": services[0] if services else None,
        "orderDetail": services[1:],
        "subject": patient,
        "occurrencePeriod": {key: content[key] for key in ("start", "end") if isinstance(content.get(key), str)}
        or None,
        "performer": [actor for actor in actors if tail(actor["reference"]).startswith(_PERFORMERS)],
        "reasonCode": content.get("reasonCode"),
        "reasonReference": content.get("reasonReference"),
        "extension": content.get("extension"),
        "contained": content.get("contained"),
    }
    try:
        arrival = read({key: value for key, value in order.items() if value})
    except Unreadable:
        return None
    entry = arrival.entries[0]
    entry.place = appointment.place
    return entry


def _is_reference(participant: Json) -> bool:
    actor = participant.get("actor")
    return isinstance(actor, dict) and isinstance(actor.get("reference"), str)
