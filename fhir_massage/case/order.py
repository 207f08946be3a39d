"""From a ServiceRequest and all that came along to the case that the order rules see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from fhir_massage.case.benefits import benefits_on
from fhir_massage.case.payer import Payer, is_unfetched, payer_of, payor_name
from fhir_massage.case.people import Directory, People
from fhir_massage.case.record import Record
from fhir_massage.case.referral import gives_a_period, visits_ordered
from fhir_massage.case.scope import billing_options, order_day, ordered_as
from fhir_massage.case.seen import OrderCase, OrderCoverage, PatientCondition, Performer
from fhir_massage.facts.book import Facts
from fhir_massage.facts.policy import Policy
from fhir_massage.read import codes, dates, elements
from fhir_massage.read.read import Entry, objects
from fhir_massage.read.references import Index, same, tail

#: HL7 condition-clinical and condition-ver-status.
_ACTIVE = frozenset({"active", "recurrence", "relapse"})
_REFUTED = frozenset({"refuted", "entered-in-error"})
#: The extension by which an order carries the payer's answer on coverage.
COVERAGE_INFORMATION = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information"


def order_case(
    facts: Facts,
    index: Index,
    entry: Entry,
    record: Record,
    today: date,
    origin: Entry | None = None,
    sent_to: elements.Reference | None = None,
) -> OrderCase:
    """The case of one order. ``record`` is what came along; ``today`` the day of review.

    ``origin`` is the order as it came, where ``entry`` is a corrected copy of it. ``sent_to`` is whom the
    order is being sent to, where that is being chosen: it stands for the performers that the order names.
    """
    coverage = _coverage(index, entry, record)
    of_order = _order_coverage(index, coverage, entry)
    return _case(facts, index, entry, record, today, origin or entry, sent_to, coverage, of_order)


def coverage_cases(
    facts: Facts,
    index: Index,
    entry: Entry,
    record: Record,
    today: date,
    sent_to: elements.Reference | None = None,
) -> list[OrderCase]:
    """The case of one order for each coverage that may pay for it.

    Those that the order names, also where they did not come along; failing that, the patient's active ones,
    or if none is active, all. Empty where no coverage is known at all.
    """
    request = entry.resource
    assert isinstance(request, elements.ServiceRequest)
    cases = []
    for reference in request.insurance:
        found = index.find(reference, entry)
        if reference.reference and (found is None or isinstance(found.resource, elements.Coverage)):
            if found is None and not tail(reference.reference).startswith("Coverage/"):
                continue
            named = _order_coverage(index, found, entry, reference.reference)
            cases.append(_case(facts, index, entry, record, today, entry, sent_to, found, named))
    if cases:
        return cases
    own = record.coverages_of(index.identity(request.subject, entry))
    active = [coverage for coverage in own if _is_in_use(coverage)]
    return [
        _case(facts, index, entry, record, today, entry, sent_to, coverage, _order_coverage(index, coverage, entry))
        for coverage in active or own
        if coverage.container is None and coverage.resource.id
    ]


def _case(
    facts: Facts,
    index: Index,
    entry: Entry,
    record: Record,
    today: date,
    origin: Entry,
    sent_to: elements.Reference | None,
    coverage: Entry | None,
    of_order: OrderCoverage | None,
) -> OrderCase:
    request = entry.resource
    assert isinstance(request, elements.ServiceRequest)
    day = order_day(request, today)
    people = People(Directory(facts, index, today), entry)
    patient = index.identity(request.subject, entry)
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
        conditions=tuple(_conditions(record, patient, origin)),
        requester=None if request.requester is None else people.provider(request.requester, "ServiceRequest.requester"),
        performers=tuple(_performers(people, request, sent_to)),
        authorization=_authorization(index, entry, of_order),
        benefits=tuple(benefits_on(record, index, coverage, patient)),
        read_json=entry.json,
        payer_name="" if coverage is None else payor_name(index, coverage),
        payer_unfetched=coverage is not None and is_unfetched(facts, index, coverage, today),
        coverage=of_order,
        billing_options=tuple(billing_options(request)),
    )


def _authorization(index: Index, entry: Entry, coverage: OrderCoverage | None) -> str | None:
    """The prior authorization that is in place.

    The payer's answer stands on the order itself (Da Vinci CRD), or in a ClaimResponse that it names among its
    insurances.
    """
    for said in coverage_information(entry.json()):
        number = next((part.get("valueString") for part in said if part.get("url") == "satisfied-pa-id"), None)
        of = covered_by(said)
        if number and (coverage is None or of is None or of == tail(coverage.reference)):
            return str(number)
    request = entry.resource
    assert isinstance(request, elements.ServiceRequest)
    for reference in request.insurance:
        answer = index.find(reference, entry)
        if answer is not None and answer.kind == "ClaimResponse" and answer.json().get("preAuthRef"):
            return str(answer.json()["preAuthRef"])
    return None


def coverage_information(order: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """The parts of each answer on coverage that an order carries (Da Vinci CRD's coverage-information)."""
    for extension in objects(order.get("extension")):
        if extension.get("url") == COVERAGE_INFORMATION:
            yield objects(extension.get("extension"))


def covered_by(said: Iterable[Mapping[str, Any]]) -> str | None:
    """The coverage, as ``Coverage/id``, that an answer on coverage speaks of."""
    for part in said:
        reference = part.get("valueReference")
        if part.get("url") == "coverage" and isinstance(reference, dict):
            address = reference.get("reference")
            return tail(address) if isinstance(address, str) else None
    return None


def _order_coverage(
    index: Index, coverage: Entry | None, entry: Entry, address: str | None = None
) -> OrderCoverage | None:
    """A coverage as the order can refer to it: by the address it names it by, else by type and id."""
    if coverage is None:
        return None if address is None else OrderCoverage(reference=address, found=False)
    content, request = coverage.resource, entry.resource
    assert isinstance(content, elements.Coverage) and isinstance(request, elements.ServiceRequest)
    starts = dates.days(content.period.start) if content.period else None
    ends = dates.days(content.period.end) if content.period else None
    return OrderCoverage(
        reference=address or coverage.name,
        found=True,
        same_patient=same(index.identity(content.beneficiary, coverage), index.identity(request.subject, entry)),
        status=content.status,
        starts=None if starts is None else starts.first,
        ends=None if ends is None else ends.last,
    )


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
    active = [other for other in record.coverages_of(index.identity(request.subject, entry)) if _is_in_use(other)]
    return active[0] if len(active) == 1 else None


def _is_in_use(coverage: Entry) -> bool:
    return isinstance(coverage.resource, elements.Coverage) and coverage.resource.status in (None, "active")


def _procedure(facts: Facts, request: elements.ServiceRequest, day: date) -> str | None:
    """The procedure code that is ordered: of several, the one for massage or manual therapy."""
    found = [code for c in (request.code, *request.order_detail) if (code := codes.procedure_code(c)) is not None]
    return next((code for code in found if ordered_as(facts, "code", code, day)), found[0] if found else None)


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


def _performers(
    people: People, request: elements.ServiceRequest, sent_to: elements.Reference | None
) -> list[Performer]:
    performers = []
    if sent_to is not None:
        provider = people.provider(sent_to, "ServiceRequest.performer")
        if provider.profession is not None:
            return [Performer(element=provider.element, profession=provider.profession)]
    profession = people.profession_of(request.performer_type)
    if profession is not None:
        performers.append(Performer(element="ServiceRequest.performerType", profession=profession))
    for position, reference in enumerate(request.performer[: elements.MOST_PERFORMERS]):
        provider = people.provider(reference, f"ServiceRequest.performer[{position}]")
        performers.append(Performer(element=provider.element, profession=provider.profession))
    return performers
