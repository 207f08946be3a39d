"""Earlier visits: what other claims and explanations of benefits billed for the same patient."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from fhir_massage.fhir import codes, dates, elements
from fhir_massage.fhir.read import Entry
from fhir_massage.fhir.references import Index
from fhir_massage.model.case import EarlierLine


def earlier_lines(index: Index, entry: Entry, entries: Sequence[Entry]) -> tuple[EarlierLine, ...]:
    """The lines of every other Claim and ExplanationOfBenefit of the patient of the claim ``entry``.

    An explanation of benefits of the claim under review is its own answer, and not counted; one of
    another claim that is here too stands in for nothing, because that claim is counted already.
    """
    claim = entry.resource
    assert isinstance(claim, elements.Claim)
    patient = index.identity(claim.patient, entry)
    replaced = {index.identity(related.claim, entry) for related in claim.related} - {None}
    found: list[EarlierLine] = []
    for other in entries:
        billed = other.resource
        if other is entry or not isinstance(billed, elements.Billed):
            continue
        if patient is None or index.identity(billed.patient, other) != patient:
            continue
        if isinstance(billed, elements.ExplanationOfBenefit) and index.find(billed.claim, other) is not None:
            continue
        name = index.identity(elements.Reference(reference=other.name), other) or other.name
        found += _lines_of(index, other, billed, name, replaced_by_this=name in replaced)
    return tuple(found)


def _lines_of(
    index: Index, entry: Entry, billed: elements.Billed, name: str, *, replaced_by_this: bool
) -> list[EarlierLine]:
    return [
        EarlierLine(
            claim=name,
            replaced_by_this=replaced_by_this,
            provider=_provider(index, entry, billed, item),
            referral=index.identity(billed.referral, entry),
            day=_day(billed, item),
            code=codes.procedure_code(item.product_or_service),
            modifiers=tuple(
                coding.code.strip().upper()
                for concept in item.modifier
                for coding in concept.coding
                if coding.code
            ),
            charge=None if item.net is None or item.net.value is None else Decimal(str(item.net.value)),
        )
        for item in billed.item
    ]


def _day(billed: elements.Billed, item: elements.Item) -> date | None:
    if item.serviced_date is not None:
        return dates.day(item.serviced_date)
    period = item.serviced_period or billed.billable_period
    return None if period is None else dates.day(period.start)


def _provider(index: Index, entry: Entry, billed: elements.Billed, item: elements.Item) -> str | None:
    for member in billed.care_team:
        if len(billed.care_team) == 1 or member.sequence in item.care_team_sequence:
            return index.identity(member.provider, entry)
    return index.identity(billed.provider, entry)
