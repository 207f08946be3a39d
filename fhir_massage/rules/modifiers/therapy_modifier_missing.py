"""Therapy without the modifier of its discipline."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import ClaimCase, Line
from fhir_massage.edit.finding import Correction, Denial, Found
from fhir_massage.rules.modifiers.therapy import DISCIPLINES, THERAPY, flag_on
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import certain, change, cite, confirmed, named

#: Who may furnish therapy under a plan of care of more than one discipline.
OF_ANY_DISCIPLINE = frozenset({"physician", "advanced-practice", "chiropractor"})


@claim_rule(
    "therapy-modifier-missing",
    family="modifiers",
    within="line",
    severity="error",
    title="Therapy without the modifier of its discipline",
    denial=Denial("CO", "4"),
)
def therapy_modifier_missing(case: ClaimCase) -> Iterator[Found]:
    """Ask for GP, GO or GN on therapy.

    What it checks
    A code that Medicare always holds to be therapy, without GP, GO or GN, where the payer asks for them.

    Why it is denied
    The modifier says under which plan of care the service was given. Without it the line comes back (CO-4).

    What to do
    Add GP for physical therapy, GO for occupational therapy, GN for speech-language pathology. A physician
    or chiropractor adds that of the plan of care.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 5, section 10.6 and 20; CMS Change
    Request 10176; the payer's own policy, named in the finding.
    """
    for line in case.lines:
        flag = flag_on(line, line.policy.therapy_modifier) if line.policy else None
        if flag is None or not THERAPY.isdisjoint(line.modifiers) or line.code is None or line.day is None:
            continue
        always = case.facts.always_therapy.find(line.code, line.day)
        if always is None:
            continue
        yield Found(
            f"{line.element}.modifier",
            f"{named(case.facts, line.code, line.day)} is therapy, and {case.payer_title} asks for GP, GO or GN on it.",
            tuple(_discipline(case, line)),
            cite(case.facts, flag, always),
        )


def _discipline(case: ClaimCase, line: Line) -> Iterator[Correction]:
    profession = line.provider.profession
    if profession in DISCIPLINES:
        modifier = DISCIPLINES[profession]
        yield certain(f"Add {modifier}", change(case).add_modifier(line.index, modifier))
    elif profession in OF_ANY_DISCIPLINE:
        yield confirmed(
            "Add GP: a physical therapy plan of care",
            change(case).add_modifier(line.index, "GP"),
            "that the plan of care is one of physical therapy",
        )
