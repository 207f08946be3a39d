"""The referral is not an order in force."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.parts import Services
from fhir_massage.rules.referral.asked import about_referral
from fhir_massage.rules.registry import services_rule
from fhir_massage.rules.tools import listed

STATUSES = frozenset({"active", "completed"})
INTENTS = frozenset({"order", "original-order", "instance-order"})


@services_rule(
    "referral-not-active",
    family="referral",
    severity="error",
    title="The referral is not an order in force",
    topic="insurance",
    denial=Denial("CO", "288"),
)
def referral_not_active(case: Services) -> Iterator[Found]:
    """Look at the referral's standing.

    What it checks
    A referral whose status is neither active nor completed (a draft, one on hold or revoked), or whose
    intent is not an order (a proposal or a plan).

    Why it is denied
    What was not ordered, or was withdrawn, counts as no referral (CO-288).

    What to do
    Name the order that is in force, or have the referring provider sign or renew it.

    Source
    The payer's own policy, which asks for a referral; HL7 FHIR R4, ServiceRequest, status and intent.
    """
    referral = case.referral
    if referral is None:
        return
    wrong = []
    if referral.status is not None and referral.status not in STATUSES:
        wrong.append(f"its status is {referral.status}")
    if referral.intent is not None and referral.intent not in INTENTS:
        wrong.append(f"its intent is {referral.intent}, not an order")
    if wrong:
        yield from about_referral(case, f"The referral is not in force: {listed(wrong)}.")
