"""Paid under conditions."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import ClaimCase, Line
from fhir_massage.edit.finding import Found
from fhir_massage.facts.policy import Payable
from fhir_massage.rules.coverage.shared import covered_by
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import cite, named


@claim_rule(
    "coverage-conditional",
    family="coverage",
    within="line",
    severity="information",
    title="Paid under conditions",
    topic="insurance",
)
def coverage_conditional(case: ClaimCase) -> Iterator[Found]:
    """List what has to hold for the service to be paid.

    What it checks
    Whether the payer's policy covers the line's code, or pays the profession for it, only under
    conditions that the claim itself does not show.

    Why it is denied
    It is not denied by itself. Where a condition does not hold, the payer denies the line as not covered.

    What to do
    See that each condition holds, and that the record shows it.

    Source
    The payer's own policy, named in the finding.
    """
    for line in case.lines:
        entries = (_payable(line), covered_by(line))
        answers = [entry.answer for entry in entries if entry is not None]
        if "conditional" in answers and "no" not in answers:
            conditional = [entry for entry in entries if entry is not None and entry.answer == "conditional"]
            conditions = list(dict.fromkeys(c for entry in conditional for c in entry.conditions))
            yield Found(
                line.element,
                f"{case.payer_title} pays for {named(case.facts, line.code, line.day)} where "
                f"{'; '.join(conditions) or conditional[0].words}.",
                citations=cite(case.facts, *conditional),
            )


def _payable(line: Line) -> Payable | None:
    if line.policy is None or line.code is None:
        return None
    return line.policy.payable(line.code, line.provider.profession)
