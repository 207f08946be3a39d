"""An assistant's service without CQ or CO."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import ClaimCase, Line
from fhir_massage.edit.finding import Correction, Denial, Found
from fhir_massage.rules.modifiers.therapy import ASSISTANTS, THERAPY, flag_on
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import certain, change, cite, named


@claim_rule(
    "assistant-modifier-missing",
    family="modifiers",
    within="line",
    severity="error",
    title="An assistant's service without CQ or CO",
    denial=Denial("CO", "4"),
)
def assistant_modifier_missing(case: ClaimCase) -> Iterator[Found]:
    """Ask for CQ or CO on what a therapy assistant gave.

    What it checks
    A therapy service rendered by a physical therapist assistant without CQ, or by an occupational therapy
    assistant without CO, where the payer asks for them.

    Why it is denied
    Services of assistants are paid less, and the modifier says so. A line without it is sent back (CO-4) or
    taken back as overpaid.

    What to do
    Add CQ beside GP, or CO beside GO.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 5, section 20.1; the payer's own policy,
    named in the finding.
    """
    for line in case.lines:
        if line.provider.profession not in ASSISTANTS or line.policy is None or line.code is None or line.day is None:
            continue
        flag = flag_on(line, line.policy.assistant_modifier)
        modifier, discipline = ASSISTANTS[line.provider.profession]
        if flag is None or modifier in line.modifiers or not _is_therapy(case, line):
            continue
        others = THERAPY.intersection(line.modifiers) - {discipline}
        yield Found(
            f"{line.element}.modifier",
            f"{named(case.facts, line.code, line.day)} was given by an assistant, "
            f"and {case.payer_title} asks for {modifier} on it.",
            () if others else (_as_assistant(case, line, modifier, discipline),),
            cite(case.facts, flag),
        )


def _is_therapy(case: ClaimCase, line: Line) -> bool:
    assert line.code is not None
    assert line.day is not None
    return not THERAPY.isdisjoint(line.modifiers) or case.facts.always_therapy.find(line.code, line.day) is not None


def _as_assistant(case: ClaimCase, line: Line, modifier: str, discipline: str) -> Correction:
    added = change(case)
    if discipline not in line.modifiers:
        added.add_modifier(line.index, discipline)
        return certain(f"Add {discipline} and {modifier}", added.add_modifier(line.index, modifier))
    return certain(f"Add {modifier}", added.add_modifier(line.index, modifier))
