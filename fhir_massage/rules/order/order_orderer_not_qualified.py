"""The payer does not take this profession's referrals."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import OrderCase
from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.order.services import performing, services_of
from fhir_massage.rules.payment import in_words
from fhir_massage.rules.registry import order_rule
from fhir_massage.rules.tools import cite, listed


@order_rule(
    "order-orderer-not-qualified",
    severity="error",
    title="The payer does not take this profession's referrals",
    topic="insurance",
    denial=Denial("CO", "183"),
)
def order_orderer_not_qualified(case: OrderCase) -> Iterator[Found]:
    """Look at who orders.

    What it checks
    Where the payer asks for a referral and says whose it takes: the profession of the requester, if known.

    Why it is denied
    A referral of somebody who may not refer is denied with the service (CO-183).

    What to do
    Have the order written by one of those whose referrals the payer takes.

    Source
    The payer's own policy, named in the finding.
    """
    if case.policy is None or case.requester is None or not case.requester.professions:
        return
    asked = [case.policy.referral(code, performing(case)) for code in services_of(case)]
    taken = [referral.referrers for referral in asked if referral is not None and referral.referrers]
    if len(taken) < len(asked) or set(case.requester.professions) & {who for whose in taken for who in whose}:
        return
    yield Found(
        "ServiceRequest.requester",
        f"{case.payer_title} does not take a referral by {in_words(case.requester.professions[0])}; "
        f"it takes one by {listed([in_words(who) for who in taken[0] if who != 'other'], 'or')}.",
        citations=cite(case.facts, *asked),
    )
