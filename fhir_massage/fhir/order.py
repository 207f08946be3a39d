"""From a ServiceRequest and all that came along to the case that the order rules see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from fhir_massage.facts.book import Facts
from fhir_massage.facts.policy import Policy
from fhir_massage.fhir import codes, dates, elements
from fhir_massage.fhir.benefits import benefits_on
from fhir_massage.fhir.payer import Payer, payer_of
from fhir_massage.fhir.people import People
from fhir_massage.fhir.read import Entry
from fhir_massage.fhir.record import Record
from fhir_massage.fhir.references import Index
from fhir_massage.fhir.referral import gives_a_period, visits_ordered
from fhir_massage.model.case import OrderCase, PatientCondition, Performer, Provider

#: Words that make a massage one of an organ or a nerve point, which no therapist is ordered for.
_OF_ORGANS = ("carotid", "prostat", "rectal")
#: HL7 condition-clinical and condition-ver-status.
_ACTIVE = frozenset({"active", "recurrence", "relapse"})
_REFUTED = frozenset({"refuted", "entered-in-error"})
_LOINC = frozenset({"http://loinc.org", "urn:oid:2.16.840.1.113883.6.1"})


def is_in_scope(facts: Facts, request: elements.ServiceRequest, today: date) -> bool:
    """Whether an order is for massage or manual therapy.

    A procedure code decides, failing that a SNOMED CT code of the facts, failing that the words. An order
    for an observation (LOINC), and one that forbids the service, is for something else.
    """
    concepts = (request.code, *request.order_detail)
    if request.do_not_perform:
        return False
    day = _day(request, today)
    procedures = [code for c in concepts if (code := codes.procedure_code(c)) is not None]
    if procedures:
        return any(_ours(facts, "code", code, day) for code in procedures)
    coded = [found for c in concepts for found in codes.codes(c)]
    known = [_ours(facts, "snomed", code, day) for system, code in coded if system in codes.SNOMED_SYSTEMS]
    if False in known or any(system in _LOINC for system, _ in coded):
        return False
    return True in known or _words_in_scope(facts, [text for c in concepts for text in codes.words(c)], day)


def _ours(facts: Facts, kind: str, value: str, day: date) -> bool | None:
    row = facts.order_scope.find((kind, value), day)
    return None if row is None else row.ours


def _words_in_scope(facts: Facts, texts: Sequence[str], day: date) -> bool:
    """Whether one of the texts names massage or manual therapy, and nothing that makes it another thing."""
    for text in texts:
        said = " ".join(text.lower().replace("-", " ").split())
        stems = [row for row in facts.order_scope if row.kind == "text" and row.in_force(day)]
        named = [row.ours for row in stems if row.value in said] + [False for word in _OF_ORGANS if word in said]
        if named and all(named):
            return True
    return False


def order_case(
    facts: Facts, index: Index, entry: Entry, record: Record, today: date, origin: Entry | None = None
) -> OrderCase:
    """The case of one order. ``record`` is what came along; ``today`` the day of review.

    ``origin`` is the order as it came, where ``entry`` is a corrected copy of it.
    """
    request = entry.resource
    assert isinstance(request, elements.ServiceRequest)
    day = _day(request, today)
    people = People(facts, index, entry, today)
    patient = index.identity(request.subject, entry)
    coverage = _coverage(index, entry, record)
    payer = None if coverage is None else payer_of(facts, index, coverage, today)
    return OrderCase(
        facts=facts,
        today=today,
        day=day,
        resource=entry.name,
        codes=tuple(found for c in (request.code, *request.order_detail) for found in codes.codes(c)),
        words=tuple(text for c in (request.code, *request.order_detail) for text in codes.words(c)),
        procedure=_procedure(facts, request, day),
        payer=None if payer is None else payer.id,
        payer_class=None if payer is None else payer.payer_class,
        payer_title="" if payer is None else payer.title,
        policy=_policy(facts, payer, day),
        visits=visits_ordered(request),
        has_period=gives_a_period(request),
        has_reason=bool(request.reason_code or request.reason_reference),
        reasons=_reasons(index, entry, request),
        conditions=tuple(_conditions(record, patient, origin or entry)),
        requester=None if request.requester is None else people.provider(request.requester, "ServiceRequest.requester"),
        performers=tuple(_performers(people, request)),
        authorization=_authorization(index, entry),
        benefits=tuple(benefits_on(record, index, coverage, patient)),
        read_json=entry.json,
    )


def _day(request: elements.ServiceRequest, today: date) -> date:
    """The day whose facts count: the start of what is ordered, else when it was written, else today."""
    period = request.occurrence_period
    for text in (request.occurrence_date_time, period.start if period else None, request.authored_on):
        day = dates.day(text)
        if day is not None:
            return day
    return today


def _authorization(index: Index, entry: Entry) -> str | None:
    """The prior authorization that is in place.

    The payer's answer stands on the order itself (Da Vinci CRD), or in a ClaimResponse that it names among its
    insurances.
    """
    for extension in entry.json().get("extension", []):
        if str(extension.get("url", "")).endswith("/ext-coverage-information"):
            for part in extension.get("extension", []):
                if part.get("url") == "satisfied-pa-id" and part.get("valueString"):
                    return str(part["valueString"])
    request = entry.resource
    assert isinstance(request, elements.ServiceRequest)
    for reference in request.insurance:
        answer = index.find(reference, entry)
        if answer is not None and answer.kind == "ClaimResponse" and answer.json().get("preAuthRef"):
            return str(answer.json()["preAuthRef"])
    return None


def _policy(facts: Facts, payer: Payer | None, day: date) -> Policy | None:
    return None if payer is None else facts.policy(payer.id, day)


def _coverage(index: Index, entry: Entry, record: Record) -> Entry | None:
    """The coverage that the order names; failing that, the patient's only active one that came along."""
    request = entry.resource
    assert isinstance(request, elements.ServiceRequest)
    for reference in request.insurance:
        found = index.find(reference, entry)
        if found is not None and isinstance(found.resource, elements.Coverage):
            return found
    active = [
        other
        for other in record.coverages_of(index.identity(request.subject, entry))
        if isinstance(other.resource, elements.Coverage) and other.resource.status in (None, "active")
    ]
    return active[0] if len(active) == 1 else None


def _procedure(facts: Facts, request: elements.ServiceRequest, day: date) -> str | None:
    """The procedure code that is ordered: of several, the one for massage or manual therapy."""
    found = [code for c in (request.code, *request.order_detail) if (code := codes.procedure_code(c)) is not None]
    return next((code for code in found if _ours(facts, "code", code, day)), found[0] if found else None)


def _reasons(index: Index, entry: Entry, request: elements.ServiceRequest) -> tuple[str, ...]:
    found = [codes.diagnosis_code(concept) for concept in request.reason_code]
    for reference in request.reason_reference:
        condition = index.resource(reference, entry, elements.Condition)
        found.append(None if condition is None else codes.diagnosis_code(condition.code))
    return tuple(code for code in found if code is not None)


def _conditions(record: Record, patient: str | None, order: Entry) -> Iterator[PatientCondition]:
    """The patient's active conditions that came along, save those within another resource."""
    for entry in record.conditions_of(patient):
        condition = entry.resource
        assert isinstance(condition, elements.Condition)
        reference = _reference_to(entry, order)
        if reference is not None and _is_active(condition):
            yield PatientCondition(
                reference=reference,
                code=codes.diagnosis_code(condition.code),
                words=next(codes.words(condition.code), ""),
            )


def _is_active(condition: elements.Condition) -> bool:
    status = {code for _, code in codes.codes(condition.clinical_status)}
    if status and status.isdisjoint(_ACTIVE):
        return False
    return _REFUTED.isdisjoint(code for _, code in codes.codes(condition.verification_status))


def _reference_to(entry: Entry, order: Entry) -> str | None:
    """How the order may refer to the entry; ``None`` where it cannot."""
    if entry.container is not None:
        return f"#{entry.resource.id}" if entry.container is order and entry.resource.id else None
    if entry.full_url is not None and entry.full_url.startswith("urn:"):
        return entry.full_url
    return f"{entry.kind}/{entry.resource.id}" if entry.resource.id else entry.full_url


def _performers(people: People, request: elements.ServiceRequest) -> list[Performer]:
    performers = []
    profession = people.profession_of(request.performer_type)
    if profession is not None:
        performers.append(Performer(element="ServiceRequest.performerType", profession=profession))
    for position, reference in enumerate(request.performer):
        provider: Provider = people.provider(reference, f"ServiceRequest.performer[{position}]")
        performers.append(Performer(element=provider.element, profession=provider.profession))
    return performers
