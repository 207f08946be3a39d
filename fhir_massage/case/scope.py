"""What is ours to judge: massage, manual therapy and what stands beside them, on claims and on orders.

Every door asks here. The facts decide: ranges of procedure codes and types of claims in ``claim_scope``, words and
codes of orders in ``order_scope``. What is ours does not change from day to day, so the dates of ``claim_scope`` only
say since when its sources are known to say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from fhir_massage.facts.book import Facts
from fhir_massage.read import codes, dates, elements
from fhir_massage.read.read import Entry

#: The statuses of claims that are not reviewed.
NOT_REVIEWED = frozenset({"cancelled", "entered-in-error"})
#: Words that make a massage one of an organ or a nerve point, which no therapist is ordered for.
_OF_ORGANS = ("carotid", "prostat", "rectal")
#: The extension by which an order says which procedure codes it may be billed by.
BILLING_OPTIONS = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-billing-options"
_LOINC = frozenset({"http://loinc.org", "urn:oid:2.16.840.1.113883.6.1"})


def in_scope(facts: Facts, subjects: Iterable[Entry], today: date) -> list[Entry]:
    """Return the subjects of a review that are ours to judge; orders were chosen for that already."""
    return [
        entry
        for entry in subjects
        if not isinstance(entry.resource, elements.Claim) or claim_is_ours(facts, entry.resource, today)
    ]


def claim_is_ours(facts: Facts, claim: elements.Claim, today: date) -> bool:
    """Return whether any line of the claim is ours. A claim for drugs, teeth or eyes never is."""
    if any(facts.is_type_never_ours(code) for _, code in codes.codes(claim.type)):
        return False
    return any(item_is_ours(facts, item, today) for item in claim.item)


def item_is_ours(facts: Facts, item: elements.Item, today: date) -> bool:
    """Return whether a line bills a code of ours or, without a code, names massage or manual therapy in words."""
    code = codes.procedure_code(item.product_or_service)
    if code is not None:
        return facts.is_code_ours(code)
    return _words_in_scope(facts, list(codes.words(item.product_or_service)), today)


def order_is_ours(facts: Facts, request: elements.ServiceRequest, today: date) -> bool:
    """Return whether an order is for massage or manual therapy.

    A procedure code (its own, or one it may be billed by) decides, failing that a SNOMED CT code of the facts,
    failing that the words. An order for an observation (LOINC), and one that forbids the service, is for something
    else.
    """
    concepts = (request.code, *request.order_detail)
    if request.do_not_perform:
        return False
    day = order_day(request, today)
    procedures = [code for c in concepts if (code := codes.procedure_code(c)) is not None]
    procedures += billing_options(request)
    if procedures:
        return any(ordered_as(facts, "code", code, day) for code in procedures)
    coded = [found for c in concepts for found in codes.codes(c)]
    known = [ordered_as(facts, "snomed", code, day) for system, code in coded if system in codes.SNOMED_SYSTEMS]
    if False in known or any(system in _LOINC for system, _ in coded):
        return False
    return True in known or _words_in_scope(facts, [text for c in concepts for text in codes.words(c)], day)


def order_day(request: elements.ServiceRequest, today: date) -> date:
    """Return the day whose facts count: the start of what is ordered, else when it was written, else today."""
    period = request.occurrence_period
    for text in (request.occurrence_date_time, period.start if period else None, request.authored_on):
        day = dates.day(text)
        if day is not None:
            return day
    return today


def billing_options(request: elements.ServiceRequest) -> list[str]:
    """Return the procedure codes that the order says it may be billed by, each once."""
    options = [] if request.code is None else request.code.extension
    found = [codes.procedure_code(o.value_codeable_concept) for o in options if o.url == BILLING_OPTIONS]
    return list(dict.fromkeys(code for code in found if code is not None))


def ordered_as(facts: Facts, kind: str, value: str, day: date) -> bool | None:
    """Return whether an order's code is for a service of ours; ``None`` for a code that the facts do not hold."""
    row = facts.order_scope.find((kind, value), day)
    return None if row is None else row.ours


def _words_in_scope(facts: Facts, texts: Sequence[str], day: date) -> bool:
    """Return whether one of the texts names massage or manual therapy, and nothing that makes it another thing."""
    for text in texts:
        said = " ".join(text.lower().replace("-", " ").split())
        stems = [row for row in facts.order_scope if row.kind == "text" and row.in_force(day)]
        named = [row.ours for row in stems if row.value in said] + [False for word in _OF_ORGANS if word in said]
        if named and all(named):
            return True
    return False
