"""Something that the claim names could not be found."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Found
from fhir_massage.rules.parts import Services
from fhir_massage.rules.registry import services_rule
from fhir_massage.rules.tools import listed

MISSING = {
    "coverage": "the coverage",
    "referral": "the referral",
    "patient": "the patient",
    "rendering provider": "the rendering provider",
}


@services_rule(
    "reference-unresolved",
    family="coverage",
    severity="information",
    title="Something that the claim names could not be found",
    topic="insurance",
)
def reference_unresolved(case: Services) -> Iterator[Found]:
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
    absent = [named for named in case.named if not named.found]
    if absent:
        what = listed(list(dict.fromkeys(MISSING[named.what] for named in absent)))
        yield Found(
            absent[0].element,
            f"The claim names what could not be found: {what}. Rules that need it stay silent.",
        )
