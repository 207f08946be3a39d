"""The claim names no coverage."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.parts import Services
from fhir_massage.rules.registry import services_rule


@services_rule(
    "coverage-missing",
    family="coverage",
    severity="error",
    title="The claim names no coverage",
    topic="insurance",
    denial=Denial("CO", "16"),
)
def coverage_missing(case: Services) -> Iterator[Found]:
    """Ask for the coverage that is billed.

    What it checks
    A claim without insurance, or whose insurance that is billed (the focal one) names no coverage.

    Why it is denied
    A claim that does not say under which coverage it is made is sent back as incomplete (CO-16).

    What to do
    Name the patient's coverage on the claim.

    Source
    HL7 FHIR R4, Claim: insurance, and the coverage in it, are required.
    """
    if not case.has_insurance:
        yield Found("Claim.insurance", "The claim names no insurance.")
    elif not case.has_coverage:
        yield Found("Claim.insurance", "The claim's insurance names no coverage.")
