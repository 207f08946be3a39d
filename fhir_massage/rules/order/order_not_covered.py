"""The plan does not cover the service."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import OrderCase
from fhir_massage.edit.finding import Denial, Found
from fhir_massage.facts.policy import Covered
from fhir_massage.rules.order.services import performing, service_in_words, services_of
from fhir_massage.rules.registry import order_rule
from fhir_massage.rules.tools import cite


@order_rule(
    "order-not-covered",
    severity="error",
    title="The plan does not cover the service",
    topic="insurance",
    denial=Denial("PR", "96"),
)
def order_not_covered(case: OrderCase) -> Iterator[Found]:
    """Tell before the visit that the plan will not pay.

    What it checks
    Whether the payer's policy covers the service that is ordered, by whom it is ordered to be rendered
    where the order says.

    Why it is denied
    A service that is not covered is denied whatever the record shows, and the patient owes it (PR-96).

    What to do
    Tell the patient what it will cost, or order a service that the plan covers.

    Source
    The payer's own policy, named in the finding.
    """
    if case.policy is None:
        return
    answers = [case.policy.covered(code, performing(case)) for code in services_of(case)]
    refused = [answer for answer in answers if isinstance(answer, Covered) and answer.answer == "no"]
    if refused and len(refused) == len(answers):
        yield Found(
            "ServiceRequest.code",
            f"{case.payer_title} does not cover {service_in_words(case)}. {refused[0].words}".rstrip(),
            citations=cite(case.facts, *refused),
        )
