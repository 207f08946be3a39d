"""The referral is for another patient."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.parts import Services
from fhir_massage.rules.referral.asked import about_referral
from fhir_massage.rules.registry import services_rule


@services_rule(
    "referral-wrong-patient",
    family="referral",
    severity="error",
    title="The referral is for another patient",
    topic="insurance",
    denial=Denial("CO", "288"),
)
def referral_wrong_patient(case: Services) -> Iterator[Found]:
    """See that the referral is for the claim's patient.

    What it checks
    The subject of the referral against the patient of the claim.

    Why it is denied
    A referral for somebody else counts as absent (CO-288).

    What to do
    Name the patient's own referral.

    Source
    The payer's own policy, which asks for a referral.
    """
    if case.referral is not None and case.referral.same_patient is False:
        yield from about_referral(case, "The referral was written for another patient than the claim's.")
