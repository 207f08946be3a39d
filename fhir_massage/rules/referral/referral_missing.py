"""The payer asks for a referral, and the claim names none."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.parts import Services
from fhir_massage.rules.referral.asked import asked_lines, citing
from fhir_massage.rules.registry import services_rule
from fhir_massage.rules.tools import charges, listed, named


@services_rule(
    "referral-missing",
    family="referral",
    severity="error",
    title="The payer asks for a referral, and the claim names none",
    topic="insurance",
    denial=Denial("CO", "288"),
)
def referral_missing(case: Services) -> Iterator[Found]:
    """Ask for the referral that the payer asks for.

    What it checks
    A claim that names no referral (by reference, by who referred, or by VA's number), with a line for which the payer's policy asks for one from the
    profession that rendered it. Where the payer only wants it kept on file, that is a note. Medicare asks for a certified plan of care instead, and nothing here.

    Why it is denied
    A service for which the referral is absent is denied (CO-288).

    What to do
    Name the referral, order or prescription on the claim. Where there is none, ask the patient's
    physician for one before the next visit.

    Source
    The payer's own policy, named in the finding.
    """
    if case.names_referral:
        return
    asked = asked_lines(case)
    if asked:
        codes = listed(list(dict.fromkeys(named(case.facts, line.code, line.day) for line, _ in asked)))
        yield Found(
            "Claim.referral",
            f"{case.payer_title} asks for a referral for {codes}, and the claim names none.",
            citations=citing(case, asked),
            severity="information" if all(entry.on_file for _, entry in asked) else None,
            at_risk=charges(line for line, _ in asked),
        )
