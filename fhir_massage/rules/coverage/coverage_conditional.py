"""Paid under conditions."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Found
from fhir_massage.rules.registry import line_rule
from fhir_massage.rules.scopes import BilledLine


@line_rule(
    "coverage-conditional",
    family="coverage",
    severity="information",
    title="Paid under conditions",
    topic="insurance",
)
def coverage_conditional(line: BilledLine) -> Iterator[Found]:
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
    entries = (line.policy.payable(line.code, line.profession), line.policy.covered(line.code, line.profession))
    answers = [entry.answer for entry in entries if entry is not None]
    if "conditional" in answers and "no" not in answers:
        conditional = [entry for entry in entries if entry is not None and entry.answer == "conditional"]
        conditions = list(dict.fromkeys(c for entry in conditional for c in entry.conditions))
        words = "; ".join(conditions) or conditional[0].words
        yield line.find("", f"{line.payer} pays for {line.named} where {words}.", because=conditional)
