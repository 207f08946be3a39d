"""The coverage billed pays for drugs alone."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.parts import Services
from fhir_massage.rules.registry import services_rule


@services_rule(
    "coverage-not-for-service",
    family="coverage",
    severity="error",
    title="The coverage billed pays for drugs alone",
    topic="insurance",
    denial=Denial("CO", "109"),
)
def coverage_not_for_service(case: Services) -> Iterator[Found]:
    """See that the coverage billed pays for services at all.

    What it checks
    The insurance that is billed is a plan for drugs alone: Medicare Part D by the name or type of the plan.

    Why it is denied
    A drug plan pays for no services. A claim sent to a payer that does not cover the service is denied, to be
    sent to the one that does (CO-109).

    What to do
    Bill the patient's medical coverage. With Medicare that is Part B, or the Medicare Advantage plan.

    Source
    X12 claim adjustment reason code 109; HL7 US Core, Coverage, on how Medicare's Part D is told.
    """
    slot = case.billed
    if slot is not None and slot.kind == "drug":
        yield Found(
            f"{slot.element}.coverage",
            "The coverage billed is a drug plan (Medicare Part D), which pays for no services.",
        )
