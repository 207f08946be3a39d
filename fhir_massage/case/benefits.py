"""What a payer answered about a patient's benefits (CoverageEligibilityResponse)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from fhir_massage.case.record import Answered, Record
from fhir_massage.case.seen import Benefit
from fhir_massage.read import codes, dates, elements
from fhir_massage.read.read import Entry
from fhir_massage.read.references import Index, same

NO_ANSWER = frozenset({"cancelled", "entered-in-error", "draft"})
#: HL7 benefit-type: the benefit is a count of visits, or what is allowed as such.
COUNTS_OF_VISITS = frozenset({"visit", "benefit"})


def benefits_on(record: Record, index: Index, coverage: Entry | None, patient: str | None) -> Iterator[Benefit]:
    """What the payers answered about this patient's benefits under this coverage."""
    if coverage is None:
        return
    for answered in record.answers_on(coverage):
        entry, answer, insurance = answered
        if answer.status in NO_ANSWER or same(patient, index.identity(answer.patient, entry)) is False:
            continue
        for item in insurance.item:
            yield _benefit(answered, item)


def _benefit(answered: Answered, item: elements.EligibilityItem) -> Benefit:
    _, answer, insurance = answered
    visits = _visits(item)
    dollars = next((b for b in item.benefit if b.allowed_money or b.used_money), None)
    code = codes.procedure_code(item.product_or_service)
    period = insurance.benefit_period
    starts = dates.days(period.start) if period is not None else None
    ends = dates.days(period.end) if period is not None else None
    return Benefit(
        codes=(code,) if code else (),
        kind=next((code for _, code in codes.codes(item.category)), None),
        visits_allowed=None if visits is None else visits.allowed_unsigned_int,
        visits_used=None if visits is None else visits.used_unsigned_int,
        dollars_allowed=None if dollars is None else _money(dollars.allowed_money),
        dollars_used=None if dollars is None else _money(dollars.used_money),
        authorization_required=item.authorization_required,
        told=dates.day(answer.created),
        starts=None if starts is None else starts.first,
        ends=None if ends is None else ends.last,
    )


def _visits(item: elements.EligibilityItem) -> elements.Benefit | None:
    """The count of visits allowed. A count for one day is of units or sessions of that day."""
    if any(code == "day" for _, code in codes.codes(item.term)):
        return None
    counts = [b for b in item.benefit if b.allowed_unsigned_int is not None and _may_count_visits(b)]
    return next(
        (b for b in counts if any(code == "visit" for _, code in codes.codes(b.type))), next(iter(counts), None)
    )


def _may_count_visits(benefit: elements.Benefit) -> bool:
    kinds = {code for _, code in codes.codes(benefit.type)}
    return not kinds or bool(kinds & COUNTS_OF_VISITS)


def _money(money: elements.Money | None) -> Decimal | None:
    return None if money is None or money.value is None else Decimal(str(money.value))
