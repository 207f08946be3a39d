"""The order gives no reason."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import OrderCase
from fhir_massage.edit.finding import Correction, Edit, Found
from fhir_massage.rules.order.services import service_in_words, services_of
from fhir_massage.rules.registry import order_rule


@order_rule("order-diagnosis-missing", severity="warning", title="The order gives no reason", topic="guideline")
def order_diagnosis_missing(case: OrderCase) -> Iterator[Found]:
    """Ask for the diagnosis with the order.

    What it checks
    An order that names no reason, neither as a code nor as a condition of the patient.

    Why it is denied
    The claim will need a diagnosis that supports the service, and a referral without a reason is incomplete
    to payers that ask for one (CO-16).

    What to do
    Name the condition that the treatment is for. Each active condition of the patient that supports the
    service is offered.

    Source
    CMS, Medicare Learning Network, web-based training on the CMS-1500, item 21; HL7, FHIR R4,
    ServiceRequest.reasonCode and reasonReference.
    """
    if case.has_reason:
        return
    yield Found(
        "ServiceRequest.reasonCode",
        f"The order for {service_in_words(case)} gives no reason; the claim will need a diagnosis that supports it.",
        tuple(_conditions_as_reasons(case)),
    )


def _conditions_as_reasons(case: OrderCase) -> Iterator[Correction]:
    for condition in case.conditions:
        if condition.code is None or not _supports(case, condition.code):
            continue
        yield Correction(
            f"Name {condition.code} as the reason",
            (Edit("add", "/reasonReference", [{"reference": condition.reference}]),),
            f"that {condition.code} is the reason for the treatment",
        )


def _supports(case: OrderCase, diagnosis: str) -> bool:
    """Whether the payer's list, or failing that the facts, hold the diagnosis to support a service ordered."""
    for code in services_of(case):
        own = None if case.policy is None else case.policy.supporting(code)
        if own is not None:
            if diagnosis.startswith(own.prefixes):
                return True
            continue
        if case.facts.supports(code, diagnosis, case.day):
            return True
    return False
