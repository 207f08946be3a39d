"""Hot or cold packs are not paid by themselves."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import ClaimCase
from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import certain, change, cite, named

HOT_OR_COLD_PACKS = "97010"
BUNDLED = "B"


@claim_rule(
    "hot-cold-pack-bundled",
    family="coding",
    within="line",
    severity="error",
    title="Hot or cold packs are not paid by themselves",
    denial=Denial("CO", "97", ("M15",)),
)
def hot_cold_pack_bundled(case: ClaimCase) -> Iterator[Found]:
    """Take off what is paid as part of another service.

    What it checks
    Hot or cold packs (97010) billed to a payer that follows the Medicare physician fee schedule, where the
    code is bundled (status B).

    Why it is denied
    A bundled code is never paid by itself, whatever else stands on the claim (CO-97, M15).

    What to do
    Remove the line. The packs may stay in the record of the visit.

    Source
    CMS, National Physician Fee Schedule Relative Value File, status codes; the payer's own policy, both
    named in the finding.
    """
    for line in case.lines:
        if line.code != HOT_OR_COLD_PACKS or line.day is None or line.policy is None:
            continue
        follows = line.policy.follows_fee_schedule
        status = case.facts.procedure_status.find(line.code, line.day)
        if follows is None or not follows.value or status is None or status.status != BUNDLED:
            continue
        yield Found(
            f"{line.element}.productOrService",
            f"{case.payer_title} never pays {named(case.facts, line.code, line.day)} by itself: "
            "it is part of the other services of the visit.",
            (certain(f"Remove line {line.index + 1}", change(case).remove(line.index)),),
            cite(case.facts, status, follows),
        )
