"""Hot or cold packs are not paid by themselves."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.registry import line_rule
from fhir_massage.rules.scopes import BilledLine

HOT_OR_COLD_PACKS = "97010"
BUNDLED = "B"


@line_rule(
    "hot-cold-pack-bundled",
    family="coding",
    severity="error",
    title="Hot or cold packs are not paid by themselves",
    denial=Denial("CO", "97", ("M15",)),
)
def hot_cold_pack_bundled(line: BilledLine) -> Iterator[Found]:
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
    if line.code != HOT_OR_COLD_PACKS:
        return
    follows = line.policy.follows_fee_schedule
    status = line.facts.procedure_status.find(line.code, line.day)
    if follows is not None and follows.value and status is not None and status.status == BUNDLED:
        yield line.find(
            "productOrService",
            f"{line.payer} never pays {line.named} by itself: it is part of the other services of the visit.",
            line.certain(f"Remove line {line.number}", line.change.remove()),
            because=(status, follows),
        )
