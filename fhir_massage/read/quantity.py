"""What a quantity's unit means: a count of units, minutes, hours, or a longer time."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from fhir_massage.read.elements import LARGEST_NUMBER

COUNTS = frozenset({"", "1", "{unit}", "{units}", "un", "unit", "units"})
MINUTES = frozenset({"min", "minute", "minutes"})
HOURS = frozenset({"h", "hr", "hour", "hours"})
SPANS = frozenset({"d", "day", "days", "wk", "week", "weeks", "mo", "month", "months", "a", "year", "years"})


@lru_cache(maxsize=1024)
def measure(code: str | None, unit: str | None) -> Literal["count", "minutes", "hours", "span"] | None:
    """What a quantity with this UCUM code (or, failing that, unit text) counts."""
    text = (code or unit or "").strip().lower()
    if text in COUNTS:
        return "count"
    if text in MINUTES:
        return "minutes"
    if text in HOURS:
        return "hours"
    return "span" if text in SPANS else None


def within_reason(value: int | float) -> int | float:
    """The number, or the largest that is reckoned with where it is larger (or less, below nought)."""
    return max(-LARGEST_NUMBER, min(value, LARGEST_NUMBER))
