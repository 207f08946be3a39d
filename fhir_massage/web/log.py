"""One log on standard error, an object a line, whoever writes to it: the service, gunicorn, or a library.

A worker's lines are written by a thread beside the answers, so that no answer waits for whoever reads the log.
The master, which gives none, writes its own at once.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import threading
from collections.abc import MutableMapping
from queue import SimpleQueue
from typing import Any

import msgspec
import structlog

log = structlog.get_logger()

_STANDARD_ERROR = 2
#: What each line says of itself: when it was written, and how grave it is.
OURS = frozenset({"at", "level"})
#: Lines that wait for the log's reader, at most; what is logged beyond them is lost.
MOST_LINES = 10_000
#: Seconds for which the end of a process waits for lines that are still to be written.
LONGEST_ENDING = 5.0


class Lines:
    """Where lines go: at once to what is open as ``handle``, or, once begun, by a thread and without waiting."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._waiting: SimpleQueue[bytes | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lost = 0

    def msg(self, line: bytes) -> None:
        """Log a line. Never fails, and never waits once begun."""
        if self._thread is None:
            self._write(line)
        elif self._waiting.qsize() < MOST_LINES:
            self._waiting.put(line)
        else:
            self._lost += 1

    debug = info = warning = error = critical = msg

    def begin(self) -> None:
        """From now on, write beside what this process does. At its orderly end all that waits is written."""
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._thread.start()
        atexit.register(self.end)

    def end(self) -> None:
        """Write what waits, unless nobody takes it for some seconds, and write at once from then on."""
        if self._thread is None:
            return
        self._waiting.put(None)
        self._thread.join(LONGEST_ENDING)
        if not self._thread.is_alive():
            self._thread = None

    def _write_all(self) -> None:
        while (line := self._waiting.get()) is not None:
            self._write(line)
            if self._lost:
                lost, self._lost = self._lost, 0
                log.warning("lines lost", lines=lost)

    def _write(self, line: bytes) -> None:
        left = memoryview(line + b"\n")
        with contextlib.suppress(OSError):  # nobody reads the log any more
            while left:
                left = left[os.write(self._handle, left) :]


_lines = Lines(_STANDARD_ERROR)


def log_beside_answers() -> None:
    """In a process that answers: have no answer wait for the log."""
    _lines.begin()


def place_of(error: BaseException) -> str:
    """The line of code that failed. The error's own words stay out of the log: they may repeat a claim."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"


def log_as_json() -> None:
    """Log to standard error, an object a line."""
    structlog.configure(
        processors=[
            _keep_what_is_ours,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.JSONRenderer(serializer=_encoded),
        ],
        logger_factory=lambda *_: _lines,
        cache_logger_on_first_use=True,
    )
    logging.getLogger().handlers = [OneLine()]


def _keep_what_is_ours(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put aside what is given by a name that each line has of itself, and that would be written over."""
    for name in OURS & event.keys():
        event[f"given_{name}"] = event.pop(name)
    return event


def _encoded(event: Any, **_: Any) -> bytes:
    """A line, also of text that is no Unicode: what is odd in it is escaped."""
    try:
        return msgspec.json.encode(event, enc_hook=str)
    except UnicodeEncodeError:
        return json.dumps(event, default=str).encode()


class OneLine(logging.Handler):
    """Writes what others log to the service's log.

    What is filled into their words may come from a request, so outside the process that this was made in, which
    answers none, the words are left bare; an error is told by its kind alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self._first = os.getpid()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        words = record.getMessage() if os.getpid() == self._first else str(record.msg)
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        log.log(record.levelno, "server", words=words, **({"error": error} if error else {}))
