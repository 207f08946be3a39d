"""A service that is never covered, without saying so."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Correction, Found
from fhir_massage.facts.policy import Covered, Payable
from fhir_massage.rules.payment import enrolls
from fhir_massage.rules.registry import line_rule
from fhir_massage.rules.scopes import BilledLine

#: What says that a service is never covered, or that no payment is expected for it.
NEVER_PAID = frozenset({"GX", "GY", "GZ"})


@line_rule(
    "noncovered-modifier-missing",
    family="modifiers",
    severity="warning",
    title="A service that is never covered, without saying so",
)
def noncovered_modifier_missing(line: BilledLine) -> Iterator[Found]:
    """Ask for GY where a service is sent although the payer never covers it.

    What it checks
    A service that the payer does not pay this profession for, or does not cover, on a line without GX, GY
    or GZ, where the payer asks for them. GA does not do: it speaks of a service that is covered, but not
    this time.

    Why it is denied
    It is denied in any case. With GY the denial falls to the patient's share, or to a second insurer, and
    not to the provider.

    What to do
    If the claim is sent to have the denial in writing, add GY. Otherwise take the line off the claim.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 1, section 60; the payer's policy, named
    in the finding.
    """
    if not NEVER_PAID.isdisjoint(line.modifiers):
        return
    if not enrolls(line.policy, line.profession):  # who cannot enroll cannot send a claim for its denial
        return
    asked = line.asks(line.policy.noncovered_modifier)
    never = None if asked is None else _never(line)
    if never is not None:
        yield line.find(
            "modifier",
            f"{line.named}: {line.payer} never pays for this here, and the line does not say so.",
            _as_not_covered(line),
            because=(asked, never),
        )


def _never(line: BilledLine) -> Payable | Covered | None:
    """The entry that says that the line is never paid."""
    answers = (line.policy.payable(line.code, line.profession), line.policy.covered(line.code, line.profession))
    return next((entry for entry in answers if entry is not None and entry.answer == "no"), None)


def _as_not_covered(line: BilledLine) -> Correction:
    needs = "that the claim is sent to have the denial"
    if "GA" in line.modifiers:
        label = "Put GY in place of GA: not covered, sent for the denial"
        return line.if_confirmed(label, line.change.change_modifier("GA", "GY"), needs)
    return line.if_confirmed("Add GY: not covered, sent for the denial", line.change.add_modifier("GY"), needs)
