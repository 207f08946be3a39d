"""Spinal manipulation without AT."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.manipulation import MANIPULATION
from fhir_massage.rules.registry import line_rule
from fhir_massage.rules.scopes import BilledLine


@line_rule(
    "manipulation-modifier-missing",
    family="modifiers",
    severity="error",
    title="Spinal manipulation without AT",
    denial=Denial("CO", "50"),
)
def manipulation_modifier_missing(line: BilledLine) -> Iterator[Found]:
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
    if line.code not in MANIPULATION or not {"AT", "GA", "GY", "GZ"}.isdisjoint(line.modifiers):
        return
    asked = line.asks(line.policy.manipulation_modifier)
    if asked is not None:
        add = line.change.add_modifier("AT")
        active = "documentation of active treatment, not maintenance"
        yield line.find(
            "modifier",
            f"{line.named} has no AT, so {line.payer} takes it for maintenance.",
            line.if_confirmed("Add AT: active treatment", add, active),
            because=(asked,),
        )
