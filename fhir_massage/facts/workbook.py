"""The rows of a workbook's first sheet, streamed: memory does not grow with the sheet.

openpyxl takes minutes for the largest NCCI workbooks, so the sheet's XML is read as it comes.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator
from typing import IO, Any
from xml.parsers import expat

from fhir_massage.errors import BadFact

_CHUNK = 1 << 18
_COLUMN = re.compile(r"[A-Z]+")


def read_rows(name: str, stream: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
    """Each row's number and its cells as text; empty ones are ``""``. Raises ``BadFact`` for what is no workbook."""
    try:
        with zipfile.ZipFile(stream) as archive:
            strings = _shared_strings(archive)
            with archive.open(_first_sheet(archive)) as sheet:
                yield from _Sheet(strings).rows(sheet)
    except (zipfile.BadZipFile, KeyError, IndexError, ValueError, expat.ExpatError) as error:
        raise BadFact(name, "(workbook)", f"it cannot be read: {error}") from None


def _first_sheet(archive: zipfile.ZipFile) -> str:
    sheets = [name for name in archive.namelist() if re.fullmatch(r"xl/worksheets/[^/]+\.xml", name)]
    if not sheets:
        raise KeyError("there is no sheet in it")
    return min(sheets, key=lambda name: (len(name), name))


def _shared_strings(archive: zipfile.ZipFile) -> list[str]:
    """The texts that cells refer to by number."""
    if "xl/sharedStrings.xml" not in archive.namelist():
        return []
    strings: list[str] = []
    reader = _Sheet(strings)
    parser = reader.parser()
    parser.EndElementHandler = reader.string_ended
    with archive.open("xl/sharedStrings.xml") as stream:
        parser.ParseFile(stream)
    return strings


class _Sheet:
    """What is being read of a sheet: the row so far, and the cell so far."""

    def __init__(self, strings: list[str]) -> None:
        self._strings = strings
        self._done: list[tuple[int, list[str]]] = []
        self._number = 0
        self._row: list[str] = []
        self._position = 0
        self._shared = False
        self._text: list[str] = []
        self._within = False
        self._columns: dict[str, int] = {}

    def parser(self) -> Any:
        """An expat parser that fills this sheet."""
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._started
        parser.EndElementHandler = self._ended
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = _refuse_doctype
        return parser

    def rows(self, stream: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
        """The rows, as far as each chunk of the XML completes them."""
        parser = self.parser()
        read: Callable[[int], bytes] = stream.read
        while chunk := read(_CHUNK):
            parser.Parse(chunk, False)
            yield from self._done
            self._done = []
        parser.Parse(b"", True)
        yield from self._done

    def _started(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        if tag == "c":
            reference = attributes.get("r")
            self._position = len(self._row) if reference is None else self._column(reference)
            self._shared = attributes.get("t") == "s"
            self._text = []
        elif tag in ("v", "t"):
            self._within = True
        elif tag == "row":
            self._number = int(attributes.get("r", self._number + 1))
            self._row = []

    def _characters(self, text: str) -> None:
        if self._within:
            self._text.append(text)

    def _ended(self, tag: str) -> None:
        tag = tag.rpartition(":")[2]
        if tag in ("v", "t"):
            self._within = False
        elif tag == "c":
            value = "".join(self._text)
            if self._shared and value:
                value = self._strings[int(value)]
            self._row += [""] * (self._position - len(self._row))
            self._row.append(value)
        elif tag == "row":
            self._done.append((self._number, self._row))

    def string_ended(self, tag: str) -> None:
        """The end of an element among the shared strings."""
        tag = tag.rpartition(":")[2]
        if tag == "t":
            self._within = False
        elif tag == "si":
            self._strings.append("".join(self._text))
            self._text = []

    def _column(self, reference: str) -> int:
        """The place of a cell such as ``C12`` in its row, counted from nought."""
        found = _COLUMN.match(reference)
        letters = found[0] if found else "A"
        place = self._columns.get(letters)
        if place is None:
            place = 0
            for letter in letters:
                place = place * 26 + ord(letter) - 64
            place = min(place, 512) - 1
            self._columns[letters] = place
        return place


def _refuse_doctype(*_: object) -> None:
    raise ValueError("it brings a document type of its own")
