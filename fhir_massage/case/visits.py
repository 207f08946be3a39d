"""On which days other bills of a patient billed what: counted once for all claims of an arrival."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date

from fhir_massage.case.seen import EarlierLine


class Days:
    """How many lines billed a code, or were given under a referral, on each day."""

    def __init__(self, lines: Iterable[EarlierLine]) -> None:
        """Requests for authorization bill nothing, and are not counted."""
        self.by_code: dict[str, Counter[date]] = {}
        self.by_referral: dict[str, Counter[date]] = {}
        for line in lines:
            if line.day is None or line.asks_only:
                continue
            if line.code is not None:
                self.by_code.setdefault(line.code, Counter())[line.day] += 1
            if line.referral is not None:
                self.by_referral.setdefault(line.referral, Counter())[line.day] += 1


class Visits:
    """The days that other bills of a patient billed, as one claim sees them: without itself and what it replaces."""

    def __init__(self, every: Days | None, without: Days | None) -> None:
        self._every = every
        self._without = without

    def of_codes(self, counts: Callable[[str], bool]) -> set[date]:
        """The days on which a code that counts was billed."""
        if self._every is None:
            return set()
        without = {} if self._without is None else self._without.by_code
        return {
            day for code, days in self._every.by_code.items() if counts(code) for day in _left(days, without.get(code))
        }

    def under(self, referral: str) -> set[date]:
        """The days on which anything was given under the referral."""
        if self._every is None:
            return set()
        without = None if self._without is None else self._without.by_referral.get(referral)
        return set(_left(self._every.by_referral.get(referral, Counter()), without))


def _left(days: Counter[date], without: Counter[date] | None) -> Iterable[date]:
    """The days on which something is left when some lines are taken away."""
    if not without:
        return days
    gone = {day for day, count in without.items() if days[day] <= count}
    return days.keys() - gone if gone else days
