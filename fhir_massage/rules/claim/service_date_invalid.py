"""The date of service lies ahead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.parts import Service, Services
from fhir_massage.rules.registry import services_rule
from fhir_massage.rules.tools import cite, named


@services_rule(
    "service-date-invalid",
    family="claim",
    severity="error",
    title="The date of service lies ahead",
    denial=Denial("CO", "110"),
)
def service_date_invalid(case: Services) -> Iterator[Found]:
    """Refuse a service that had not been given when it was billed.

    What it checks
    A date of service after the day of the review, or after the day on which the claim was created.

    Why it is denied
    A claim is for what has been done. A date of service after the bill is denied (CO-110).

    What to do
    Correct the date, or wait with the claim until the service has been given.

    Source
    CMS, Medicare Learning Network, web-based training on the CMS-1500, item 24A; X12, claim adjustment
    reason code 110.
    """
    told: set[str] = set()
    for line in case.lines:
        if line.day is None or (line.day <= case.today and (case.created is None or line.day <= case.created)):
            continue
        element = _dated_element(case.read_json(), line)
        if element in told:
            continue
        told.add(element)
        after = (
            f"the day of this review, {case.today}"
            if line.day > case.today
            else f"the claim itself, which was created on {case.created}"
        )
        yield Found(
            element,
            f"{named(case.facts, line.code, line.day)}: the date of service, {line.day}, is later than {after}.",
            citations=cite(
                case.facts,
                *case.facts.rule_sources.all("service-date-invalid", case.today),
                case.facts.denials.find(("carc", "110"), case.today),
            ),
        )


def _dated_element(claim: Mapping[str, Any], line: Service) -> str:
    """Where the line's day is written."""
    item = claim["item"][line.index]
    for key in ("servicedDate", "servicedPeriod"):
        if key in item:
            return f"{line.element}.{key}"
    return "Claim.billablePeriod"
