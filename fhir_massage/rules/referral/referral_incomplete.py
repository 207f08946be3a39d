"""The referral lacks what a payer looks for."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.parts import Services
from fhir_massage.rules.referral.asked import about_referral
from fhir_massage.rules.registry import services_rule
from fhir_massage.rules.tools import listed


@services_rule(
    "referral-incomplete",
    family="referral",
    severity="warning",
    title="The referral lacks what a payer looks for",
    topic="insurance",
    denial=Denial("CO", "16"),
)
def referral_incomplete(case: Services) -> Iterator[Found]:
    """Look for what a referral has to say.

    What it checks
    A referral without a reason, or with neither a number of visits nor a period.

    Why it is denied
    Payers want the diagnosis, and the number of visits or the time, in a prescription for massage or
    therapy. Without them the claim may be sent back for information (CO-16).

    What to do
    Ask the referring provider to complete it.

    Source
    The payer's own policy, which asks for a referral; Premera, medical policy 8.03.502, for what a
    prescription has to hold.
    """
    referral = case.referral
    if referral is None:
        return
    lacking = [] if referral.has_reason else ["a reason"]
    if referral.visits is None and not referral.has_period:
        lacking.append("a number of visits or a period")
    if lacking:
        wanted = case.facts.rule_sources.all("referral-incomplete", case.day or case.today)
        yield from about_referral(case, f"The referral lacks {listed(lacking)}.", *wanted)
