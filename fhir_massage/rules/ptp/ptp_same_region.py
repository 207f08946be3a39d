"""Manipulation and manual work on the same region."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import ClaimCase
from fhir_massage.edit.finding import Found
from fhir_massage.rules.ptp.pairs import BUNDLED, pairs, regions_in_words, state_of
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import certain, change, cite, named


@claim_rule(
    "ptp-same-region",
    family="ptp",
    within="encounter",
    severity="error",
    title="Manipulation and manual work on the same region",
    denial=BUNDLED,
)
def ptp_same_region(case: ClaimCase) -> Iterator[Found]:
    """Find manual work billed for a region that was manipulated in the same visit.

    What it checks
    A chiropractic manipulation and a service that NCCI bundles into it, where the claim names the regions
    of both lines and they share one, whatever the modifiers.

    Why it is denied
    Manual work on a region that is manipulated is part of the manipulation (CO-236). A modifier would say
    what the claim itself shows to be untrue.

    What to do
    Take the column-two service off the claim. Where a region is recorded wrongly, mend the record first.

    Source
    CMS, NCCI Policy Manual chapter XI, section on chiropractic manipulative treatment.
    """
    for met in pairs(case, "1"):
        if met.pair.apart != "region" or state_of(met) != "together":
            continue
        shared = regions_in_words(met.one.regions & met.two.regions)
        yield Found(
            met.two.element,
            f"{named(case.facts, met.two.code, met.encounter.day)} is part of "
            f"{named(case.facts, met.one.code, met.encounter.day)} (line {met.one.index + 1}) in the same region, "
            f"and both are billed for: {shared}.",
            (certain(f"Remove line {met.two.index + 1}", change(case).remove(met.two.index)),),
            cite(case.facts, met.pair),
        )
