"""What several rules on the claim itself need."""

from __future__ import annotations

#: Modifiers that say that a service was given once more on the same day.
REPEATED = frozenset({"76", "77", "91"})
