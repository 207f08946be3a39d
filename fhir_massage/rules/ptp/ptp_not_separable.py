"""Two services that are never paid together."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import ClaimCase
from fhir_massage.edit.finding import Found
from fhir_massage.rules.ptp.pairs import BUNDLED, pairs
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import certain, change, cite, named


@claim_rule(
    "ptp-not-separable",
    family="ptp",
    within="encounter",
    severity="error",
    title="Two services that are never paid together",
    denial=BUNDLED,
)
def ptp_not_separable(case: ClaimCase) -> Iterator[Found]:
    """Find pairs that no modifier can separate.

    What it checks
    Two services of one encounter that make an NCCI pair of indicator 0, for payers that follow NCCI.

    Why it is denied
    The column-two service is never paid beside the other on one day, whatever the modifier (CO-236).

    What to do
    Take the column-two service off the claim.

    Source
    CMS, National Correct Coding Initiative, procedure-to-procedure edits for practitioners.
    """
    for met in pairs(case, "0"):
        yield Found(
            met.two.element,
            f"{named(case.facts, met.two.code, met.encounter.day)} is never paid beside "
            f"{named(case.facts, met.one.code, met.encounter.day)} on one day, with or without a modifier.",
            (certain(f"Remove line {met.two.index + 1}", change(case).remove(met.two.index)),),
            cite(case.facts, met.pair),
        )
