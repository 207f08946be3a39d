"""The claim has no diagnosis."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.parts import Services
from fhir_massage.rules.registry import services_rule
from fhir_massage.rules.tools import NO_INSURERS


@services_rule(
    "diagnosis-missing",
    family="diagnosis",
    severity="error",
    title="The claim has no diagnosis",
    denial=Denial("CO", "16", ("M76",)),
)
def diagnosis_missing(case: Services) -> Iterator[Found]:
    """Ask for a diagnosis.

    What it checks
    A claim without any diagnosis. Where the patient pays, nobody asks for one.

    Why it is denied
    A professional claim needs at least one diagnosis. Without it the claim is sent back as incomplete
    (CO-16 with M76).

    What to do
    Add the diagnoses that the record of the visit, or the referral, gives.

    Source
    National Uniform Claim Committee, 1500 claim form instructions, item 21.
    """
    if not case.diagnoses and case.payer_class not in NO_INSURERS:
        yield Found("Claim.diagnosis", "The claim has no diagnosis; at least one is required.")
