"""What a quantity's unit means: a count of units, minutes, or hours."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

COUNTS = frozenset({"", "1", "{unit}", "{units}", "un", "unit", "units"})
MINUTES = frozenset({"min", "minute", "minutes"})
HOURS = frozenset({"h", "hr", "hour", "hours"})


@lru_cache(maxsize=1024)
def measure(code: str | None, unit: str | None) -> Literal["count", "minutes", "hours"] | None:
    """What a quantity with this UCUM code (or, failing that, unit text) counts."""
    text = (code or unit or "").strip().lower()
    if text in COUNTS:
        return "count"
    if text in MINUTES:
        return "minutes"
    return "hours" if text in HOURS else None
