"""The documents that ``check`` reads: files and standard input, as arrivals to review, and written back."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from fhir_massage.errors import Unreadable
from fhir_massage.fhir.read import Arrival, Entry, encode, is_json_lines, read, read_lines
from fhir_massage.review.document import replaced_at

Json = dict[str, Any]
_INDENT = re.compile(rb"[{\[]\r?\n( +)")


class Source:
    """One PATH of the command line. ``arrivals`` is what it holds, each to be reviewed by itself."""

    def __init__(self, path: str, content: bytes, arrivals: list[Arrival], *, lines: bool) -> None:
        self.path = path
        self.content = content
        self.arrivals = arrivals
        self.lines = lines

    @property
    def is_single_resource(self) -> bool:
        """Whether it is one resource by itself, and not a Bundle or request that brings others."""
        return not self.lines and any(not entry.path for arrival in self.arrivals for entry in arrival.entries)

    @property
    def unread(self) -> list[Unreadable]:
        """What of it could not be read."""
        return [error for arrival in self.arrivals for error in arrival.unread]


def open_source(path: str) -> Source:
    """Read one PATH; ``-`` is standard input. Raises ``Unreadable``, with the file as its place."""
    try:
        content = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise Unreadable(error.strerror or "cannot be opened") from None
    if is_json_lines(content):
        return Source(path, content, list(read_lines(content.splitlines())), lines=True)
    return Source(path, content, [read(content)], lines=False)


def come_together(sources: Iterable[Source]) -> Iterator[Arrival]:
    """What is reviewed by itself. Resources that stand alone in their files come along with each other.

    Two that bear the same name cannot be told apart: the later one begins anew.
    """
    together = Arrival()
    names: set[str] = set()
    for source in sources:
        for arrival in source.arrivals:
            alone = source.is_single_resource or (source.lines and all(not entry.path for entry in arrival.entries))
            if not alone:
                yield arrival
                continue
            arriving = {entry.name for entry in arrival.entries if entry.container is None}
            if arriving & names:
                yield together
                together, names = Arrival(), set()
            together.extend(arrival)
            names |= arriving
    if together.entries or together.unread:
        yield together


def rewritten(source: Source, corrected: Mapping[int, Json]) -> bytes:
    """The whole document with corrected resources in their places, and all else as it came.

    ``corrected`` is by the ``id`` of the entry. Key order, unknown elements and written decimals stay;
    indentation is that of the original.
    """
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
    return b"\n".join(written) + b"\n"


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
