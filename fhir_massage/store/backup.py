"""A copy of an SQLite store, taken while the service runs, whole and held against itself."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from fhir_massage.store.address import BadStore, parsed


def back_up(url: str, file: Path) -> int:
    """Copy the store to a file that is not there yet, readable by its owner only: the copy's bytes.

    Calls go on being answered and kept meanwhile. Raises ``BadStore`` where nothing could be copied; then no
    file is left behind.
    """
    address = parsed(url)
    if address.get_backend_name() != "sqlite":
        raise BadStore("only SQLite is copied by this command; PostgreSQL has pg_dump (see the page on operating)")
    store = Path(address.database or "")
    if not store.is_file():
        raise BadStore(f"there is no store at {store}")
    if file.exists():
        raise BadStore(f"{file} is there already, and no copy is overwritten")
    draft = file.with_name(f"{file.name}.part")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        _copy(store, draft)
        draft.rename(file)
    except (OSError, sqlite3.Error) as error:
        draft.unlink(missing_ok=True)
        raise BadStore(f"{store} could not be copied to {file}: {error}") from None
    return file.stat().st_size


def _copy(store: Path, draft: Path) -> None:
    with (
        closing(sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(draft)) as copy,
    ):
        source.backup(copy)
        (found,) = copy.execute("pragma integrity_check").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError("the store is damaged")
