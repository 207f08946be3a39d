"""The modifier of another discipline than the one who rendered."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Correction, Denial, Found
from fhir_massage.rules.disciplines import DISCIPLINES, JUDGED, OF_CODES
from fhir_massage.rules.payment import in_words
from fhir_massage.rules.registry import line_rule
from fhir_massage.rules.scopes import BilledLine


@line_rule(
    "discipline-mismatch",
    family="modifiers",
    severity="error",
    title="The modifier of another discipline",
    denial=Denial("CO", "4"),
)
def discipline_mismatch(line: BilledLine) -> Iterator[Found]:
    """Hold GP, GO and GN against who rendered, and against the code.

    What it checks
    GP on a line that an occupational therapist or assistant rendered, or GO on a physical therapist's; and an
    evaluation of one discipline (97161 to 97164, 97165 to 97168) with the modifier of the other, where the payer
    asks for these modifiers.

    Why it is denied
    The modifier names the plan of care under which the service was given. One of another discipline comes back
    (CO-4).

    What to do
    Bill the modifier of the discipline that gave the service, or name who gave it.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 5, section 20.1; CMS Change Request 10176.
    """
    asked = line.asks(line.policy.therapy_modifier)
    own = OF_CODES.get(line.code) or DISCIPLINES.get(line.profession or "")
    said = sorted(line.facts.modifiers_of("therapy").intersection(line.modifiers))
    if asked is None or own is None or len(said) != 1 or said[0] == own or said[0] not in JUDGED:
        return
    whose = "this evaluation" if line.code in OF_CODES else in_words(line.profession or "")
    yield line.find(
        "modifier",
        f"{line.named} has {said[0]}; the modifier of {whose} is {own}.",
        _instead(line, said[0], own),
        because=(asked,),
    )


def _instead(line: BilledLine, said: str, own: str) -> Correction:
    return line.if_confirmed(
        f"Put {own} in place of {said}",
        line.change.change_modifier(said, own),
        f"that the plan of care is the one that {own} names",
    )
