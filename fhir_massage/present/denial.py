"""A denial in people's words."""

from __future__ import annotations

from datetime import date

from fhir_massage.edit.finding import Denial
from fhir_massage.facts.book import Facts


def in_words(denial: Denial | None, facts: Facts, on: date) -> list[tuple[str, str]]:
    """Each code of a denial with our words for it, empty where there are none: ``("CO-151", "units not supported")``."""
    if denial is None:
        return []
    coded = [(f"{denial.group}-{denial.carc}", ("carc", denial.carc))]
    coded += [(code, ("rarc", code)) for code in denial.rarc]
    found = []
    for shown, key in coded:
        row = facts.denials.find(key, on)
        found.append((shown, "" if row is None else row.words))
    return found
