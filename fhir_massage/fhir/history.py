"""Earlier visits: what other claims and explanations of benefits billed for the same patient."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from fhir_massage.facts.book import Facts
from fhir_massage.fhir import codes, dates, elements
from fhir_massage.fhir.people import People, rendering_member
from fhir_massage.fhir.read import Entry
from fhir_massage.fhir.references import Index
from fhir_massage.model.case import EarlierLine


def earlier_lines(
    facts: Facts, index: Index, entry: Entry, entries: Sequence[Entry], today: date
) -> tuple[EarlierLine, ...]:
    """The lines of every other Claim and ExplanationOfBenefit of the patient of the claim ``entry``.

    An explanation of benefits of the claim under review is its own answer, and not counted; one of
    another claim that is here too stands in for nothing, because that claim is counted already.
    """
    claim = entry.resource
    assert isinstance(claim, elements.Claim)
    if not any(isinstance(other.resource, elements.Billed) for other in entries if other is not entry):
        return ()
    patient = index.identity(claim.patient, entry)
    replaced = _replaced(index, entry, claim)
    own = _name(index, entry)
    found: list[EarlierLine] = []
    before = True
    for other in entries:
        billed = other.resource
        if other is entry:
            before = False
        if other is entry or not isinstance(billed, elements.Billed):
            continue
        if patient is None or index.identity(billed.patient, other) != patient:
            continue
        if isinstance(billed, elements.ExplanationOfBenefit) and index.find(billed.claim, other) is not None:
            continue
        name = _answered(index, other, billed) or _name(index, other)
        of_other_kind = _asks_only(billed) != _asks_only(claim)
        apart = name in replaced or own in _replaced(index, other, billed) or of_other_kind
        found += _lines_of(
            index,
            other,
            billed,
            name,
            replaced_by_this=name in replaced,
            sent_before=not apart and _sent_before(billed, claim, earlier_in_document=before),
            people=People(facts, index, other, today),
        )
    return tuple(found)


def _name(index: Index, entry: Entry) -> str:
    return index.identity(elements.Reference(reference=entry.name), entry) or entry.name


def _answered(index: Index, entry: Entry, billed: elements.Billed) -> str | None:
    """The claim that an explanation of benefits answers."""
    return index.identity(billed.claim, entry) if isinstance(billed, elements.ExplanationOfBenefit) else None


def _replaced(index: Index, entry: Entry, billed: elements.Billed) -> set[str]:
    """The claims that this one says it replaces or follows."""
    return {found for related in billed.related if (found := index.identity(related.claim, entry)) is not None}


def _asks_only(billed: elements.Billed) -> bool:
    """Whether it asks what would be paid, and bills nothing."""
    return billed.use in ("preauthorization", "predetermination")


def _sent_before(other: elements.Billed, claim: elements.Claim, *, earlier_in_document: bool) -> bool:
    """Whether the other was billed before: an answer always was, a claim by its date, then by its place."""
    if isinstance(other, elements.ExplanationOfBenefit):
        return True
    created, own = dates.day(other.created), dates.day(claim.created)
    if created is not None and own is not None and created != own:
        return created < own
    return earlier_in_document


def _lines_of(
    index: Index,
    entry: Entry,
    billed: elements.Billed,
    name: str,
    *,
    replaced_by_this: bool,
    sent_before: bool,
    people: People,
) -> list[EarlierLine]:
    return [
        EarlierLine(
            claim=name,
            replaced_by_this=replaced_by_this,
            sent_before=sent_before,
            asks_only=_asks_only(billed),
            provider=_provider(people, billed, item),
            referral=index.identity(billed.referral, entry),
            day=_day(billed, item),
            code=codes.procedure_code(item.product_or_service),
            modifiers=tuple(
                coding.code.strip().upper() for concept in item.modifier for coding in concept.coding if coding.code
            ),
            charge=None if item.net is None or item.net.value is None else Decimal(str(item.net.value)),
        )
        for item in billed.item
    ]


def _day(billed: elements.Billed, item: elements.Item) -> date | None:
    if item.serviced_date is not None:
        return dates.day(item.serviced_date)
    if item.serviced_period is not None and item.serviced_period.start is not None:
        return dates.day(item.serviced_period.start)
    period = billed.billable_period
    first = None if period is None else dates.day(period.start)
    return first if period is not None and first == dates.day(period.end) else None


def _provider(people: People, billed: elements.Billed, item: elements.Item) -> str | None:
    """Who rendered, by the key that lines of the claim under review have too."""
    position = rendering_member(billed.care_team, item.care_team_sequence)
    reference = billed.provider if position is None else billed.care_team[position].provider
    return None if reference is None else people.provider(reference, "").key
