"""Dated tables: rows found by key and day, in constant time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from datetime import date
from itertools import pairwise
from typing import Generic, TypeVar

from fhir_massage.errors import BadFact
from fhir_massage.facts.rows import Row

R = TypeVar("R", bound=Row)
_KEPT = 4096


class Dated(Generic[R]):
    """Rows by key. Rows of one key follow each other in time, unless the table is many-valued."""

    def __init__(self, rows: Iterable[R], key: Callable[[R], Hashable]) -> None:
        self._rows: dict[Hashable, tuple[R, ...]] = {}
        self._by_prefix: dict[str, tuple[R, ...]] = {}
        for row in rows:
            self._rows[key(row)] = (*self._rows.get(key(row), ()), row)

    def find(self, key: Hashable, on: date) -> R | None:
        """The row in force for the key on that day."""
        for row in self._rows.get(key, ()):  # as in_force says it; this is called a hundred times a claim
            if row.effective <= on and (row.end is None or on <= row.end):
                return row
        return None

    def all(self, key: Hashable, on: date) -> list[R]:
        """Every row in force for the key on that day, in the table's order."""
        return [row for row in self._rows.get(key, ()) if row.in_force(on)]

    def by_prefix(self, code: str, on: date) -> R | None:
        """The row whose key is the longest prefix of the code, in force on that day."""
        rows = self._by_prefix.get(code)
        if rows is None:
            if len(self._by_prefix) >= _KEPT:  # codes that a stranger makes up
                self._by_prefix.clear()
            rows = self._by_prefix[code] = self._longest_first(code)
        for row in rows:
            if row.effective <= on and (row.end is None or on <= row.end):
                return row
        return None

    def _longest_first(self, code: str) -> tuple[R, ...]:
        """Every row whose key is a prefix of the code, whenever it is in force."""
        return tuple([row for length in range(len(code), 0, -1) for row in self._rows.get(code[:length], ())])

    def ever(self, key: Hashable) -> list[R]:
        """Every row of the key, whenever it is in force, the earliest first."""
        return sorted(self._rows.get(key, ()), key=lambda row: row.effective)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._rows

    def __iter__(self) -> Iterator[R]:
        for rows in self._rows.values():
            yield from rows

    def refuse_overlaps(self, file: str) -> None:
        """Raise ``BadFact`` where two rows of one key are in force on the same day."""
        for key, rows in self._rows.items():
            ordered = sorted(rows, key=lambda row: row.effective)
            for earlier, later in pairwise(ordered):
                if earlier.end is None or later.effective <= earlier.end:
                    raise BadFact(file, str(key), f"two rows are in force on {later.effective}; end the earlier one")
