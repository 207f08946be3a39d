"""The CDS services: one row a hook, from which discovery and the checks of requests follow."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from fhir_massage.hooks.configuration import VERSIONS, options

Json = dict[str, Any]

CDS_HOOKS_VERSION = "3.0.0"
PATIENT = {"patient": "Patient/{{context.patientId}}"}
COVERAGE = {"coverage": "Coverage?patient={{context.patientId}}&status=active"}
ORDERS = {"serviceRequests": "ServiceRequest?patient={{context.patientId}}&status=draft,active"}
CLAIMS = {"claims": "Claim?patient={{context.patientId}}&status=draft,active"}
CONDITIONS = {"conditions": "Condition?patient={{context.patientId}}&clinical-status=active"}
PERFORMER = {"performer": "{{context.performer}}"}

#: What a context field holds: a reference (``Type/id``), the id of a resource, a Bundle, an array of references
#: or an array of Tasks.
Kind = Literal["reference", "id", "bundle", "references", "tasks"]
#: Which orders of a request are reviewed: the drafts in its context, those of them that were just selected,
#: those that it names and the prefetch brings, or none. Claims are always reviewed, wherever they ride.
Orders = Literal["drafts", "selected", "dispatched", "booked", "none"]


class Field(msgspec.Struct, frozen=True):
    """A field of a hook's context."""

    kind: Kind
    required: bool = True


class Service(msgspec.Struct, frozen=True):
    """A CDS service: its id, the hook it answers, what it needs, and the hook's context.

    ``primary`` hooks are those on which Da Vinci CRD has every order annotated, documents it asks for included.
    """

    id: str
    hook: str
    hook_version: str
    title: str
    description: str
    prefetch: dict[str, str]
    context: dict[str, Field]
    orders: Orders
    primary: bool = True

    @property
    def annotates(self) -> bool:
        """Whether orders are annotated with what their payer says."""
        return self.orders != "none"

    @property
    def needed(self) -> str | None:
        """The prefetch that holds what is reviewed, where the context only names it."""
        return {"dispatched": "serviceRequests", "booked": "serviceRequests", "none": "claims"}.get(self.orders)


USER = {"userId": Field("reference")}
OF_PATIENT = {"patientId": Field("id")}
WITHIN = {"encounterId": Field("id", required=False)}

SERVICES: tuple[Service, ...] = (
    Service(
        "fhir-massage-order-sign",
        "order-sign",
        "1.0",
        "Massage and manual therapy billing: orders signed",
        "Checks draft orders and claims for massage and manual therapy against the payer's rules.",
        {**PATIENT, **COVERAGE, **CONDITIONS},
        {**USER, **OF_PATIENT, **WITHIN, "draftOrders": Field("bundle")},
        "drafts",
    ),
    Service(
        "fhir-massage-order-select",
        "order-select",
        "1.0",
        "Massage and manual therapy billing: orders selected",
        "Checks the orders being chosen for massage and manual therapy against the payer's rules.",
        {**PATIENT, **COVERAGE, **CONDITIONS},
        {**USER, **OF_PATIENT, **WITHIN, "selections": Field("references"), "draftOrders": Field("bundle")},
        "selected",
        primary=False,
    ),
    Service(
        "fhir-massage-order-dispatch",
        "order-dispatch",
        "1.1",
        "Massage and manual therapy billing: orders sent out",
        "Checks the orders being sent out, and whether the payer pays whom they are sent to.",
        {**PATIENT, **COVERAGE, **ORDERS, **PERFORMER},
        {
            **OF_PATIENT,
            "dispatchedOrders": Field("references"),
            "performer": Field("reference"),
            "fulfillmentTasks": Field("tasks", required=False),
        },
        "dispatched",
    ),
    Service(
        "fhir-massage-appointment-book",
        "appointment-book",
        "1.0",
        "Massage and manual therapy billing: appointments booked",
        "Checks the orders and claims behind an appointment for massage or manual therapy.",
        {**PATIENT, **COVERAGE, **ORDERS},
        {**USER, **OF_PATIENT, **WITHIN, "appointments": Field("bundle")},
        "booked",
    ),
    Service(
        "fhir-massage-encounter-discharge",
        "encounter-discharge",
        "1.0",
        "Massage and manual therapy billing: encounters ended",
        "Reviews the encounter's drafted claims before they leave.",
        {**PATIENT, **COVERAGE, **CLAIMS},
        {**USER, **OF_PATIENT, "encounterId": Field("id")},
        "none",
        primary=False,
    ),
)


def discovery() -> Json:
    """The answer of ``GET /cds-services``."""
    return {"services": [_described(service) for service in SERVICES]}


def _described(service: Service) -> Json:
    subjects = frozenset({"claim", "order"} if service.annotates else {"claim"})
    return {
        "id": service.id,
        "hook": service.hook,
        "hookVersion": service.hook_version,
        "version": CDS_HOOKS_VERSION,
        "title": service.title,
        "description": service.description,
        "prefetch": service.prefetch,
        "extension": {
            "davinci-crd.version": list(VERSIONS),
            "davinci-crd.configuration-options": options(subjects, annotates=service.annotates),
        },
    }


def service_by_id(id: str) -> Service | None:
    """The service of that id."""
    return next((service for service in SERVICES if service.id == id), None)
