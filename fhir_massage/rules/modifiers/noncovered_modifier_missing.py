"""A service that is never covered, without saying so."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import ClaimCase, Line
from fhir_massage.edit.finding import Found
from fhir_massage.facts.policy import Covered, Payable
from fhir_massage.rules.modifiers.therapy import flag_on
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import change, cite, confirmed, named

#: What says that a service is never covered, or that no payment is expected for it.
NEVER_PAID = frozenset({"GX", "GY", "GZ"})


@claim_rule(
    "noncovered-modifier-missing",
    family="modifiers",
    within="line",
    severity="warning",
    title="A service that is never covered, without saying so",
)
def noncovered_modifier_missing(case: ClaimCase) -> Iterator[Found]:
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
    for line in case.lines:
        if line.policy is None or line.code is None or line.day is None or not NEVER_PAID.isdisjoint(line.modifiers):
            continue
        flag = flag_on(line, line.policy.noncovered_modifier)
        never = _never(line) if flag is not None else None
        if never is None:
            continue
        yield Found(
            f"{line.element}.modifier",
            f"{named(case.facts, line.code, line.day)}: {case.payer_title} never pays for this here, "
            f"and the line does not say so.",
            (
                confirmed(
                    "Put GY in place of GA: not covered, sent for the denial",
                    change(case).change_modifier(line.index, line.modifiers.index("GA"), "GY"),
                    "that the claim is sent to have the denial",
                )
                if "GA" in line.modifiers
                else confirmed(
                    "Add GY: not covered, sent for the denial",
                    change(case).add_modifier(line.index, "GY"),
                    "that the claim is sent to have the denial",
                ),
            ),
            cite(case.facts, flag, never),
        )


def _never(line: Line) -> Payable | Covered | None:
    """The entry that says that the line is never paid."""
    assert line.policy is not None
    assert line.code is not None
    answers = (
        line.policy.payable(line.code, line.provider.profession),
        line.policy.covered(line.code, line.provider.profession),
    )
    return next((entry for entry in answers if entry is not None and entry.answer == "no"), None)
