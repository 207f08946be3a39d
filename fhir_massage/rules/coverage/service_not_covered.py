"""The payer does not cover the service."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.registry import line_rule
from fhir_massage.rules.scopes import BilledLine


@line_rule(
    "service-not-covered",
    family="coverage",
    severity="error",
    title="The payer does not cover the service",
    topic="insurance",
    denial=Denial("PR", "204"),
)
def service_not_covered(line: BilledLine) -> Iterator[Found]:
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
    entry = line.policy.covered(line.code, line.profession)
    if entry is not None and entry.answer == "no" and not _hangs_on_profession(line):
        of_state = f" {entry.words}" if entry.states else ""
        yield line.find("", f"{line.payer} does not cover {line.named}.{of_state}", because=(entry,))


def _hangs_on_profession(line: BilledLine) -> bool:
    """Whether the profession is not known, and some profession has another answer."""
    if line.profession is not None:
        return False
    return any(entry.answer != "no" for entry in line.policy.coverage_entries if entry.covers_code(line.code))
