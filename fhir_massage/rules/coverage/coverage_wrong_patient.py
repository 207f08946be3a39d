"""The coverage is another patient's."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.parts import Services
from fhir_massage.rules.registry import services_rule


@services_rule(
    "coverage-wrong-patient",
    family="coverage",
    severity="error",
    title="The coverage is another patient's",
    topic="insurance",
    denial=Denial("CO", "31"),
)
def coverage_wrong_patient(case: Services) -> Iterator[Found]:
    """See that the coverage is the patient's own.

    What it checks
    The beneficiary of the coverage against the patient of the claim.

    Why it is denied
    The payer does not find the patient among those insured under that coverage (CO-31).

    What to do
    Name the patient's own coverage. A child or spouse has one of their own, under the same subscriber.

    Source
    X12 claim adjustment reason code 31; HL7 FHIR R4, Coverage, beneficiary.
    """
    if case.coverage is not None and case.coverage.same_patient is False:
        yield Found(case.coverage.element, "The coverage's beneficiary is another patient than the claim's.")
