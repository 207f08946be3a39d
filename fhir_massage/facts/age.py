"""How old the facts in use are: when somebody last confirmed them, and of which quarter CMS's tables are."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from fhir_massage.facts.book import Facts
from fhir_massage.facts.ncci import Kind
from fhir_massage.facts.rows import Row

#: The tables that CMS publishes each quarter, with the kind of its official file.
QUARTERLY: dict[str, Kind] = {"ptp_pairs": "ptp", "mue": "mue"}


def last_checked(rows: Iterable[Row], on: date) -> date | None:
    """The day since which the rows in force have all been confirmed; ``None`` where none is in force."""
    return min((row.checked for row in rows if row.in_force(on)), default=None)


def quarter_of(facts: Facts, table: str, on: date) -> date | None:
    """The newest quarter, up to a day, of a table that CMS publishes each quarter, shipped or imported."""
    files = [] if facts.imported is None else facts.imported.files.values()
    imported = (file.quarter for file in files if file.kind == QUARTERLY[table])
    shipped = (row.effective for row in facts.rows_of(table) if row.effective <= on)
    return max((*imported, *shipped), default=None)


def quarters_between(quarter: date, day: date) -> int:
    """How many quarters have begun since that one, up to a day; 0 for one that is yet to come."""
    return max(0, 4 * (day.year - quarter.year) + (day.month - 1) // 3 - (quarter.month - 1) // 3)


def quarter_words(quarter: date) -> str:
    """``2026 quarter 4``."""
    return f"{quarter.year} quarter {(quarter.month + 2) // 3}"


#: What the tables hold, as people say it.
_HELD = {"ptp_pairs": "NCCI pairs", "mue": "MUE values"}


def old_quarters(facts: Facts, on: date) -> dict[str, str]:
    """The tables of which CMS has published a newer quarter: ``NCCI pairs are of July 2024, 9 quarters old``."""
    told = {}
    for table, held in _HELD.items():
        quarter = quarter_of(facts, table, on)
        old = 0 if quarter is None else quarters_between(quarter, on)
        if quarter is not None and old:
            told[table] = f"{held} are of {quarter:%B %Y}, {old} {'quarter' if old == 1 else 'quarters'} old"
    return told
