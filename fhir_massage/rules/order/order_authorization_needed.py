"""The payer asks for prior authorization."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import OrderCase
from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.order.services import performing, service_in_words, services_of
from fhir_massage.rules.payment import benefits_for
from fhir_massage.rules.registry import order_rule
from fhir_massage.rules.tools import cite, counted


@order_rule(
    "order-authorization-needed",
    severity="warning",
    title="The payer asks for prior authorization",
    topic="insurance",
    denial=Denial("CO", "197"),
)
def order_authorization_needed(case: OrderCase) -> Iterator[Found]:
    """Ask for the authorization before the visit.

    What it checks
    Whether the payer's policy, or its own answer on this patient's benefits, asks for prior authorization of the
    service, and the order carries none. Some payers ask for it only after a number of visits: then where the order
    is for more.

    Why it is denied
    A service without the authorization that was asked for is denied (CO-197), and it is seldom given
    afterwards.

    What to do
    Ask the payer for authorization before the first visit.

    Source
    The payer's own policy, named in the finding, or its answer on the patient's benefits.
    """
    if case.authorization is not None:
        return
    asked = [
        None if case.policy is None else case.policy.authorization(code, performing(case)) for code in services_of(case)
    ]
    if None in asked and not all(_answer_asks(case, code) for code in services_of(case)):
        yield from _after_visits(case)
        return
    yield Found(
        "ServiceRequest.insurance",
        f"{case.payer_title or 'The payer'} asks for prior authorization of {service_in_words(case)} before the visit.",
        citations=cite(case.facts, *asked),
    )


def _after_visits(case: OrderCase) -> Iterator[Found]:
    """What is asked where the order is for more visits than the payer pays without authorization."""
    if case.policy is None or case.visits is None:
        return
    free = [case.policy.authorization_after(code, performing(case)) for code in services_of(case)]
    asked = [entry for entry in free if entry is not None and case.visits > entry.visits]
    if asked and len(asked) == len(free):
        visits = counted(min(entry.visits for entry in asked), "visit")
        yield Found(
            "ServiceRequest.insurance",
            f"{case.payer_title} asks for prior authorization of {service_in_words(case)} after {visits}.",
            citations=cite(case.facts, *asked),
        )


def _answer_asks(case: OrderCase, code: str) -> bool:
    """Whether the payer's answer on the patient's benefits asks for authorization of the service."""
    return any(benefit.authorization_required for benefit in benefits_for(case.benefits, code))
