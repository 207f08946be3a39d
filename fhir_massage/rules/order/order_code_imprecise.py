"""The order does not name the procedure."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import OrderCase
from fhir_massage.edit.finding import Correction, Edit, Found
from fhir_massage.read import codes
from fhir_massage.rules.order.services import SERVICES
from fhir_massage.rules.registry import order_rule
from fhir_massage.rules.tools import cite, listed, named


@order_rule(
    "order-code-imprecise", severity="warning", title="The order does not name the procedure", topic="guideline"
)
def order_code_imprecise(case: OrderCase) -> Iterator[Found]:
    """Ask which of the two services is meant.

    What it checks
    An order for massage or manual therapy in words only, or by a code that is more general than the
    procedure codes 97124 (massage) and 97140 (manual therapy).

    Why it is denied
    The two codes are paid and bundled differently, and to different professions. A referral that does not
    say which is meant leaves the claim open to a denial.

    What to do
    Add the procedure code that is meant.

    Source
    The payers' and contractors' texts on 97124 and 97140 that the finding names.
    """
    if case.procedure is not None:
        return
    yield Found(
        "ServiceRequest.code",
        f"The order names no procedure code: {listed([named(case.facts, code, case.day) for code in SERVICES], 'or')}?",
        tuple(
            Correction(
                f"Order {named(case.facts, code, case.day)}",
                (_added_code(case, code),),
                f"that {named(case.facts, code, case.day)} is meant",
            )
            for code in SERVICES
        ),
        cite(case.facts, *(case.facts.order_scope.find(("code", code), case.day) for code in SERVICES)),
    )


def _added_code(case: OrderCase, code: str) -> Edit:
    coding = {"system": codes.CPT, "code": code}
    concept = case.read_json().get("code")
    if concept is None:
        return Edit("add", "/code", {"coding": [coding]})
    if concept.get("coding"):
        return Edit("add", "/code/coding/-", coding)
    return Edit("add", "/code/coding", [coding])
