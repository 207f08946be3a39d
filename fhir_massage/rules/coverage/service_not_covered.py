"""The payer does not cover the service."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import ClaimCase, Line
from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.coverage.shared import covered_by
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import cite, named


@claim_rule(
    "service-not-covered",
    family="coverage",
    within="line",
    severity="error",
    title="The payer does not cover the service",
    topic="insurance",
    denial=Denial("PR", "204"),
)
def service_not_covered(case: ClaimCase) -> Iterator[Found]:
    """Ask whether the payer covers the service at all.

    What it checks
    The payer's policy for the line's code: TRICARE, for one, excludes massage. Where the policy covers
    it from some professions only, silent as long as the profession is not known.

    Why it is denied
    A service that the plan does not cover is denied, and the patient owes it (PR-204).

    What to do
    Tell the patient beforehand that they pay, or bill a payer that covers it.

    Source
    The payer's own policy, named in the finding.
    """
    for line in case.lines:
        entry = covered_by(line)
        if entry is not None and entry.answer == "no" and not _hangs_on_profession(line):
            yield Found(
                line.element,
                f"{case.payer_title} does not cover {named(case.facts, line.code, line.day)}.",
                citations=cite(case.facts, entry),
            )


def _hangs_on_profession(line: Line) -> bool:
    """Whether the profession is not known, and some profession has another answer."""
    if line.provider.profession is not None or line.policy is None or line.code is None:
        return False
    code = line.code
    return any(entry.answer != "no" for entry in line.policy.coverage_entries if entry.covers_code(code))
