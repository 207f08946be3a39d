"""What a manager looks at of a count: the rows that matter by name with the rest together, and months as time went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from fhir_massage.audit.tally import NO_DATE, Count, Counts

#: Rows are named until they hold this share of the money, though at least and at most so many.
ENOUGH = Decimal("0.9")
LEAST_ROWS = 12
MOST_ROWS = 30
#: The latest months stand each by itself, the latest years before them likewise.
MOST_MONTHS = 24
MOST_YEARS = 10
MONTHS = tuple("January February March April May June July August September October November December".split())


class Row(msgspec.Struct, frozen=True):
    """One name and its count."""

    name: str
    count: Count


class Breakdown(msgspec.Struct, frozen=True):
    """The rows with the most money at risk, the most first, and how many others there are, together in ``rest``."""

    rows: tuple[Row, ...]
    others: int
    rest: Count


class Month(msgspec.Struct, frozen=True):
    """One month of service, which may have had nothing at risk."""

    year: int
    month: int
    count: Count

    @property
    def name(self) -> str:
        """``March 2026``."""
        return f"{MONTHS[self.month - 1]} {self.year}"


class Times(msgspec.Struct, frozen=True):
    """The latest months without a gap, the years before them with the latest first, and what fits into neither."""

    months: tuple[Month, ...]
    years: tuple[Row, ...]
    others: tuple[Row, ...]


def breakdown(counts: Counts, *, least: int = LEAST_ROWS, most: int = MOST_ROWS) -> Breakdown:
    """The counts by money at risk."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1].at_risk, -item[1].findings, item[0]))
    enough = ENOUGH * sum(count.at_risk for _, count in ordered)
    named, held = 0, Decimal(0)
    for _, count in ordered[:most]:
        if named >= least and held >= enough:
            break
        named, held = named + 1, held + count.at_risk
    rows = tuple(Row(name, count) for name, count in ordered[:named])
    return Breakdown(rows, len(ordered) - named, _together(count for _, count in ordered[named:]))


def by_time(counts: Counts, on: str) -> Times:
    """The counts by month of service, as seen on a day: one wrong date far ahead must not empty the chart."""
    dated = {_number(name): count for name, count in counts.items() if name != NO_DATE}
    today = _number(on)
    last = max((number for number in dated if number <= today), default=0)
    first = max(last - MOST_MONTHS + 1, min(dated, default=0)) if last else today + 1
    months = tuple(_month(number, dated.get(number, Count())) for number in range(first, last + 1))
    years = tuple(_years({number: count for number, count in dated.items() if number < first}, first))
    later = _together(count for number, count in dated.items() if number > today)
    others = [*years[MOST_YEARS:], Row(f"After {_month(today, later).name}", later)]
    others.append(Row("Without a date", counts.get(NO_DATE, Count())))
    return Times(months, years[:MOST_YEARS], tuple(row for row in others if row.count.resources))


def _years(dated: dict[int, Count], before: int) -> Iterator[Row]:
    """A row for each year, the latest first; the years past ``MOST_YEARS`` are one row."""
    by_year: dict[int, Count] = {}
    for number, count in dated.items():
        by_year.setdefault(number // 12, Count()).add(count)
    ordered = sorted(by_year, reverse=True)
    for year in ordered[:MOST_YEARS]:
        in_part = year == before // 12 and before % 12
        yield Row(f"{year} up to {MONTHS[before % 12 - 1]}" if in_part else str(year), by_year[year])
    if len(ordered) > MOST_YEARS:
        earlier = _together(by_year[year] for year in ordered[MOST_YEARS:])
        yield Row(f"Before {ordered[MOST_YEARS - 1]}", earlier)


def _number(month: str) -> int:
    """The months since the year nought, of a text that begins with year and month."""
    year, number = month.split("-")[:2]
    return int(year) * 12 + int(number) - 1


def _month(number: int, count: Count) -> Month:
    return Month(number // 12, number % 12 + 1, count)


def _together(counts: Iterable[Count]) -> Count:
    whole = Count()
    for count in counts:
        whole.add(count)
    return whole
