"""Reading the ServiceRequest that a claim names as its referral."""

from __future__ import annotations

from fhir_massage.case.people import Directory, People
from fhir_massage.case.seen import Number, Referral
from fhir_massage.read import codes, dates, elements
from fhir_massage.read.quantity import measure
from fhir_massage.read.read import Entry
from fhir_massage.read.references import identity_of, same


def read_referral(directory: Directory, entry: Entry, element: str, patient: str | None) -> Referral | None:
    """The referral behind ``entry``; ``None`` where it is no ServiceRequest."""
    request = entry.resource
    if not isinstance(request, elements.ServiceRequest):
        return None
    period = request.occurrence_period
    authored = dates.days(request.authored_on)
    starts = dates.days(period.start) if period else None
    ends = dates.days(period.end) if period else None
    return Referral(
        element=element,
        key=identity_of(entry) or entry.name,
        status=request.status,
        intent=request.intent,
        authored=None if authored is None else authored.first,
        authored_by=None if authored is None else authored.last,
        starts=None if starts is None else starts.first,
        ends=None if ends is None else ends.last,
        visits=visits_ordered(request),
        codes=tuple(found for concept in (request.code, *request.order_detail) for found in codes.codes(concept)),
        words=tuple(
            text
            for concept in (request.code, *request.order_detail)
            if codes.procedure_code(concept) is None
            for text in codes.words(concept)
        ),
        has_reason=bool(request.reason_code or request.reason_reference),
        has_period=gives_a_period(request),
        same_patient=same(patient, directory.index.identity(request.subject, entry)),
        requester=None if request.requester is None else People(directory, entry).provider(request.requester, element),
    )


def visits_ordered(request: elements.ServiceRequest) -> Number | None:
    """The visits that a request orders, of a range the most; ``None`` where its quantity is a time."""
    quantity = request.quantity_quantity
    if quantity is None and request.quantity_range is not None:
        quantity = request.quantity_range.high or request.quantity_range.low
    if quantity is None or measure(quantity.code, quantity.unit) in ("minutes", "hours", "span"):
        return None
    return quantity.value


def gives_a_period(request: elements.ServiceRequest) -> bool:
    """Whether a request says in which time the visits are to happen."""
    quantity = request.quantity_quantity
    lasts = quantity is not None and measure(quantity.code, quantity.unit) == "span"
    return request.occurrence_period is not None or request.occurrence_timing is not None or lasts
