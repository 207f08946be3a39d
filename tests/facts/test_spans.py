"""Days are told apart by which rows are in force, and by nothing else."""

from __future__ import annotations

from datetime import date, timedelta

from fhir_massage.facts.book import TABLES, shipped
from fhir_massage.facts.rows import LONG_BEFORE

DAY = timedelta(days=1)


def test_a_day_on_which_a_row_begins_or_has_ended_is_another_than_the_day_before() -> None:
    facts = shipped()
    for table in TABLES:
        for row in facts.rows_of(table):
            if row.effective != LONG_BEFORE:
                assert facts.span_of(row.effective) != facts.span_of(row.effective - DAY)
            if row.end is not None and row.end < date.max:
                assert facts.span_of(row.end) != facts.span_of(row.end + DAY)


def test_days_of_one_span_have_the_same_rows_in_force() -> None:
    facts = shipped()
    rows = [row for table in TABLES for row in facts.rows_of(table)]
    days = [date(2024, 1, 1) + number * 3 * DAY for number in range(350)]
    in_force: dict[object, list[bool]] = {}
    for day in days:
        now = [row.in_force(day) for row in rows]
        assert in_force.setdefault(facts.span_of(day), now) == now
    assert len(in_force) < len(days) / 3
