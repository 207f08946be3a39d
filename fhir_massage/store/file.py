"""A store in a file: only its owner reads it, and one that is gone is away and not begun anew in its place."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError


def hold_to_its_file(engine: Engine, was_there: Callable[[], bool]) -> None:
    """Have a SQLite engine use the file of its address only, once that ``was_there``.

    Else SQLite would make an empty file in place of one that was moved away, and what is written to it would be
    missing when the old one is put back; and a connection that was open would go on writing to a file that nobody
    can find any more. Both are errors of the connection instead, as where a database is away.
    """
    path = engine.url.database
    if (
        engine.url.get_backend_name() != "sqlite"
        or path is None
        or path in ("", ":memory:")
        or path.startswith("file:")
    ):
        return
    file = Path(path)

    @event.listens_for(engine, "do_connect")
    def refuse_a_new_file(*_: Any) -> None:
        if was_there() and _identity(file) is None:
            raise sqlite3.OperationalError("the store's file is gone")

    @event.listens_for(engine, "connect")
    def note_the_file(_: Any, record: Any) -> None:
        record.info["file"] = _identity(file)

    @event.listens_for(engine, "checkout")
    def refuse_another_file(_: Any, record: Any, __: Any) -> None:
        if record.info["file"] != _identity(file):
            raise DisconnectionError


def keep_to_its_owner(engine: Engine) -> None:
    """Begin a SQLite store as a file that only its owner reads, for it may hold what was sent. Raises ``OSError``."""
    file = _file_of(engine)
    if file is not None and not file.exists():
        os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))


def _file_of(engine: Engine) -> Path | None:
    path = engine.url.database
    if engine.url.get_backend_name() != "sqlite" or not path or path == ":memory:" or path.startswith("file:"):
        return None
    return Path(path)


def _identity(file: Path) -> tuple[int, int] | None:
    """What tells the file from another of its name; ``None`` where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
