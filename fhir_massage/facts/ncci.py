"""Reading the official NCCI files as CMS publishes them each quarter: PTP edits and MUE values for practitioners.

They come as text (tabs or commas), CSV or workbook, alone or in a zip; with a copyright preamble, headers
that differ by year, and any line ends. Rows are read one at a time: a file has up to 1.5 million.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import IO, Literal

import msgspec

from fhir_massage.errors import BadFact

Kind = Literal["ptp", "mue"]
Cells = Sequence[object]

_TEXT = (".txt", ".csv", ".tsv")
_WORKBOOK = (".xlsx",)
_CODE = re.compile(r"[0-9A-Z]{4}[0-9A-Z]")
_TABBED = re.compile(rb'^"?[0-9A-Z]{5}"?\t', re.M)
_COMMAS = re.compile(rb'^"?[0-9A-Z]{5}"?,', re.M)
_HEADER_LINES = 60
_LARGEST = 2 * 1024**3
#: What reading raises where a zip was cut off or changed on its way.
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError)
_NOT_WHOLE = "the zip is broken or not whole; get it again"

csv.field_size_limit(1024 * 1024)


class PairRow(msgspec.Struct, frozen=True, gc=False):
    """A PTP edit as published: days as ``YYYYMMDD``, ``end`` 0 while in force."""

    column_one: str
    column_two: str
    effective: int
    end: int
    indicator: str


class UnlikelyRow(msgspec.Struct, frozen=True, gc=False):
    """An MUE value as published."""

    code: str
    units: int
    adjudication: str


class Part(msgspec.Struct, frozen=True):
    """One file of a publication: what it holds, its quarter where its name says it, and its rows."""

    name: str
    kind: Kind
    quarter: date | None
    rows: Iterator[PairRow] | Iterator[UnlikelyRow]


def read_parts(file: Path) -> Iterator[Part]:
    """The files in what CMS published. Raises ``BadFact`` with file, line and reason where it is something else."""
    if not file.is_file():
        raise BadFact(file.name, "(file)", "there is no such file")
    with file.open("rb") as stream:
        is_zip = zipfile.is_zipfile(stream)
        if file.suffix.lower() == ".zip" and not is_zip:
            raise BadFact(file.name, "(zip)", _NOT_WHOLE)
        if not is_zip or file.suffix.lower() in _WORKBOOK:
            stream.seek(0)
            yield _part(file.name, file.name, stream)
            return
    yield from _zipped(file)


def _zipped(file: Path) -> Iterator[Part]:
    try:
        archive = zipfile.ZipFile(file)
    except _BROKEN:
        raise BadFact(file.name, "(zip)", _NOT_WHOLE) from None
    with archive:
        for member in _members(archive, file.name):
            if member.file_size > _LARGEST:
                raise BadFact(file.name, member.filename, "it is too large to be an NCCI file")
            try:
                stream = archive.open(member)
            except (*_BROKEN, RuntimeError):  # also where it is locked, or packed in a way that Python does not know
                raise BadFact(file.name, member.filename, _NOT_WHOLE) from None
            with stream:
                part = _part(member.filename, f"{member.filename} {file.name}", stream)
                yield part if quarter_of(member.filename) else msgspec.structs.replace(part, name=file.name)


def _members(archive: zipfile.ZipFile, name: str) -> list[zipfile.ZipInfo]:
    """The text files; where there are none, the workbooks, which hold the same."""
    for endings in (_TEXT, _WORKBOOK):
        found = [m for m in archive.infolist() if m.filename.lower().endswith(endings) and not m.is_dir()]
        found = [m for m in found if not re.search(r"readme|license|copyright|__MACOSX", m.filename, re.I)]
        if found:
            return found
    raise BadFact(name, "(zip)", "there is no text file and no workbook in it")


def _part(name: str, names: str, stream: IO[bytes]) -> Part:
    reason = why_not_ours(names)
    if reason is not None:
        raise BadFact(name, "(file)", reason)
    cells = _workbook(name, stream) if name.lower().endswith(_WORKBOOK) else _text(name, stream)
    kind, columns = _header(name, cells)
    rows = _pairs(name, cells) if kind == "ptp" else _unlikely(name, cells, columns)
    return Part(name, kind, quarter_of(names), rows)


def why_not_ours(names: str) -> str | None:
    """Why a file of that name is not wanted: NCCI has files for others than practitioners, that look alike."""
    text = re.sub(r"[^a-z]", "", names.lower())
    for sign, whose in (
        ("ccioph", "outpatient hospitals"),
        ("outpatienthospital", "outpatient hospitals"),
        ("facilityoutpatient", "outpatient hospitals"),
        ("dme", "suppliers of medical equipment"),
        ("medicaid", "Medicaid"),
        ("mcd", "Medicaid"),
    ):
        if sign in text:
            return f"this is the file for {whose}; the practitioners' one is wanted"
    if "additionsdeletions" in text:
        return "these are only the changes of a quarter; load the whole table of that quarter"
    return None


# --- the quarter -----------------------------------------------------------------------------------------


def quarter_of(name: str) -> date | None:
    """The first day of the quarter that a file's name tells: ``v303`` is October 2024; else a date or ``2024Q4``."""
    version = re.search(r"v(\d\d)\.?([0-3])(?:r\d+)?(?!\d)", name, re.I)
    if version:
        return date(1994 + int(version[1]), 1 + 3 * int(version[2]), 1)
    quarter = re.search(r"(20\d\d)[-_ ]?q([1-4])(?!\d)", name, re.I) or re.search(r"q([1-4])[-_ ]?(20\d\d)", name, re.I)
    if quarter:
        year, number = sorted((int(quarter[1]), int(quarter[2])), reverse=True)
        return date(year, 3 * number - 2, 1)
    day = re.search(r"(?<!\d)(\d\d)[-_.]?(\d\d)[-_.]?(20\d\d)(?!\d)", name)
    if day and 1 <= int(day[1]) <= 12:
        return date(int(day[3]), (int(day[1]) - 1) // 3 * 3 + 1, 1)
    return None


def revision_of(name: str) -> int:
    """Which edition of its quarter a file's name tells: CMS replaces ``v303r0`` by ``v303r1``; 0 where it tells none."""
    found = re.search(r"v\d\d\.?[0-3]r(\d+)", name, re.I)
    return int(found[1]) if found else 0


def part_of(name: str) -> int | None:
    """Which part of the PTP edits a file's name tells: ``f4`` of ``v303r0-f4``; ``None`` where it tells none."""
    found = re.search(r"[-_ ]f(\d)(?![\da-z])", name, re.I)
    return int(found[1]) if found else None


# --- cells of text and of workbooks ----------------------------------------------------------------------


class _Lines:
    """Rows of cells, with the line at which the last one began, for messages."""

    def __init__(self, rows: Iterable[Cells]) -> None:
        self._rows = iter(rows)
        self.line = 0

    def __iter__(self) -> Iterator[Cells]:
        return self

    def __next__(self) -> Cells:
        return next(self._rows)


def _text(name: str, stream: IO[bytes]) -> _Lines:
    """Cells of a text with tabs or commas, in UTF-8 or the code page that older files have."""
    try:
        head = stream.read(65536)
        stream.seek(0)
    except _BROKEN:
        raise BadFact(name, "(zip)", _NOT_WHOLE) from None
    if b"\0" in head:
        raise BadFact(name, "line 1", "this is no text")
    encoding = "utf-8-sig" if _is_utf8(head) else "cp1252"
    lines = io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline="")
    tabbed = _TABBED.search(head) or (b"\t" in head and not _COMMAS.search(head))
    reader = csv.reader(lines, delimiter="\t" if tabbed else ",")
    found = _Lines(())

    def rows() -> Iterator[Cells]:
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise BadFact(name, f"line {reader.line_num}", str(error)) from None
            except _BROKEN:
                raise BadFact(name, f"line {reader.line_num}", _NOT_WHOLE) from None
            found.line = reader.line_num
            yield cells

    found._rows = rows()
    return found


def _is_utf8(head: bytes) -> bool:
    try:
        head[: len(head) - 4].decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 8
    return True


def _workbook(name: str, stream: IO[bytes]) -> _Lines:
    from fhir_massage.facts.workbook import read_rows

    found = _Lines(())

    def rows() -> Iterator[Cells]:
        try:
            for number, cells in read_rows(name, stream):
                found.line = number
                yield cells
        except _BROKEN:
            raise BadFact(name, "(workbook)", _NOT_WHOLE) from None

    found._rows = rows()
    return found


# --- headers -----------------------------------------------------------------------------------------------


def _header(name: str, cells: _Lines) -> tuple[Kind, dict[str, int]]:
    """What the file is, by its header, which a copyright notice precedes; and where an MUE file has its columns."""
    for _, row in zip(range(_HEADER_LINES), cells, strict=False):
        words = ["".join(str(cell or "").lower().split()) for cell in row]
        if len(words) > 1 and words[0].startswith("column1") and words[1].startswith("column2"):
            return "ptp", {}
        if len(words) > 1 and words[0].startswith("hcpcs") and any("muevalue" in word for word in words):
            return "mue", _unlikely_columns(name, cells.line, words)
    raise BadFact(name, f"line {max(cells.line, 1)}", "no header of NCCI's PTP edits or MUE values is found")


def _unlikely_columns(name: str, line: int, words: list[str]) -> dict[str, int]:
    values = next(i for i, word in enumerate(words) if "muevalue" in word)
    if "practitioner" not in words[values]:
        raise BadFact(name, f"line {line}", "these are not the MUE values of practitioner services")
    indicator = next((i for i, word in enumerate(words) if "adjudicationindicator" in word), None)
    if indicator is None:
        raise BadFact(name, f"line {line}", "the header has no column for the MUE adjudication indicator")
    return {"value": values, "indicator": indicator}


# --- rows ----------------------------------------------------------------------------------------------------


def _pairs(name: str, cells: _Lines) -> Iterator[PairRow]:
    """Column one, column two, a mark for edits older than 1996, effective, deletion, modifier, rationale."""
    begun = False
    plain = _CODE.fullmatch
    for row in cells:
        if len(row) >= 6 and not (plain(str(row[0])) and plain(str(row[1]))):
            row = [str(cell).strip() for cell in row]
        if len(row) < 6 or not (plain(str(row[0])) and plain(str(row[1]))):
            if begun and not _is_filler(row):
                raise BadFact(name, f"line {cells.line}", "this is no pair of procedure codes with its dates")
            continue
        begun = True
        first, second, _, start, stop, indicator = row[:6]
        effective = _day(start)
        end = 0 if stop in ("*", "", None) else _day(stop)
        mark = str(indicator).strip()[:1]
        if effective is None or end is None:
            raise BadFact(name, f"line {cells.line}", "the effective or deletion date is no day (YYYYMMDD)")
        if mark not in ("0", "1", "9"):
            raise BadFact(name, f"line {cells.line}", "the modifier indicator is none of 0, 1 and 9")
        yield PairRow(str(first), str(second), effective, end, mark)
    if not begun:
        raise BadFact(name, f"line {cells.line}", "there is no pair of procedure codes in it")


def _unlikely(name: str, cells: _Lines, columns: dict[str, int]) -> Iterator[UnlikelyRow]:
    begun = False
    for row in cells:
        if _is_filler(row):
            continue
        code = str(row[0]).strip()
        if not _CODE.fullmatch(code) or len(row) <= max(columns.values()):
            raise BadFact(name, f"line {cells.line}", "this is no procedure code with its MUE value")
        units = str(row[columns["value"]]).strip().removesuffix(".0")
        mark = str(row[columns["indicator"]] or "").strip()[:1]
        if not units.isdigit():
            raise BadFact(name, f"line {cells.line}", "the MUE value is no whole number")
        if mark not in ("1", "2", "3"):
            raise BadFact(name, f"line {cells.line}", "the MUE adjudication indicator is none of 1, 2 and 3")
        begun = True
        yield UnlikelyRow(code, int(units), mark)
    if not begun:
        raise BadFact(name, f"line {cells.line}", "there is no MUE value in it")


def _is_filler(row: Cells) -> bool:
    """An empty row, or a notice in one cell."""
    filled = [str(cell).strip() for cell in row if cell is not None and str(cell).strip()]
    return not filled or (len(filled) == 1 and not _CODE.fullmatch(filled[0]) and " " in filled[0])


@lru_cache(maxsize=4096)
def _day(cell: object) -> int | None:
    """A day as the number ``YYYYMMDD``; workbooks may give it as the count of days that they keep."""
    text = str(cell).strip().removesuffix(".0")
    try:
        if len(text) == 5 and text.isdigit():
            day = date(1899, 12, 30) + timedelta(days=int(text))
        else:
            day = datetime.strptime(text, "%Y%m%d").date()
    except ValueError:
        return None
    return day.year * 10000 + day.month * 100 + day.day if len(text) in (5, 8) and day.year >= 1900 else None
