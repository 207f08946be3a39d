"""Two services that are never paid together."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Found
from fhir_massage.rules.ptp.pairs import BUNDLED, pairs
from fhir_massage.rules.registry import visit_rule
from fhir_massage.rules.scopes import Visit
from fhir_massage.rules.tools import certain


@visit_rule(
    "ptp-not-separable",
    family="ptp",
    severity="error",
    title="Two services that are never paid together",
    denial=BUNDLED,
)
def ptp_not_separable(visit: Visit) -> Iterator[Found]:
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
    for met in pairs(visit, "0"):
        yield visit.find(
            met.two,
            "",
            f"{visit.named(met.two.code)} is never paid beside {visit.named(met.one.code)} on one day, "
            "with or without a modifier.",
            certain(f"Remove line {met.two.number}", visit.change().remove(met.two.index)),
            because=(met.pair,),
        )
