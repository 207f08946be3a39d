"""Reading the fact files: CSV tables, sources and TOML policies. A row without a source does not load."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

import msgspec

from fhir_massage.errors import BadFact
from fhir_massage.facts.policy import ENTRY_KEYS, Entry, PolicyFile
from fhir_massage.facts.rows import LONG_BEFORE, UNKNOWN, Row, Source

R = TypeVar("R", bound=Row)

#: The folder of the facts that the product ships with.
SHIPPED = Path(__file__).parent


def read_sources(folder: Path = SHIPPED) -> dict[str, Source]:
    """Every document that facts cite, by id.

    Raises ``BadFact`` for a document without title or address, or an id used twice.
    """
    sources: dict[str, Source] = {}
    for file in sorted((folder / "sources").glob("*.csv")):
        for line, cells in _lines(file):
            source = msgspec.convert(cells, Source)
            if source.id in sources:
                raise BadFact(file.name, f"line {line}", f"source {source.id} is listed twice")
            if not (source.id and source.title and source.url and source.owner):
                raise BadFact(file.name, f"line {line}", "a source needs id, owner, title and url")
            sources[source.id] = source
    return sources


def read_table(name: str, kind: type[R], sources: dict[str, Source], folder: Path = SHIPPED) -> list[R]:
    """The rows of one table. Raises ``BadFact`` with file, line and reason."""
    file = folder / "tables" / f"{name}.csv"
    rows = []
    for line, cells in _lines(file):
        try:
            row = msgspec.convert(_typed(cells, kind), kind, strict=False)
        except msgspec.ValidationError as error:
            raise BadFact(file.name, f"line {line}", str(error)) from None
        _check_source(file.name, f"line {line}", row, sources)
        rows.append(row)
    return rows


def read_policy(file: Path, sources: dict[str, Source]) -> PolicyFile:
    """A payer's policy. Raises ``BadFact`` with file, key and reason."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise BadFact(file.name, "(file)", str(error)) from None
    for entry in (each for key in ENTRY_KEYS if isinstance(content.get(key), list) for each in content[key]):
        if isinstance(entry, dict) and entry.get("effective") == UNKNOWN:
            entry["effective"] = LONG_BEFORE
    try:
        policy = msgspec.convert(content, PolicyFile)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at ")
        raise BadFact(file.name, place.strip("`").removeprefix("$.") or "(file)", reason) from None
    known = sources | {
        key: Source(key, own.owner, own.title, own.published, own.url) for key, own in policy.sources.items()
    }
    for key in ENTRY_KEYS:
        for index, entry in enumerate(getattr(policy, key)):
            _check_source(file.name, f"{key}[{index}]", entry, known)
        _refuse_unheard(file.name, key, getattr(policy, key))
    return policy


def _refuse_unheard(file: str, key: str, entries: Sequence[Entry]) -> None:
    """Raise ``BadFact`` for an entry that another one of the same subject and days keeps from being heard."""
    for index, entry in enumerate(entries):
        for before in entries[:index]:
            if before.subject == entry.subject and before.overlaps(entry):
                day = max(before.effective, entry.effective)
                raise BadFact(
                    file, f"{key}[{index}]", f"another entry speaks of the same from {day} on; end the earlier one"
                )


def _lines(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    with file.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        for cells in reader:
            if None in cells or None in cells.values():
                raise BadFact(file.name, f"line {reader.line_num}", "more or fewer cells than the header has")
            yield reader.line_num, cells


@cache
def _shapes(kind: type[Row]) -> dict[str, Callable[[str], object]]:
    """How the cells of a row that are more than plain text are read: lists split at spaces, yes and no as truth."""
    shapes: dict[str, Callable[[str], object]] = {
        "end": lambda cell: cell or None,
        "effective": lambda cell: LONG_BEFORE if cell == UNKNOWN else cell,
    }
    for field in msgspec.structs.fields(kind):
        if field.type == tuple[str, ...]:
            shapes[field.name] = lambda cell: tuple(cell.split())
        elif field.type is bool:
            shapes[field.name] = lambda cell: {"yes": True, "no": False}.get(cell, cell)
    return shapes


def _typed(cells: dict[str, str], kind: type[Row]) -> dict[str, object]:
    """Cells as the row's fields want them."""
    return {**cells, **{name: shape(cells[name]) for name, shape in _shapes(kind).items() if name in cells}}


def _check_source(file: str, key: str, row: Row, sources: dict[str, Source]) -> None:
    if row.source not in sources:
        raise BadFact(file, key, f"source '{row.source}' is in no list of sources")
    if not row.section.strip():
        raise BadFact(file, key, "the section of the source is missing")
    if row.end is not None and row.end < row.effective:
        raise BadFact(file, key, f"it ends on {row.end}, before it takes effect on {row.effective}")
