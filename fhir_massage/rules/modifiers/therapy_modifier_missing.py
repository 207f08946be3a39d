"""Therapy without the modifier of its discipline."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Correction, Denial, Found
from fhir_massage.rules.disciplines import DISCIPLINES, JUDGED
from fhir_massage.rules.payment import in_words
from fhir_massage.rules.registry import line_rule
from fhir_massage.rules.scopes import BilledLine

#: Who may furnish therapy under a plan of care of more than one discipline.
OF_ANY_DISCIPLINE = frozenset({"physician", "advanced-practice", "chiropractor"})


@line_rule(
    "therapy-modifier-missing",
    family="modifiers",
    severity="error",
    title="Therapy without the modifier of its discipline",
    denial=Denial("CO", "4"),
)
def therapy_modifier_missing(line: BilledLine) -> Iterator[Found]:
    """Ask for GP, GO or GN on therapy.

    What it checks
    A code that Medicare always holds to be therapy, without GP, GO or GN, where the payer asks for them. Where the
    line has that of another discipline than the one who rendered, *discipline-mismatch* says so, and here is a note.
    CQ or CO without the modifier that it needs is for *modifier-conflict* to say.

    Why it is denied
    The modifier says under which plan of care the service was given. Without it the line comes back (CO-4).

    What to do
    Add GP for physical therapy, GO for occupational therapy, GN for speech-language pathology. A physician
    or chiropractor adds that of the plan of care.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 5, section 10.6 and 20; CMS Change
    Request 10176; the payer's own policy, named in the finding.
    """
    asked = line.asks(line.policy.therapy_modifier)
    always = None if asked is None else line.facts.always_therapy.find(line.code, line.day)
    if asked is None or always is None:
        return
    said = line.facts.modifiers_of("therapy").intersection(line.modifiers)
    if not said and _lacks_companion(line):
        return
    if not said:
        yield line.find(
            "modifier",
            f"{line.named} is therapy, and {line.payer} asks for GP, GO or GN on it.",
            *_discipline(line),
            because=(asked, always),
        )
    elif (own := DISCIPLINES.get(line.profession or "")) is not None and said <= JUDGED - {own}:
        yield line.find(
            "modifier",
            f"{line.named} lacks {own}, the modifier of {in_words(line.profession or '')}; see discipline-mismatch.",
            because=(asked, always),
            severity="information",
        )


def _lacks_companion(line: BilledLine) -> bool:
    """Whether an assistant's modifier is on the line without the one that it needs: *modifier-conflict* says so."""
    return any(
        row.kind == "needs"
        for modifier in line.modifiers
        for row in line.facts.modifier_conflicts.all(modifier, line.day)
    )


def _discipline(line: BilledLine) -> Iterator[Correction]:
    if line.profession in DISCIPLINES:
        modifier = DISCIPLINES[line.profession]
        yield line.certain(f"Add {modifier}", line.change.add_modifier(modifier))
    elif line.profession in OF_ANY_DISCIPLINE:
        yield line.if_confirmed(
            "Add GP: a physical therapy plan of care",
            line.change.add_modifier("GP"),
            "that the plan of care is one of physical therapy",
        )
