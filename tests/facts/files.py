"""NCCI files as CMS publishes them, written small: headers, preambles and line ends of several years."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

from openpyxl import Workbook

NOTICE = "CPT only copyright 2025 American Medical Association. All rights reserved."
PTP_HEADER = (
    "Column 1",
    "Column 2",
    "*=in existence\nprior to 1996",
    "Effective\nDate",
    "Deletion\nDate\n*=no data",
    "Modifier\n0=not allowed\n1=allowed\n9=not applicable",
    "PTP Edit Rationale",
)
MUE_HEADER = (
    "HCPCS/\nCPT Code",
    "Practitioner Services MUE Values",
    "MUE Adjudication Indicator",
    "MUE Rationale",
)
Row = tuple[str, ...]


def pair(one: str, two: str, since: str, until: str = "*", indicator: str = "1") -> Row:
    """A row of a PTP file."""
    return (one, two, "", since, until, indicator, "Misuse of column two code with column one code")


def unlikely(code: str, units: int, indicator: str = "3 Date of Service Edit: Clinical") -> Row:
    """A row of an MUE file."""
    return (code, str(units), indicator, "Clinical: Data")


def text(header: Row, rows: Sequence[Row], *, separator: str = "\t", end: str = "\r\n", mark: str = "") -> bytes:
    """A text file: a copyright notice over several lines, the header, the rows."""
    notice = f'"{NOTICE}\n\nThe AMA assumes no liability."'
    lines = [notice, *(separator.join(_quoted(cell, separator) for cell in row) for row in (header, *rows))]
    return (mark + end.join(lines) + end).encode("utf-8")


def workbook(file: Path, header: Row, rows: Sequence[Row]) -> Path:
    """The same as a workbook."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append([NOTICE])
    sheet.append([])
    sheet.append(list(header))
    for row in rows:
        sheet.append([int(cell) if cell.isdigit() and len(cell) == 8 else cell or None for cell in row])
    book.save(file)
    return file


def zipped(file: Path, members: dict[str, bytes]) -> Path:
    """A zip of files."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file


def _quoted(cell: str, separator: str) -> str:
    return f'"{cell}"' if "\n" in cell or separator in cell else cell
