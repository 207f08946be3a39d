"""FHIR dates, which may be partial, and may or may not carry a time and a zone."""

from __future__ import annotations

import calendar
import re
from datetime import date, datetime
from functools import lru_cache

import msgspec

_SHAPE = re.compile(r"\d{4}(-\d{2}(-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?)?)?")


class Days(msgspec.Struct, frozen=True):
    """The days that a date may mean: one, or the whole month or year of a partial date."""

    first: date
    last: date

    @property
    def one(self) -> date | None:
        """The day, where it is just one."""
        return self.first if self.first == self.last else None


def days(text: str | None) -> Days | None:
    """The days of a FHIR date or dateTime, as written in its own zone; ``None`` for what is no date."""
    if text is None or len(text) <= 10:
        return _days(text)
    return None if _SHAPE.fullmatch(text) is None else _days(text[:10])


@lru_cache(maxsize=4096)
def _days(text: str | None) -> Days | None:
    if text is None or _SHAPE.fullmatch(text) is None:
        return None
    try:
        if len(text) == 4:
            return Days(date(int(text), 1, 1), date(int(text), 12, 31))
        if len(text) == 7:
            year, month = int(text[:4]), int(text[5:])
            return Days(date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1]))
        day = date.fromisoformat(text[:10])
        return Days(day, day)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def day(text: str | None) -> date | None:
    """The one day that a FHIR date or dateTime names; ``None`` where it is partial or no date."""
    found = days(text)
    return None if found is None else found.one


@lru_cache(maxsize=4096)
def moment(text: str | None) -> datetime | None:
    """The moment of a FHIR dateTime that carries a time; ``None`` for others. A zone may be absent."""
    if text is None or len(text) < 16 or _SHAPE.fullmatch(text) is None:
        return None
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None


def minutes_between(start: datetime, end: datetime) -> float | int | None:
    """The minutes from start to end; ``None`` where they cannot be compared or the end is not later."""
    if (start.tzinfo is None) != (end.tzinfo is None):
        return None
    seconds = (end - start).total_seconds()
    if seconds <= 0:
        return None
    return int(seconds // 60) if seconds % 60 == 0 else seconds / 60
