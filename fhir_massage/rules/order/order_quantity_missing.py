"""The order gives neither visits nor a period."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import OrderCase
from fhir_massage.edit.finding import Found
from fhir_massage.rules.order.services import service_in_words
from fhir_massage.rules.registry import order_rule


@order_rule(
    "order-quantity-missing", severity="warning", title="The order gives neither visits nor a period", topic="limits"
)
def order_quantity_missing(case: OrderCase) -> Iterator[Found]:
    """Ask how much is ordered.

    What it checks
    An order with neither a number of visits nor a period.

    Why it is denied
    Visits are paid as far as the order goes. An order without a measure is incomplete to payers that ask
    for a referral (CO-16), and nobody can tell when it is used up.

    What to do
    Give the number of visits, or the period in which they are to happen.

    Source
    HL7, FHIR R4, ServiceRequest.quantity and occurrence.
    """
    if case.visits is None and not case.has_period:
        yield Found(
            "ServiceRequest.quantity",
            f"The order for {service_in_words(case)} gives neither a number of visits nor a period.",
        )
