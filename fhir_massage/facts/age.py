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
