"""The references that a review follows, from a claim or order to all that it is judged by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from fhir_massage.read import elements
from fhir_massage.read.read import Entry
from fhir_massage.read.references import Index

Named = tuple[str, elements.Reference | None]


class Unmet(msgspec.Struct, frozen=True):
    """A reference whose resource did not come along: the element that holds it, and its address."""

    element: str
    address: str


def unmet(subjects: Iterable[Entry], index: Index) -> list[Unmet]:
    """What claims and orders refer to, by themselves or by what came along, and what did not come along."""
    found: dict[str, Unmet] = {}
    waiting = list(subjects)
    seen: set[int] = set()
    while waiting:
        entry = waiting.pop(0)
        if id(entry) in seen:
            continue
        seen.add(id(entry))
        for element, reference in _references(entry.resource):
            if reference is None or not reference.reference or reference.reference.startswith("#"):
                continue
            other = index.find(reference, entry)
            if other is None:
                found.setdefault(reference.reference, Unmet(f"{entry.kind}.{element}", reference.reference))
            else:
                waiting.append(other)
    return list(found.values())


def _references(resource: elements.Resource) -> Iterator[Named]:
    if isinstance(resource, elements.Claim):
        yield from _of_claim(resource)
    elif isinstance(resource, elements.ServiceRequest):
        yield from _of_order(resource)
    elif isinstance(resource, elements.Coverage):
        yield from _numbered("payor", resource.payor)
    elif isinstance(resource, elements.PractitionerRole):
        yield "practitioner", resource.practitioner


def _of_claim(claim: elements.Claim) -> Iterator[Named]:
    for position, slot in enumerate(claim.insurance):
        yield f"insurance[{position}].coverage", slot.coverage
    yield "referral", claim.referral
    yield "patient", claim.patient
    yield "provider", claim.provider
    for position, member in enumerate(claim.care_team):
        yield f"careTeam[{position}].provider", member.provider
    for position, diagnosis in enumerate(claim.diagnosis):
        yield f"diagnosis[{position}].diagnosisReference", diagnosis.diagnosis_reference
    for position, procedure in enumerate(claim.procedure):
        yield f"procedure[{position}].procedureReference", procedure.procedure_reference


def _of_order(order: elements.ServiceRequest) -> Iterator[Named]:
    yield from _numbered("insurance", order.insurance)
    yield "subject", order.subject
    yield "requester", order.requester
    yield from _numbered("performer", order.performer)
    yield from _numbered("reasonReference", order.reason_reference)


def _numbered(name: str, references: list[elements.Reference]) -> Iterator[Named]:
    for position, reference in enumerate(references):
        yield f"{name}[{position}]", reference
