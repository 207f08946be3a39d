"""A letter of medical necessity will be asked for."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import OrderCase
from fhir_massage.edit.finding import Found
from fhir_massage.rules.order import letter
from fhir_massage.rules.order.services import LETTER_FOR, performing, service_in_words, services_of
from fhir_massage.rules.registry import order_rule
from fhir_massage.rules.tools import cite, listed


@order_rule(
    "letter-of-medical-necessity",
    severity="information",
    title="A letter of medical necessity will be asked for",
    topic="guideline",
)
def letter_of_medical_necessity(case: OrderCase) -> Iterator[Found]:
    """Draft the letter that lets the patient pay from a health account.

    What it checks
    An order for massage or manual therapy that is paid from a health savings or flexible spending account,
    or by the patient.

    Why it is denied
    The account repays massage, and the tax return counts it, only as treatment of a medical condition.
    Without a letter it is held to be for general health.

    What to do
    Give the patient a letter that names the condition, the treatment, and the number and period of the
    sessions. A draft comes with the finding, with a blank for whatever the order does not say.

    Source
    Internal Revenue Service, Publication 502, Medical and Dental Expenses: what medical expenses are, and
    therapy; the administrators' lists of expenses that need a letter.
    """
    if case.payer_class not in LETTER_FOR:
        return
    drafted = letter.draft(case)
    missing = [gap for gap in drafted.gaps if gap not in letter.OF_THE_PERSON]
    lacks = f" The order does not give {listed(missing)}." if missing else ""
    covered = None if case.policy is None else case.policy.covered(services_of(case)[0], performing(case))
    yield Found(
        "ServiceRequest",
        f"To be paid from a health account or counted as a medical expense, {service_in_words(case)} needs a letter "
        "of medical necessity: the condition, the treatment, and the number and period of sessions." + lacks,
        citations=cite(case.facts, *case.facts.rule_sources.all("letter-of-medical-necessity", case.day), covered),
        draft=drafted.markdown,
        document=drafted.document_reference,
    )
