"""The documents that ``check`` reads: files and standard input, as arrivals to review, and written back."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from fhir_massage.edit.x12 import corrected_interchange
from fhir_massage.engine.document import replaced_at
from fhir_massage.errors import Unreadable
from fhir_massage.read.named import as_utf8
from fhir_massage.read.read import Arrival, Entry, encode, is_json_lines, read, read_lines
from fhir_massage.read.x12.split import is_x12

Json = dict[str, Any]
#: How many lines of one file that cannot be read are told one by one: a file that holds no FHIR has many.
MOST_TOLD = 20
_INDENT = re.compile(rb"[{\[]\r?\n( +)")


class Source:
    """One PATH of the command line. ``arrivals`` is what it holds; ``lines`` tells whether it is NDJSON."""

    def __init__(self, path: str, content: bytes, arrivals: list[Arrival], *, lines: bool) -> None:
        self.name = name_of(path)
        self.content = content
        self.arrivals = arrivals
        self.lines = lines

    @property
    def unread(self) -> list[str]:
        """A line for each thing in it that could not be read, with file and place; of very many the first."""
        before = f"{self.name}: "
        errors = [str(error) for arrival in self.arrivals for error in arrival.unread]
        told = [before + error.removeprefix(before) for error in errors[:MOST_TOLD]]
        if len(errors) > len(told):
            told.append(f"{before}{len(errors) - len(told):,} more could not be read; --format json lists them all")
        return told


def name_of(path: str) -> str:
    """What a PATH is called in messages."""
    return "standard input" if path == "-" else path


def open_source(path: str, *, among_others: bool = False) -> Source:
    """Read one PATH; ``-`` is standard input. Raises ``Unreadable``, with the file as its place.

    Places in NDJSON name the file as well where it is ``among_others``.
    """
    try:
        content = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise Unreadable(error.strerror or "cannot be opened") from None
    if _is_lines(path, content):
        file = name_of(path) if among_others else None
        return Source(path, content, list(read_lines(content.splitlines(), file)), lines=True)
    return Source(path, content, [read(content)], lines=False)


def come_together(sources: Sequence[Source]) -> Iterator[Arrival]:
    """What is reviewed by itself: each Bundle and request, and what stands alone in lines and files together.

    All NDJSON of one call belongs together, as though it came in one file. Of files of one resource, two that bear
    the same name cannot be told apart: the later one begins anew.
    """
    together = Arrival()
    for source in sources:
        for arrival in source.arrivals:
            if not _stands_alone(arrival):
                yield arrival
            elif source.lines:
                together.extend(arrival)
    names = {entry.name for entry in together.entries}
    for arrival in (each for source in sources if not source.lines for each in source.arrivals):
        if not _stands_alone(arrival):
            continue
        arriving = {entry.name for entry in arrival.entries if entry.container is None}
        if arriving & names:
            yield together
            together, names = Arrival(), set()
        together.extend(arrival)
        names |= arriving
    if together.entries or together.unread:
        yield together


def _is_lines(path: str, content: bytes) -> bool:
    """Whether it is NDJSON, by its content; a file named so may have but one line, or none."""
    if is_x12(content):
        return False
    named_so = Path(path).suffix.lower() == ".ndjson" and b"\n" not in content.strip()
    return named_so or is_json_lines(content)


def _stands_alone(arrival: Arrival) -> bool:
    """Whether it holds single resources, with what they contain, and not what a Bundle or request brings."""
    return not arrival.entries or not arrival.entries[0].path


def rewritten(source: Source, corrected: Mapping[int, Json]) -> bytes:
    """The whole document with corrected resources in their places, and all else as it came.

    ``corrected`` is by the ``id`` of the entry. Key order, unknown elements and written decimals stay;
    indentation is that of the original. Of X12 only the segments change that corrections touch.
    """
    arrival = source.arrivals[0] if source.arrivals else None
    if arrival is not None and arrival.x12:
        mended = [entry for entry in arrival.entries if id(entry) in corrected]
        claims = [(arrival.x12[entry.name], entry.json(), corrected[id(entry)]) for entry in mended]
        # The reader counts bytes behind a byte-order mark, which stays in front.
        read_content = as_utf8(source.content)
        return source.content[: -len(read_content)] + corrected_interchange(read_content, claims)
    if arrival is not None and is_x12(source.content):
        return source.content
    if not source.lines:
        return _laid_out(_encoded(source.arrivals[0].entries, corrected), source.content)
    by_line: dict[int, list[Entry]] = {}
    for arrival in source.arrivals:
        for entry in arrival.entries:
            by_line.setdefault(_line_number(entry), []).append(entry)
    written = []
    for number, line in enumerate(source.content.splitlines(), start=1):
        entries = by_line.get(number, [])
        changed = any(id(entry) in corrected for entry in entries)
        written.append(_encoded(entries, corrected) if changed else line)
    return b"".join(line + b"\n" for line in written)


def _line_number(entry: Entry) -> int:
    """The line of NDJSON that an entry came on, which its place begins with."""
    return int(entry.place.partition(":")[0].removeprefix("line "))


def _encoded(entries: list[Entry], corrected: Mapping[int, Json]) -> bytes:
    content = entries[0].document.json() if entries else {}
    for entry in entries:
        if id(entry) in corrected:
            content = replaced_at(content, entry.path, corrected[id(entry)])
    return encode(content)


def _laid_out(content: bytes, like: bytes) -> bytes:
    indent = _INDENT.search(like)
    if indent is not None:
        content = msgspec.json.format(content, indent=len(indent[1]))
    return content + b"\n" if like.endswith(b"\n") or indent is not None else content
