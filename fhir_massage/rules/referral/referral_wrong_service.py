"""The referral orders another service."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from fhir_massage.case.seen import Referral
from fhir_massage.edit.finding import Denial, Found
from fhir_massage.read.codes import PROCEDURE_SYSTEMS, SNOMED_SYSTEMS, has_procedure_shape
from fhir_massage.rules.parts import Service, Services
from fhir_massage.rules.referral.asked import asked_lines, citing
from fhir_massage.rules.registry import services_rule
from fhir_massage.rules.tools import charges, listed, named

#: Evaluations: who is sent for one is sent to be evaluated and treated.
EVALUATIONS = frozenset({"97001", "97003", "97161", "97162", "97163", "97165", "97166", "97167"})
#: SNOMED CT: physical therapy procedure, the parent of every therapy billed here.
PHYSICAL_THERAPY = "91251008"
#: Words of an order that is for therapy in general.
GENERAL_WORDS = ("therap", "physio", "rehab", "massage", "manual", "evaluate and treat")


@services_rule(
    "referral-wrong-service",
    family="referral",
    severity="warning",
    title="The referral orders another service",
    topic="insurance",
    denial=Denial("CO", "288"),
)
def referral_wrong_service(case: Services) -> Iterator[Found]:
    """Hold what was billed against what was ordered.

    What it checks
    A referral coded in CPT, HCPCS or SNOMED CT, none of whose codes is that of the service billed or
    covers it. A therapy evaluation, and an order for physical or massage therapy in general, cover the
    treatments of that therapy. A SNOMED CT code that says nothing known is not judged.

    Why it is denied
    A referral for another service counts as absent for this one (CO-288).

    What to do
    Bill the service that was ordered and given, or ask the referring provider to amend the order.

    Source
    The payer's own policy, which asks for a referral.
    """
    referral = case.referral
    if referral is None or not referral.codes:
        return
    other = [(line, entry) for line, entry in asked_lines(case) if not _orders(case, referral, line)]
    if other:
        billed = listed(list(dict.fromkeys(named(case.facts, line.code, line.day) for line, _ in other)))
        ordered = listed(list(dict.fromkeys(_said(case, code) for _, code in referral.codes)))
        yield Found(
            "Claim.referral",
            f"The referral orders {ordered}, and the claim bills {billed}.",
            citations=citing(case, other),
            at_risk=charges(line for line, _ in other),
        )


def _orders(case: Services, referral: Referral, line: Service) -> bool:
    """Whether the referral orders the line's service, covers it, or cannot be read well enough to deny it."""
    assert line.code is not None
    assert line.day is not None
    procedures = [code.upper() for system, code in referral.codes if _is_procedure(system, code)]
    concepts = [code for system, code in referral.codes if system in SNOMED_SYSTEMS]
    if not procedures and not concepts:
        return True
    if line.code in procedures or not EVALUATIONS.isdisjoint(procedures):
        return True
    return any(_concept_orders(case, code, line, line.day) for code in concepts) or _words_order(referral)


def _is_procedure(system: str, code: str) -> bool:
    return system in PROCEDURE_SYSTEMS or (not system and has_procedure_shape(code))


def _concept_orders(case: Services, concept: str, line: Service, day: date) -> bool:
    techniques = {row.code for row in case.facts.techniques.all(("snomed", concept), day)}
    if techniques:
        return line.code in techniques
    scope = case.facts.order_scope.find(("snomed", concept), day)
    return concept == PHYSICAL_THERAPY or (scope is not None and scope.ours)


def _words_order(referral: Referral) -> bool:
    """Whether what is ordered without a procedure code is in words for therapy, or in no words at all."""
    coded_only = all(_is_procedure(system, code) for system, code in referral.codes)
    if not referral.words:
        return not coded_only
    return any(word in text.lower() for text in referral.words for word in GENERAL_WORDS)


def _said(case: Services, code: str) -> str:
    return named(case.facts, code, case.day)
