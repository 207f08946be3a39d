"""The payer does not take this profession's referral."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.parts import Services
from fhir_massage.rules.payment import in_words
from fhir_massage.rules.referral.asked import asked_lines, citing
from fhir_massage.rules.registry import services_rule
from fhir_massage.rules.tools import charges, listed, named


@services_rule(
    "referrer-not-qualified",
    family="referral",
    severity="error",
    title="The payer does not take this profession's referral",
    topic="insurance",
    denial=Denial("CO", "183"),
)
def referrer_not_qualified(case: Services) -> Iterator[Found]:
    """Hold who wrote the referral against whose referrals the payer takes.

    What it checks
    The profession of who wrote the referral, where it is known, against the payer's policy: a massage
    therapist does not refer to a massage therapist.

    Why it is denied
    A referral by a provider who may not refer for the service is denied (CO-183).

    What to do
    Ask a provider whose referral the payer takes, as a rule the patient's physician or nurse
    practitioner.

    Source
    The payer's own policy, named in the finding.
    """
    requester = case.referral.requester if case.referral is not None else None
    profession = requester.profession if requester is not None else None
    if profession is None:
        return
    refused = [
        (line, entry) for line, entry in asked_lines(case) if entry.referrers and profession not in entry.referrers
    ]
    if refused:
        who = in_words(profession)
        codes = listed(list(dict.fromkeys(named(case.facts, line.code, line.day) for line, _ in refused)))
        yield Found(
            "Claim.referral",
            f"The referral was written by {who}, whose referral for {codes} {case.payer_title} does not take.",
            citations=citing(case, refused),
            at_risk=charges(line for line, _ in refused),
        )
