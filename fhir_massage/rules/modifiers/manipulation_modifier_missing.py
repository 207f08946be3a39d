"""Spinal manipulation without AT."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import ClaimCase
from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.modifiers.therapy import flag_on
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import change, cite, confirmed, named

MANIPULATION = frozenset({"98940", "98941", "98942"})


@claim_rule(
    "manipulation-modifier-missing",
    family="modifiers",
    within="line",
    severity="error",
    title="Spinal manipulation without AT",
    denial=Denial("CO", "50"),
)
def manipulation_modifier_missing(case: ClaimCase) -> Iterator[Found]:
    """Ask for AT on spinal manipulation.

    What it checks
    98940, 98941 or 98942 without AT, where the payer asks for it, and without GA, GY or GZ, which say that
    no payment is expected.

    Why it is denied
    Without AT Medicare takes the treatment to be maintenance, which it does not cover (CO-50).

    What to do
    If the treatment was active, not maintenance, add AT. For maintenance bill with the notice of liability.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 12, section 220.
    """
    for line in case.lines:
        if line.code not in MANIPULATION or line.policy is None or line.day is None:
            continue
        flag = flag_on(line, line.policy.manipulation_modifier)
        if flag is None or not {"AT", "GA", "GY", "GZ"}.isdisjoint(line.modifiers):
            continue
        yield Found(
            f"{line.element}.modifier",
            f"{named(case.facts, line.code, line.day)} has no AT, so {case.payer_title} takes it for maintenance.",
            (
                confirmed(
                    "Add AT: active treatment",
                    change(case).add_modifier(line.index, "AT"),
                    "documentation of active treatment, not maintenance",
                ),
            ),
            cite(case.facts, flag),
        )
