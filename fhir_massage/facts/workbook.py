"""The rows of a workbook's first sheet, as text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import IO

from python_calamine import CalamineError, CalamineWorkbook

from fhir_massage.errors import BadFact


def read_rows(name: str, stream: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
    """Yield each row's number and its cells as text; empty ones are ``""``.

    Raises ``BadFact`` for a file that is not a workbook.
    """
    try:
        sheet = CalamineWorkbook.from_filelike(stream).get_sheet_by_index(0)
        for number, cells in enumerate(sheet.iter_rows(), start=1 if sheet.start is None else sheet.start[0] + 1):
            yield number, [_text(cell) for cell in cells]
    except CalamineError as error:
        raise BadFact(name, "(workbook)", f"it cannot be read: {error}") from None


def _text(cell: object) -> str:
    """A cell as NCCI's text files write it: days as ``YYYYMMDD``, whole numbers without a decimal point."""
    if isinstance(cell, date):
        return cell.strftime("%Y%m%d")
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
