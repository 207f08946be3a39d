"""The coverage was not in force on the date of service."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.parts import Services
from fhir_massage.rules.registry import services_rule
from fhir_massage.rules.tools import charges, days_in_words, listed


@services_rule(
    "coverage-not-active",
    family="coverage",
    severity="error",
    title="The coverage was not in force on the date of service",
    topic="insurance",
    denial=Denial("CO", "27"),
)
def coverage_not_active(case: Services) -> Iterator[Found]:
    """Hold each date of service against the coverage.

    What it checks
    A coverage whose status is not active, or a service before its period begins or after it ends.

    Why it is denied
    Expenses before the coverage began are denied with CO-26, those after it ended with CO-27.

    What to do
    Ask the patient, and the payer, which coverage was in force on the date, and bill that.

    Source
    X12 claim adjustment reason codes 26 and 27; HL7 FHIR R4, Coverage, status and period.
    """
    coverage = case.coverage
    if coverage is None:
        return
    early = [line for line in case.lines if line.day and coverage.starts and line.day < coverage.starts]
    late = [line for line in case.lines if line.day and coverage.ends and line.day > coverage.ends]
    if early:
        yield Found(
            coverage.element,
            f"The coverage began on {coverage.starts}, after the service of {listed(days_in_words(early))}.",
            at_risk=charges(early),
            denial=Denial("CO", "26"),
        )
    if late:
        yield Found(
            coverage.element,
            f"The coverage ended on {coverage.ends}, before the service of {listed(days_in_words(late))}.",
            at_risk=charges(late),
        )
    if not early and not late and coverage.status not in (None, "active"):
        yield Found(coverage.element, f"The coverage is not active: its status is {coverage.status}.")
