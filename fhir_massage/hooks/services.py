"""The CDS services: one row a hook, from which discovery and the checks of requests follow."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Json = dict[str, Any]

PATIENT = {"patient": "Patient/{{context.patientId}}"}
COVERAGE = {"coverage": "Coverage?patient={{context.patientId}}&status=active"}
ORDERS = {"serviceRequests": "ServiceRequest?patient={{context.patientId}}&status=draft,active"}
CLAIMS = {"claims": "Claim?patient={{context.patientId}}&status=draft,active"}
CONDITIONS = {"conditions": "Condition?patient={{context.patientId}}&clinical-status=active"}


#: Which orders of a request are reviewed: the drafts in its context, those of them that were just selected,
#: or those that it names and the prefetch brings. Claims are always reviewed, wherever they ride.
Orders = Literal["drafts", "selected", "dispatched", "booked"]


class Service(msgspec.Struct, frozen=True):
    """A CDS service: its id, the hook it answers, what it needs, and the context fields that must be there."""

    id: str
    hook: str
    title: str
    description: str
    prefetch: dict[str, str]
    context: dict[str, type]
    orders: Orders = "drafts"


SERVICES: tuple[Service, ...] = (
    Service(
        "fhir-massage-order-sign",
        "order-sign",
        "Massage and manual therapy billing",
        "Checks draft orders and claims for massage and manual therapy against the payer's rules.",
        {**PATIENT, **COVERAGE, **CONDITIONS},
        {"userId": str, "patientId": str, "draftOrders": dict},
    ),
    Service(
        "fhir-massage-order-select",
        "order-select",
        "Massage and manual therapy billing",
        "Checks the orders being chosen for massage and manual therapy against the payer's rules.",
        {**PATIENT, **COVERAGE, **CONDITIONS},
        {"userId": str, "patientId": str, "selections": list, "draftOrders": dict},
        "selected",
    ),
    Service(
        "fhir-massage-order-dispatch",
        "order-dispatch",
        "Massage and manual therapy billing",
        "Checks the orders being sent out, and whether the payer pays their performer.",
        {**PATIENT, **COVERAGE, **ORDERS},
        {"patientId": str, "dispatchedOrders": list, "performer": str},
        "dispatched",
    ),
    Service(
        "fhir-massage-appointment-book",
        "appointment-book",
        "Massage and manual therapy billing",
        "Checks the orders and claims behind an appointment for massage or manual therapy.",
        {**PATIENT, **COVERAGE, **ORDERS},
        {"userId": str, "patientId": str, "appointments": dict},
        "booked",
    ),
    Service(
        "fhir-massage-encounter-discharge",
        "encounter-discharge",
        "Massage and manual therapy billing",
        "Reviews the encounter's drafted claims before they leave.",
        {**PATIENT, **COVERAGE, **CLAIMS},
        {"userId": str, "patientId": str, "encounterId": str},
    ),
)


def discovery() -> Json:
    """The answer of ``GET /cds-services``."""
    return {
        "services": [
            {
                "id": service.id,
                "hook": service.hook,
                "title": service.title,
                "description": service.description,
                "prefetch": service.prefetch,
            }
            for service in SERVICES
        ]
    }


def service_by_id(id: str) -> Service | None:
    """The service of that id."""
    return next((service for service in SERVICES if service.id == id), None)
