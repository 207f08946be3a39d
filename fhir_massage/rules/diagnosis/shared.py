"""What several diagnosis rules need."""

from __future__ import annotations

from datetime import date

from fhir_massage.facts.book import Facts

#: The most codes that are offered in place of another.
MOST_OPTIONS = 48


def was_invalid(facts: Facts, code: str, day: date) -> bool:
    """Whether the facts know the code, and that it could not be billed on that day."""
    if code not in facts.diagnosis_codes:
        return False
    row = facts.diagnosis_codes.find(code, day)
    return row is None or not row.billable
