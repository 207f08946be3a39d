"""The payer does not pay this profession for the service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fhir_massage.case.seen import OrderCase, Performer
from fhir_massage.edit.finding import Correction, Denial, Edit, Found
from fhir_massage.facts.policy import Payable
from fhir_massage.facts.rows import OutsideScope
from fhir_massage.rules.order.services import OFFERED, service_in_words, services_of
from fhir_massage.rules.payment import in_words, refusal
from fhir_massage.rules.registry import order_rule
from fhir_massage.rules.tools import cite

NUCC = "http://nucc.org/provider-taxonomy"
MOST_OFFERED = 3


@order_rule(
    "order-performer-not-payable",
    severity="error",
    title="The payer does not pay this profession for the service",
    topic="insurance",
    denial=Denial("CO", "170"),
)
def order_performer_not_payable(case: OrderCase) -> Iterator[Found]:
    """Look at who is asked to render the service.

    What it checks
    The professions that the order names as performer, against the professions that the payer pays for the
    service, and against what lies within a profession at all.

    Why it is denied
    A service is paid only to the professions that the payer recognises for it (CO-170), however well it
    was given.

    What to do
    Name a profession that the payer pays for the service. Each that it pays is offered.

    Source
    The payer's own policy, named in the finding.
    """
    if case.policy is None:
        return
    for performer in case.performers:
        refused = _refusals(case, performer.profession)
        if not refused:
            continue
        first = refused[0]
        group = first.group if isinstance(first, Payable) else "CO"
        yield Found(
            performer.element,
            f"{case.payer_title} does not pay {in_words(performer.profession or '')} for {service_in_words(case)}.",
            tuple(_payable_performers(case)),
            cite(case.facts, *refused),
            denial=Denial(group, "170"),
        )


def _refusals(case: OrderCase, profession: str | None) -> list[Payable | OutsideScope]:
    """Why the profession is not paid for the service ordered, for each service that may be meant; else nothing."""
    if profession is None:
        return []
    found = [refusal(case.facts, case.policy, code, profession, case.day) for code in services_of(case)]
    return [] if None in found else [why for why in found if why is not None]


def _payable_performers(case: OrderCase) -> Iterator[Correction]:
    """Orders to a profession that the payer pays, those without conditions first."""
    paid = [_paid(case, profession) for profession in OFFERED]
    ranked = sorted((rank, place) for place, rank in enumerate(paid) if rank is not None)
    for _, place in ranked[:MOST_OFFERED]:
        taxonomy = _taxonomy(case, OFFERED[place])
        if taxonomy is None:
            continue
        yield Correction(
            f"Order it from {in_words(OFFERED[place])}",
            (
                Edit("add", "/performerType", {"coding": [{"system": NUCC, "code": taxonomy}]}),
                *_without(case, [p for p in case.performers if _refusals(case, p.profession)]),
            ),
            f"that {in_words(OFFERED[place])} is to render it",
        )


def _paid(case: OrderCase, profession: str) -> int | None:
    """0 where the profession is paid for the service, 1 under conditions, ``None`` where not, or not known."""
    assert case.policy is not None
    answers = [case.policy.payable(code, profession) for code in services_of(case)]
    covered = [case.policy.covered(code, profession) for code in services_of(case)]
    if any(answer is None or answer.answer == "no" for answer in answers) or _refusals(case, profession):
        return None
    if any(answer is not None and answer.answer == "no" for answer in covered):
        return None
    return int(any(answer is not None and answer.answer == "conditional" for answer in answers))


def _taxonomy(case: OrderCase, profession: str) -> str | None:
    """The NUCC code of a profession as such: its own code, or the general one of its classification."""
    for row in case.facts.professions:
        if row.profession == profession and len(row.taxonomy) >= 4 and row.in_force(case.day):
            return row.taxonomy if len(row.taxonomy) == 10 else f"{row.taxonomy:0<9}X"
    return None


def _without(case: OrderCase, refused: list[Performer]) -> list[Edit]:
    """The edits that take refused performers off the order, from the last."""
    request: Any = case.read_json()
    positions = [
        int(performer.element[len("ServiceRequest.performer[") : -1])
        for performer in refused
        if performer.element.startswith("ServiceRequest.performer[")
    ]
    if positions and len(positions) == len(request.get("performer", [])):
        return [Edit("remove", "/performer")]
    return [Edit("remove", f"/performer/{position}") for position in sorted(positions, reverse=True)]
