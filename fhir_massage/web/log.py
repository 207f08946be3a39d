"""One log on standard error, an object a line, whoever writes to it: the service, gunicorn, or a library."""

from __future__ import annotations

import logging
import os
import sys

import msgspec
import structlog

log = structlog.get_logger()


def log_as_json() -> None:
    """Log to standard error, an object a line."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.JSONRenderer(serializer=lambda event, **_: msgspec.json.encode(event, enc_hook=str)),
        ],
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    logging.getLogger().handlers = [OneLine()]


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
