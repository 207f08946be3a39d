"""The store: what was asked of the hooks and what was answered, and the feedback to it.

Records are written by one thread beside the answers: a store that is slow or gone never delays or fails
an answer. While the database is away they wait for it, in the process's memory. What of a patient they hold is decided in ``fhir_massage.store.privacy``.
"""

from __future__ import annotations

import atexit
import contextlib
import queue
import threading
import time
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
from fhir_massage.store.bounded import Bounded, NoAnswer
from fhir_massage.store.file import hold_to_its_file, keep_to_its_owner
from fhir_massage.store.schema import (
    Base,
    Card,
    Feedback,
    FindingRecord,
    HookCall,
    in_order,
    is_busy,
    read_each_table,
    upgrade,
)

log = structlog.get_logger()

LONGEST_QUEUE = 10_000
#: How many calls are written in one transaction, at most.
MOST_TOGETHER = 200
#: Seconds that a write waits for another process's, and then until it is tried again.
LONGEST_WAIT = 5
PAUSE = 1.0
#: Seconds for which somebody who asks whether the store is ready waits for the database.
LONGEST_LOOK = 1.0
#: Seconds for which what was seen of the database is told.
LONGEST_SEEN = 3.0
#: Seconds for which closing waits for what is still to be written.
LONGEST_CLOSING = 10
#: Seconds for which records may wait without any being written before the store no longer counts as ready.
LONGEST_STANDSTILL = 10.0
#: How long a database is waited for, by its kind: for a lock; for a connection, and for what was sent to be received.
_WAITS: Mapping[str, Mapping[str, Any]] = {
    "sqlite": {"timeout": LONGEST_WAIT},
    "postgresql": {"connect_timeout": LONGEST_WAIT, "tcp_user_timeout": LONGEST_WAIT * 1000},
}

#: Told how many records wait to be written, and how many more were lost.
Watch = Callable[[int, int], None]
#: A row to be written: its table, and its values by column.
Record = tuple[type[Base], Mapping[str, Any]]


class Store:
    """Writes records in the background.

    ``lost`` counts those that could not be kept. It is exact, save for those that a database was still silent on
    when this was closed: they are counted as lost, and may have been written after all.
    """

    def __init__(self, url: str, watch: Watch = lambda waiting, lost: None) -> None:
        """Nothing is opened yet; ``watch`` is told how writing goes. Raises ``BadStore`` for an address that no database can have."""
        self._engine = engine_of(url)
        self._watch = watch
        self._prepared = self._was_there = False
        hold_to_its_file(self._engine, lambda: self._was_there)
        self._queue: queue.Queue[tuple[Record, ...] | None] = queue.Queue(LONGEST_QUEUE)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._closing = threading.Event()
        self._counting = threading.Lock()
        self._waiting = 0
        self._moved = 0.0
        self._refused = self._known = False
        self._seen = (float("-inf"), False)
        self._bounded = Bounded(LONGEST_LOOK, most=2)
        self.lost = 0

    @property
    def engine(self) -> Engine:
        """The database, for reading what was kept."""
        return self._engine

    def prepare(self) -> None:
        """Bring the tables to this version's. Raises ``SQLAlchemyError``.

        Where it fails, the writer tries again with each record, so that a store that comes late is used.
        """
        if not self._was_there:
            with contextlib.suppress(OSError):  # the database says better what is amiss
                keep_to_its_owner(self._engine)
        upgrade(self._engine)
        self._prepared = self._known = self._was_there = True
        self._engine.dispose()

    def reachable(self) -> bool:
        """Whether the database answers from the tables, so that a file that is gone or damaged is noticed."""
        try:
            with self._engine.connect() as connection:
                read_each_table(connection)
        except SQLAlchemyError:
            return False
        return True

    def ready(self) -> bool:
        """Whether what is handed over now will be kept.

        The database answers, has this version's tables and may be written to. One that is only locked by another
        writer is ready, as long as it was in order before and records are still being written, or none waits. It
        is not where the last writing failed for another reason, or there is no room for more to wait.
        """
        if self._refused or self._stands_still() or self._queue.full():
            return False
        seen, known = self._seen
        return known if time.monotonic() - seen < LONGEST_SEEN else self._look()

    def watch(self) -> None:
        """Look at the database each second from now on, so that nobody who asks whether it is ready waits for it."""
        threading.Thread(target=self._keep_looking, name="looking", daemon=True).start()

    def _keep_looking(self) -> None:
        while True:
            self._seen = (time.monotonic(), self._look())
            time.sleep(PAUSE)

    def _look(self) -> bool:
        try:
            self._known = self._bounded.ask(lambda: in_order(self._engine))
        except NoAnswer:
            return self._known  # it may be locked; where it stays so, what is to be written will stand still
        except SQLAlchemyError as error:
            self._known = self._known and is_busy(error)
        return self._known

    def _stands_still(self) -> bool:
        with self._counting:
            return self._waiting > 0 and time.monotonic() - self._moved > LONGEST_STANDSTILL

    def add(self, kind: type[Base], **record: Any) -> None:
        """Hand over a record to be written. Never waits and never fails."""
        self.add_together((kind, record))

    def add_together(self, *records: Record) -> None:
        """Hand over records that are written all or none. Never waits and never fails."""
        self._start()
        with self._counting:
            if self._waiting == 0:
                self._moved = time.monotonic()
            self._waiting += len(records)
            self._watch(self._waiting, 0)
        try:
            self._queue.put_nowait(records)
        except queue.Full:
            self._settle(records, lost=True)

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
        if self._thread.is_alive():
            self._give_up()
        self._thread = None
        if self.lost > before:
            log.error("records lost", records=self.lost - before)

    def _give_up(self) -> None:
        """Count all that waits as lost, also what is being written just now: nobody will be there to see it written."""
        with self._counting:
            waiting, self._waiting = self._waiting, 0
            self.lost += waiting
            self._watch(0, waiting)

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
                    self._settle(records, lost=True)
                else:
                    away = not self._keep(records)

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
        together = [record for records in waiting for record in records]
        try:
            self._insert(together)
        except Exception:  # which of them it is, is seen when they are written one by one
            return False
        self._settle(together)
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
                    self._settle(records, lost=True)
                    return False
                self._refused = not is_busy(away.__cause__)
                if not told:
                    log.error("store not reachable", error=type(away.__cause__).__name__)
                told = True
                self._prepared = False
                self._closing.wait(PAUSE)
            except Exception:  # a record that no table takes: the next one is tried, and no answer knows of it
                self._refused = False  # by the database, which has been asked
                self._settle(records, lost=True)
                return True
            else:
                self._settle(records)
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
        self._refused = False

    def _settle(self, records: Sequence[Record], *, lost: bool = False) -> None:
        """Count records as written or lost, unless closing has counted them already."""
        with self._counting:
            settled = min(len(records), self._waiting)
            self._waiting -= settled
            self.lost += settled if lost else 0
            self._moved = self._moved if lost else time.monotonic()
            self._watch(self._waiting, settled if lost else 0)


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
    waits = _WAITS.get(url.get_backend_name(), {})
    given = {name: value for name, value in waits.items() if name not in url.query}
    try:
        return create_engine(url, connect_args=given, pool_timeout=LONGEST_WAIT)
    except ImportError:
        raise BadStore(
            "the driver that its address asks for is not installed (PostgreSQL's comes with the extra 'postgres')"
        ) from None
    except (ArgumentError, TypeError, ValueError):
        raise BadStore(f"the database cannot be used with what its address asks for; {EXPECTED}") from None
