"""Manipulation and manual work on the same region."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Found
from fhir_massage.rules.ptp.pairs import BUNDLED, because, pairs, regions_in_words, state_of
from fhir_massage.rules.registry import visit_rule
from fhir_massage.rules.scopes import Visit
from fhir_massage.rules.tools import confirmed


@visit_rule(
    "ptp-same-region",
    family="ptp",
    severity="error",
    title="Manipulation and manual work on the same region",
    denial=BUNDLED,
)
def ptp_same_region(visit: Visit) -> Iterator[Found]:
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
    for met in pairs(visit, "1"):
        if met.pair.apart != "region" or state_of(met) != "together":
            continue
        shared = regions_in_words(met.one.regions & met.two.regions)
        yield visit.find(
            met.two,
            "",
            f"{visit.named(met.two.code)} is part of {visit.named(met.one.code)} (line {met.one.number}) "
            f"in the same region, and both are billed for: {shared}.",
            confirmed(
                f"Remove line {met.two.number}",
                visit.change().remove(met.two.index),
                f"that {met.two.code} treated no other region",
            ),
            because=because(visit, met),
        )
