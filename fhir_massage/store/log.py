"""The store: what was asked of the hooks and what was answered, and the feedback to it.

Records are written by one thread beside the answers: a store that is slow or gone never delays or fails
an answer. While the database is away they wait for it, in the process's memory. What of a patient they hold is decided in ``fhir_massage.store.privacy``.
"""

from __future__ import annotations

import atexit
import contextlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import create_engine, delete, func, insert, select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    SQLAlchemyError,
)

from fhir_massage.store.address import EXPECTED, BadStore, parsed
from fhir_massage.store.schema import (
    Base,
    Card,
    Feedback,
    FindingRecord,
    HookCall,
    Told,
    at_head,
    upgrade,
    writable,
)

log = structlog.get_logger()

LONGEST_QUEUE = 10_000
#: How many calls are written in one transaction, at most.
MOST_TOGETHER = 200
#: Seconds that a write waits for another process's, and then until it is tried again.
LONGEST_WAIT = 5
PAUSE = 1.0
#: Seconds for which closing waits for what is still to be written.
LONGEST_CLOSING = 10


#: Told how many records wait to be written, and how many more were lost.
Watch = Callable[[int, int], None]
#: A row to be written: its table, and its values by column.
Record = tuple[type[Base], Mapping[str, Any]]


class Store:
    """Writes records in the background. ``lost`` counts those that could not be kept."""

    def __init__(self, url: str, watch: Watch = lambda waiting, lost: None) -> None:
        """Nothing is opened yet; ``watch`` is told how writing goes. Raises ``BadStore`` for an address that no database can have."""
        self._engine = engine_of(url)
        self._watch = watch
        self._prepared = False
        self._queue: queue.Queue[tuple[Record, ...] | None] = queue.Queue(LONGEST_QUEUE)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._closing = threading.Event()
        self.lost = 0

    @property
    def engine(self) -> Engine:
        """The database, for reading what was kept."""
        return self._engine

    def prepare(self) -> None:
        """Bring the tables to this version's. Raises ``SQLAlchemyError``.

        Where it fails, the writer tries again with each record, so that a store that comes late is used.
        """
        upgrade(self._engine)
        self._prepared = True
        self._engine.dispose()

    def reachable(self) -> bool:
        """Whether the database answers from the tables, so that a file that is gone or damaged is noticed."""
        try:
            with self._engine.connect() as connection:
                for column in (HookCall.id, Card.uuid, FindingRecord.id, Feedback.id, Told.claim):
                    connection.execute(select(column).limit(1))
        except SQLAlchemyError:
            return False
        return True

    def ready(self) -> bool:
        """Whether records can be kept: the database answers, has this version's tables, and may be written to."""
        try:
            return writable(self._engine) and self.reachable() and at_head(self._engine)
        except SQLAlchemyError:
            return False

    def add(self, kind: type[Base], **record: Any) -> None:
        """Hand over a record to be written. Never waits and never fails."""
        self.add_together((kind, record))

    def add_together(self, *records: Record) -> None:
        """Hand over records that are written all or none. Never waits and never fails."""
        self._start()
        try:
            self._queue.put_nowait(records)
            self._watch(self._queue.qsize(), 0)
        except queue.Full:
            self._lose(records)

    def prune(self, before: datetime) -> dict[str, int]:
        """Drop what was recorded before that moment: rows dropped, by table. Raises ``SQLAlchemyError``."""
        self.prepare()
        dropped = {}
        with self._engine.begin() as connection:
            for kind in (HookCall, Card, FindingRecord, Feedback):
                old = kind.at < before
                dropped[kind.__tablename__] = connection.execute(
                    select(func.count()).select_from(kind).where(old)
                ).scalar_one()
                connection.execute(delete(kind).where(old))
        return dropped

    def close(self) -> None:
        """Write what is still waiting, and stop. What no database takes by then is lost, and the log says how much."""
        if self._thread is None:
            return
        before = self.lost
        self._closing.set()
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=LONGEST_CLOSING)
        self._thread.join(timeout=LONGEST_CLOSING)
        waiting = self._queue.qsize() if self._thread.is_alive() else 0
        self._thread = None
        if self.lost + waiting > before:
            log.error("records lost", records=self.lost + waiting - before)

    def _start(self) -> None:
        # The thread belongs to the worker process, so it starts with the first record and not with the master.
        with self._starting:
            if self._thread is None:
                self._closing.clear()
                self._thread = threading.Thread(target=self._write, name="store", daemon=True)
                self._thread.start()
                atexit.register(self.close)

    def _write(self) -> None:
        away = last = False
        while not last:
            waiting, last = self._take()
            if not away and len(waiting) > 1 and self._inserted(waiting):
                continue
            for records in waiting:  # one by one, so that a bad one loses no other
                if away and self._closing.is_set():
                    self._lose(records)
                else:
                    away = not self._keep(records)
                self._watch(self._queue.qsize(), 0)
        self._watch(self._queue.qsize(), 0)  # the word to end stood in the queue too

    def _take(self) -> tuple[list[tuple[Record, ...]], bool]:
        """What is waiting, which is more where much is asked; and whether it is the last."""
        waiting: list[tuple[Record, ...]] = []
        while (records := self._queue.get()) is not None:
            waiting.append(records)
            if len(waiting) == MOST_TOGETHER or self._queue.empty():
                return waiting, False
        return waiting, True

    def _inserted(self, waiting: Sequence[tuple[Record, ...]]) -> bool:
        """Whether all could be written in one transaction; else none was."""
        try:
            self._insert([record for records in waiting for record in records])
        except Exception:  # which of them it is, is seen when they are written one by one
            return False
        self._watch(self._queue.qsize(), 0)
        return True

    def _keep(self, records: tuple[Record, ...]) -> bool:
        """Write records, waiting for the database while it is away. ``False`` where it still is when this ends."""
        told = False
        while True:
            closing = self._closing.is_set()
            try:
                self._insert(records)
            except _Away as away:
                if closing:
                    self._lose(records)
                    return False
                if not told:
                    log.error("store not reachable", error=type(away.__cause__).__name__)
                told = True
                self._prepared = False
                self._closing.wait(PAUSE)
            except Exception:  # a record that no table takes: the next one is tried, and no answer knows of it
                self._lose(records)
                return True
            else:
                return True

    def _insert(self, records: Sequence[Record]) -> None:
        """Write records all or none. Raises ``_Away`` where it is the database that fails and not what is written."""
        if not self._prepared:
            try:
                self.prepare()
            except Exception as error:
                raise _Away from error
        try:
            with self._engine.begin() as connection:
                for kind, rows in _by_table(records):
                    connection.execute(insert(kind), rows)
        except (DataError, IntegrityError, NotSupportedError):
            raise
        except DBAPIError as error:
            raise _Away from error

    def _lose(self, records: tuple[Record, ...]) -> None:
        self.lost += len(records)
        self._watch(self._queue.qsize(), len(records))


class _Away(Exception):
    """The database cannot be reached, is locked, full or damaged, or has not the tables."""


def _by_table(records: Iterable[Record]) -> Iterator[tuple[type[Base], list[Mapping[str, Any]]]]:
    """The records that go into one table with values for the same columns."""
    found: dict[tuple[type[Base], frozenset[str]], list[Mapping[str, Any]]] = {}
    for kind, values in records:
        found.setdefault((kind, frozenset(values)), []).append(values)
    yield from ((kind, rows) for (kind, _), rows in found.items())


def engine_of(address: str) -> Engine:
    """The database of an address, nothing of it opened yet. Raises ``BadStore``."""
    url = parsed(address)
    waits = {"timeout": LONGEST_WAIT} if url.get_backend_name() == "sqlite" else {}
    try:
        return create_engine(url, connect_args=waits)
    except ImportError:
        raise BadStore(
            "the driver that its address asks for is not installed (PostgreSQL's comes with the extra 'postgres')"
        ) from None
    except (ArgumentError, TypeError, ValueError):
        raise BadStore(f"the database cannot be used with what its address asks for; {EXPECTED}") from None
