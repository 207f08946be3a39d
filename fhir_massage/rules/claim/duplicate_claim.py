"""Billed on another claim already."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import ClaimCase, EarlierLine, Line
from fhir_massage.edit.finding import Denial, Found
from fhir_massage.read.references import is_type_and_id
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import cite, named


@claim_rule(
    "duplicate-claim",
    family="claim",
    severity="error",
    title="Billed on another claim already",
    topic="duplicate-therapy",
    denial=Denial("CO", "18"),
)
def duplicate_claim(case: ClaimCase) -> Iterator[Found]:
    """Find a service that another claim has billed before.

    What it checks
    Another claim, or a payer's answer to one, that came along with the same patient, rendering provider,
    date of service and code, was sent before this one, and is not the one that this claim says it replaces
    (a related claim that is only associated is not replaced). A cancelled claim was sent all the same. A repeat that is marked as one (76, 77, 91) is none.

    Why it is denied
    The service is denied as a duplicate of the claim that came first (CO-18).

    What to do
    Do not send it again. To correct a claim that was sent, name it in this claim as the one replaced.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 1, detection of duplicate claims; X12,
    claim adjustment reason code 18.
    """
    if not case.bills_besides:
        return
    for line in case.lines:
        billed = _billed_before(case, line)
        if billed is not None:
            yield Found(
                line.element,
                f"{named(case.facts, line.code, line.day)} of {line.day} was billed by the same provider on "
                f"{_called(billed.claim)} already.",
                citations=cite(
                    case.facts,
                    *case.facts.rule_sources.all("duplicate-claim", line.day or case.today),
                    case.facts.denials.find(("carc", "18"), line.day or case.today),
                ),
            )


def _billed_before(case: ClaimCase, line: Line) -> EarlierLine | None:
    """The line that billed the same service before, where neither says that it is a repeat."""
    repeats = case.facts.modifiers_of("repeat")
    if line.provider.key is None or line.day is None or line.code is None or not repeats.isdisjoint(line.modifiers):
        return None
    others = case.read_same_service(line.provider.key, line.day, line.code)
    return next((other for other in others if other.sent_before and repeats.isdisjoint(other.modifiers)), None)


def _called(claim: str) -> str:
    """Another claim by its type and id; one that is known by an address alone has no name."""
    return claim if is_type_and_id(claim) else "another claim"
