"""An assistant's service without CQ or CO."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Correction, Denial, Found
from fhir_massage.rules.disciplines import ASSISTANTS
from fhir_massage.rules.registry import line_rule
from fhir_massage.rules.scopes import BilledLine


@line_rule(
    "assistant-modifier-missing",
    family="modifiers",
    severity="error",
    title="An assistant's service without CQ or CO",
    denial=Denial("CO", "4"),
)
def assistant_modifier_missing(line: BilledLine) -> Iterator[Found]:
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
    if line.profession not in ASSISTANTS:
        return
    asked = line.asks(line.policy.assistant_modifier)
    modifier, discipline = ASSISTANTS[line.profession]
    if asked is None or modifier in line.modifiers or not _is_therapy(line):
        return
    others = line.facts.modifiers_of("therapy").intersection(line.modifiers) - {discipline}
    yield line.find(
        "modifier",
        f"{line.named} was given by an assistant, and {line.payer} asks for {modifier} on it.",
        *(() if others else (_as_assistant(line, modifier, discipline),)),
        because=(asked,),
    )


def _is_therapy(line: BilledLine) -> bool:
    if not line.facts.modifiers_of("therapy").isdisjoint(line.modifiers):
        return True
    return line.facts.always_therapy.find(line.code, line.day) is not None


def _as_assistant(line: BilledLine, modifier: str, discipline: str) -> Correction:
    if discipline in line.modifiers:
        return line.certain(f"Add {modifier}", line.change.add_modifier(modifier))
    both = line.change.add_modifier(discipline).add_modifier(modifier)
    return line.certain(f"Add {discipline} and {modifier}", both)
