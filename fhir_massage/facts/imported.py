"""Imported NCCI files: all in one SQLite file, made anew by each import, and looked up beside the shipped rows."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from fhir_massage.errors import BadFact
from fhir_massage.facts.current import hold, in_force, new_file, not_read
from fhir_massage.facts.ncci import Kind, PairRow, Part, UnlikelyRow, read_parts, revision_of
from fhir_massage.facts.rows import Apart, MedicallyUnlikely, Pair, Row, Source, TimedCode
from fhir_massage.facts.table import Dated

R = TypeVar("R", bound=Row)

_FORMAT = 1
_KEPT = 65536
#: How often the file in force is looked for again, because imports have replaced it meanwhile.
_TRIES = 5
#: Where CMS publishes each kind of file.
PAGES: dict[Kind, str] = {
    "ptp": "https://www.cms.gov/medicare/coding-billing/national-correct-coding-initiative-ncci-edits/"
    "medicare-ncci-procedure-procedure-ptp-edits",
    "mue": "https://www.cms.gov/medicare/coding-billing/national-correct-coding-initiative-ncci-edits/"
    "medicare-ncci-medically-unlikely-edits-mues",
}
_TITLES: dict[Kind, str] = {
    "ptp": "Medicare NCCI procedure-to-procedure edits, practitioner",
    "mue": "Medicare NCCI medically unlikely edits, practitioner services",
}
_SCHEMA = """
create table file (
  id integer primary key, kind text not null, name text not null, quarter text not null, sha256 text not null,
  imported text not null, rows integer not null, first_code text not null, last_code text not null
);
create table pair (
  codes text not null, effective integer not null, end integer not null, indicator text not null,
  file integer not null, primary key (codes, effective)
) without rowid;
create table unlikely (
  code text not null, quarter integer not null, units integer not null, adjudication text not null,
  file integer not null, primary key (code, quarter)
) without rowid;
create table code (code text primary key) without rowid;
"""


class ImportedFile(msgspec.Struct, frozen=True):
    """One official file that was loaded. ``first_code`` to ``last_code`` are the (column one) codes it covers."""

    id: int
    kind: Kind
    name: str
    quarter: date
    sha256: str
    imported: date
    rows: int
    first_code: str
    last_code: str

    @property
    def source(self) -> Source:
        """The file as a document that rows cite."""
        quarter = f"{self.quarter.year} quarter {(self.quarter.month + 2) // 3}"
        title = f"{_TITLES[self.kind]}, {quarter}, file {self.name} loaded on {self.imported}"
        owner = "Centers for Medicare & Medicaid Services"
        return Source(f"imported-{self.id}", owner, title, self.quarter.isoformat(), PAGES[self.kind])


# --- loading -------------------------------------------------------------------------------------------


def import_file(file: Path, data: Path, *, today: date, quarter: date | None = None) -> list[ImportedFile]:
    """Load an official file into the data folder; all of it, or nothing and what was there stays.

    ``quarter`` is the first day of the file's quarter, where its name does not tell it. Raises
    ``BadFact`` with file, line and reason for anything that is not a practitioners' NCCI file.
    """
    return import_files([file], data, today=today, quarter=quarter)


def import_files(files: Sequence[Path], data: Path, *, today: date, quarter: date | None = None) -> list[ImportedFile]:
    """Load several official files, as ``import_file`` does one: all of them, or none."""
    for file in files:
        if not file.is_file():
            raise BadFact(str(file), "(file)", "there is no such file")
    with new_file(data) as made:
        return _load(files, in_force(data), made, today, quarter)


def _load(
    files: Sequence[Path], before: Path | None, made: Path, today: date, quarter: date | None
) -> list[ImportedFile]:
    if before is not None:
        _copy(before, made)
    with closing(sqlite3.connect(made, isolation_level=None)) as database:
        database.executescript("pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -65536;")
        if before is None:
            database.executescript(_SCHEMA)
            database.execute(f"pragma user_version = {_FORMAT}")
        _check_format(database, before or made)
        database.execute("begin")
        loaded = [each for file in files for each in _load_file(database, file, today, quarter)]
        database.execute("commit")
    return loaded


def _load_file(database: sqlite3.Connection, file: Path, today: date, quarter: date | None) -> Iterator[ImportedFile]:
    digest = _sha256(file)
    for part in read_parts(file):
        yield _load_part(database, part, digest, today, quarter)


def _copy(before: Path, made: Path) -> None:
    try:
        shutil.copyfile(before, made)
    except OSError as error:
        raise not_read(before, error) from None


def _load_part(
    database: sqlite3.Connection, part: Part, digest: str, today: date, quarter: date | None
) -> ImportedFile:
    known = quarter or part.quarter or _quarter(today)
    newest = database.execute("select max(quarter) from file where kind = ?", (part.kind,)).fetchone()[0]
    if part.kind == "ptp" and newest is not None and known.isoformat() < newest:
        raise BadFact(part.name, "(file)", f"it is of {known}; edits of {newest} are loaded, and hold its history")
    number = database.execute("select coalesce(max(id), 0) + 1 from file").fetchone()[0]
    insert = _insert_pairs if part.kind == "ptp" else _insert_unlikely
    rows, first, last = insert(database, part, number, known)
    file = ImportedFile(number, part.kind, part.name, known, digest, today, rows, first, last)
    database.execute(
        "insert into file values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (number, file.kind, file.name, known.isoformat(), digest, today.isoformat(), rows, first, last),
    )
    _forget_replaced(database, file)
    return file


def _insert_pairs(database: sqlite3.Connection, part: Part, number: int, _: date) -> tuple[int, str, str]:
    """Edits that never applied (indicator 9) are left out. Returns how many rows came, and the codes covered."""
    codes: set[str] = set()
    columns_one: set[str] = set()
    seen = 0

    def rows() -> Iterator[tuple[str, int, int, str, int]]:
        nonlocal seen
        for row in part.rows:
            assert isinstance(row, PairRow)
            seen += 1
            columns_one.add(row.column_one)
            codes.add(row.column_one)
            codes.add(row.column_two)
            if row.indicator != "9":
                yield row.column_one + row.column_two, row.effective, row.end, row.indicator, number

    database.executemany("insert or replace into pair values (?, ?, ?, ?, ?)", rows())
    database.executemany("insert or ignore into code values (?)", ((code,) for code in codes))
    return seen, min(columns_one), max(columns_one)


def _insert_unlikely(database: sqlite3.Connection, part: Part, number: int, quarter: date) -> tuple[int, str, str]:
    codes: set[str] = set()
    since = _number(quarter)
    database.execute("delete from unlikely where quarter = ?", (since,))

    def rows() -> Iterator[tuple[str, int, int, str, int]]:
        for row in part.rows:
            assert isinstance(row, UnlikelyRow)
            codes.add(row.code)
            yield row.code, since, row.units, row.adjudication, number

    database.executemany("insert or replace into unlikely values (?, ?, ?, ?, ?)", rows())
    return len(codes), min(codes), max(codes)


def _forget_replaced(database: sqlite3.Connection, file: ImportedFile) -> None:
    """Drop what the file replaces: older edits of the codes it covers, and files of which nothing is left."""
    if file.kind == "ptp":
        known = [_file(row) for row in database.execute("select * from file where kind = 'ptp'").fetchall()]
        older = [(file.first_code, f"{file.last_code}~", each.id) for each in known if _edition(each) < _edition(file)]
        database.executemany("delete from pair where codes >= ? and codes < ? and file = ?", older)
        left = "select distinct file from pair"
    else:
        left = "select distinct file from unlikely"
    database.execute(f"delete from file where kind = ? and id <> ? and id not in ({left})", (file.kind, file.id))


def _edition(file: ImportedFile) -> tuple[date, int]:
    """Which of two files of one kind is newer: CMS at times replaces those of a quarter by corrected ones."""
    return file.quarter, revision_of(file.name)


def _check_format(database: sqlite3.Connection, store: Path) -> None:
    try:
        version = database.execute("pragma user_version").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise BadFact(str(store), "(file)", str(error)) from None
    if version != _FORMAT:
        raise BadFact(str(store), "(file)", f"it has format {version}, not {_FORMAT}; remove it and import again")


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _quarter(day: date) -> date:
    return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)


def _number(day: date) -> int:
    return day.year * 10000 + day.month * 100 + day.day


def _date(number: int) -> date:
    return date(number // 10000, number // 100 % 100, number % 100)


# --- looking up -----------------------------------------------------------------------------------------


class Store:
    """The imported file, open for reading: one connection a process, made anew after a fork.

    It stays where it is for as long as a process has this, whatever is imported meanwhile.
    """

    def __init__(self, path: Path) -> None:
        """Raises ``OSError`` where there is no such file, or it cannot be read; ``BadFact`` for no such store."""
        self._path = path
        self._held = hold(path)
        self._lock = threading.Lock()
        self._process = 0
        self._database: sqlite3.Connection | None = None
        self.files = {row[0]: _file(row) for row in self.all("select * from file order by id")}
        self._ranges = [(f.first_code, f.last_code) for f in self.files.values() if f.kind == "ptp"]

    def all(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query. Raises ``BadFact`` where the file cannot be read."""
        with self._lock:
            try:
                if self._database is None or self._process != os.getpid():
                    address = f"file:{self._path.absolute()}?mode=ro&immutable=1"
                    self._database = sqlite3.connect(address, uri=True, check_same_thread=False)
                    self._process = os.getpid()
                return self._database.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise BadFact(str(self._path), "(file)", str(error)) from None

    def close(self) -> None:
        """Have this process use the file no more. Those forked from it go on."""
        with self._lock:
            if self._database is not None and self._process == os.getpid():
                self._database.close()
            self._database = None
            self._held.close()

    def covers(self, code: str) -> bool:
        """Whether an imported PTP file covers the column-one code."""
        return any(first <= code <= last for first, last in self._ranges)


def open_store(data: Path | None) -> Store | None:
    """What was imported into a data folder; ``None`` where nothing was."""
    for attempt in range(1, _TRIES + 1):
        path = None if data is None else in_force(data)
        if path is None:
            return None
        try:
            return Store(path)
        except OSError as error:  # not there: by now another one is in force, whose import has cleared it away
            if attempt == _TRIES or not isinstance(error, FileNotFoundError):
                raise not_read(path, error) from None
    return None


class _Imported(Dated[R]):
    """Rows of a store beside shipped ones. Each key is read once, and kept."""

    def __init__(self, store: Store, shipped: Iterable[R], key: Callable[[R], Hashable]) -> None:
        super().__init__(shipped, key)
        self._store = store
        self._kept: dict[Hashable, tuple[R, ...]] = {}

    def find(self, key: Hashable, on: date) -> R | None:
        return next((row for row in self._of(key) if row.in_force(on)), None)

    def all(self, key: Hashable, on: date) -> list[R]:
        return [row for row in self._of(key) if row.in_force(on)]

    def ever(self, key: Hashable) -> list[R]:
        return sorted(self._of(key), key=lambda row: row.effective)

    def __contains__(self, key: Hashable) -> bool:
        return bool(self._of(key))

    def _of(self, key: Hashable) -> tuple[R, ...]:
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            found = self._kept[key] = self._read(key)
        return found

    def _read(self, key: Hashable) -> tuple[R, ...]:
        raise NotImplementedError


class ImportedPairs(_Imported[Pair]):
    """PTP edits: from the imported files where they cover the column-one code, else the shipped rows."""

    def __init__(self, store: Store, shipped: Iterable[Pair], timed: Dated[TimedCode]) -> None:
        rows = list(shipped)
        super().__init__(store, rows, lambda row: (row.column_one, row.column_two))
        self._timed = timed
        self._apart = {(row.column_one, row.column_two): row.apart for row in rows}

    def known_codes(self) -> frozenset[str]:
        """Every code of which a missing pair means that there is none."""
        shipped = {code for row in self for code in (row.column_one, row.column_two)}
        every = (str(code) for (code,) in self._store.all("select code from code"))
        return frozenset(shipped | {code for code in every if self._store.covers(code)})

    def _read(self, key: Hashable) -> tuple[Pair, ...]:
        one, two = _pair_of(key)
        if not self._store.covers(one):
            return self._rows.get(key, ())
        query = "select effective, end, indicator, file from pair where codes = ? order by effective desc"
        return tuple(self._pair(one, two, *row) for row in self._store.all(query, (one + two,)))

    def _pair(self, one: str, two: str, effective: int, end: int, indicator: Any, file: int) -> Pair:
        since = _date(effective)
        return Pair(
            column_one=one,
            column_two=two,
            indicator=indicator,
            apart=self._apart.get((one, two)) or apart(one, two, since, self._timed),
            effective=since,
            end=_date(end) if end else None,
            source=self._store.files[file].source.id,
            section=f"row {one}/{two}",
            checked=self._store.files[file].imported,
        )


class ImportedUnlikely(_Imported[MedicallyUnlikely]):
    """Medically unlikely edits: of the newest imported quarter on the day or before it, else the shipped rows."""

    def __init__(self, store: Store, shipped: Iterable[MedicallyUnlikely]) -> None:
        super().__init__(store, shipped, lambda row: row.code)

    def _read(self, key: Hashable) -> tuple[MedicallyUnlikely, ...]:
        query = "select quarter, units, adjudication, file from unlikely where code = ? order by quarter desc"
        imported = [self._row(key, *row) for row in self._store.all(query, (key,))]
        return (*imported, *self._rows.get(key, ()))

    def _row(self, code: Any, quarter: int, units: int, adjudication: Any, file: int) -> MedicallyUnlikely:
        return MedicallyUnlikely(
            code=code,
            units=units,
            adjudication=adjudication,
            effective=_date(quarter),
            source=self._store.files[file].source.id,
            section=f"row {code}",
            checked=self._store.files[file].imported,
        )


def _pair_of(key: Any) -> tuple[str, str]:
    one, two = key
    return one, two


_MANIPULATION = frozenset({"98940", "98941", "98942"})
_BY_REGION = frozenset({"97112", "97124", "97140"})


def apart(one: str, two: str, on: date, timed: Dated[TimedCode]) -> Apart:
    """What keeps the two services of a pair apart, for pairs of which the shipped rows say nothing."""
    if one in _MANIPULATION and two in _BY_REGION:
        return "region"
    both = (timed.find(one, on), timed.find(two, on))
    return "interval" if all(row is not None and row.one_on_one for row in both) else "other"


def _file(row: tuple[object, ...]) -> ImportedFile:
    names = ImportedFile.__struct_fields__
    return msgspec.convert(dict(zip(names, row, strict=True)), ImportedFile)
