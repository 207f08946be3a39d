"""The service lies outside the referral's time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from fhir_massage.case.seen import Referral
from fhir_massage.edit.finding import Denial, Found
from fhir_massage.facts.policy import ReferralAsked
from fhir_massage.rules.parts import Service, Services
from fhir_massage.rules.referral.asked import asked_lines, citing
from fhir_massage.rules.registry import services_rule
from fhir_massage.rules.tools import charges, days_after, days_in_words, listed


@services_rule(
    "referral-out-of-date",
    family="referral",
    severity="error",
    title="The service lies outside the referral's time",
    topic="insurance",
    denial=Denial("CO", "288"),
)
def referral_out_of_date(case: Services) -> Iterator[Found]:
    """Hold each date of service against the time of the referral.

    What it checks
    A service before the day on which the referral was written, before or after the period that it gives,
    or longer after it was written than the payer's policy lets a referral live. Of a date that names only a
    month or a year, the day that speaks for the referral is taken.

    Why it is denied
    A referral that does not reach the date of service counts as absent (CO-288).

    What to do
    Name the referral that covers the date. If it has run out, ask for a new one: payers seldom take one
    that is dated back.

    Source
    The payer's own policy, which asks for a referral.
    """
    referral = case.referral
    if referral is None:
        return
    reasons: dict[str, list[Service]] = {}
    asked = asked_lines(case)
    for line, entry in asked:
        reason = _out_of_date(referral, line.day, entry)
        if reason is not None:
            reasons.setdefault(reason, []).append(line)
    if not reasons:
        return
    outside = [line for lines in reasons.values() for line in lines]
    told = "; ".join(f"{listed(days_in_words(lines))} {reason}" for reason, lines in reasons.items())
    yield Found(
        "Claim.referral",
        f"The referral does not cover every date of service: {told}.",
        citations=citing(case, [(line, entry) for line, entry in asked if line in outside]),
        at_risk=charges(outside),
    )


def _out_of_date(referral: Referral, day: date | None, entry: ReferralAsked) -> str | None:
    """Why the referral does not reach that day."""
    if day is None:
        return None
    if referral.authored is not None and day < referral.authored:
        return f"came before it was written on {referral.authored}"
    if referral.starts is not None and day < referral.starts:
        return f"came before its period began on {referral.starts}"
    if referral.ends is not None and day > referral.ends:
        return f"came after its period ended on {referral.ends}"
    if referral.authored_by is not None and entry.life_days is not None:
        last = days_after(referral.authored_by, entry.life_days)
        if day > last:
            return f"came after {last}, {entry.life_days} days from when it was written"
    return None
