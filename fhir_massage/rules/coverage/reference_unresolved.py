"""Something that the claim names could not be found."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import ClaimCase
from fhir_massage.edit.finding import Found
from fhir_massage.rules.registry import claim_rule

MISSING = {
    "coverage": "The coverage",
    "referral": "The referral",
    "patient": "The patient",
    "rendering provider": "The rendering provider",
}


@claim_rule(
    "reference-unresolved",
    family="coverage",
    severity="warning",
    title="Something that the claim names could not be found",
    topic="insurance",
)
def reference_unresolved(case: ClaimCase) -> Iterator[Found]:
    """Say what the review could not see.

    What it checks
    The coverage, the referral, the patient and who rendered each line: each that the claim names must have
    come along with it, or be at hand in the patient's record. It is found by its address or its identifier;
    a name in words leads nowhere. Who rendered may be named by a number (NPI) alone.

    Why it is denied
    It is not denied by itself. Rules that need what is missing stay silent, so a clean review says less
    than it seems.

    What to do
    Send the missing resource along with the claim, or mend the reference.

    Source
    HL7 FHIR R4, Claim: what these references mean.
    """
    for named_thing in case.named:
        if not named_thing.found:
            yield Found(
                named_thing.element,
                f"{MISSING[named_thing.what]} that the claim names could not be found; rules that need it stay silent.",
            )
