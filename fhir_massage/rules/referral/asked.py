"""The lines for which a payer asks for a referral, and findings on it."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Citation, Found
from fhir_massage.facts.policy import ReferralAsked
from fhir_massage.facts.rows import Row
from fhir_massage.rules.parts import Service, Services
from fhir_massage.rules.tools import charges, cite


def asked_lines(case: Services) -> list[tuple[Service, ReferralAsked]]:
    """The lines for which the payer's policy asks for a referral, with what it asks."""
    found = []
    for line in case.lines:
        if line.policy is None or line.code is None or not line.policy.referral_entries:
            continue
        entry = line.policy.referral(line.code, line.provider.profession)
        if entry is not None:
            found.append((line, entry))
    return found


def about_referral(case: Services, message: str, *rows: Row) -> Iterator[Found]:
    """A finding on the referral as a whole, where the payer asks for one."""
    asked = asked_lines(case)
    if asked:
        yield Found(
            "Claim.referral",
            message,
            citations=citing(case, asked, *rows),
            at_risk=charges(line for line, _ in asked),
        )


def citing(case: Services, asked: list[tuple[Service, ReferralAsked]], *rows: Row) -> tuple[Citation, ...]:
    return cite(case.facts, *(entry for _, entry in asked), *rows)
