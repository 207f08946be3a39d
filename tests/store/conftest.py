"""Databases to hold the store to: SQLite in a file, and a PostgreSQL server of the test's own on a socket."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of an empty PostgreSQL server, which ends with the tests."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="fm-pg-"))  # short, since a socket's path may have 107 characters
    user = None if os.getuid() else _unprivileged(folder)
    data = folder / "data"
    run = {"user": user, "check": True, "stdout": subprocess.DEVNULL, "cwd": "/"}
    subprocess.run([programs / "initdb", "-D", data, "-U", "tester", "-A", "trust"], **run)  # type: ignore[call-overload]
    server = subprocess.Popen(
        [programs / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"],
        user=user,
        stderr=subprocess.DEVNULL,
        cwd="/",
    )
    try:
        subprocess.run([programs / "pg_isready", "-h", folder, "-t", "20"], check=False, stdout=subprocess.DEVNULL)
        yield f"postgresql+psycopg://tester@/postgres?host={folder}"
    finally:
        server.send_signal(signal.SIGINT)  # the fast shutdown, which waits for no client
        server.wait(timeout=20)
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database, of each kind that is supported."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 's.sqlite'}"
        return
    address = request.getfixturevalue("postgresql")
    _wait_for(address)
    yield address
    with create_engine(address).begin() as connection:
        connection.exec_driver_sql("drop schema public cascade")
        connection.exec_driver_sql("create schema public")


def _programs() -> Path | None:
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    installed = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    return Path(installed[-1]).parent if installed else None


def _unprivileged(folder: Path) -> str:
    """The server refuses to run as root, so it is given to another user."""
    user = next(name for name in ("postgres", "nobody") if name in {entry.pw_name for entry in pwd.getpwall()})
    shutil.chown(folder, user)
    return user


def _wait_for(address: str) -> None:
    import time

    from sqlalchemy.exc import OperationalError

    engine = create_engine(address)
    for _ in range(100):
        try:
            with engine.connect():
                return
        except OperationalError:
            time.sleep(0.1)
    pytest.fail("PostgreSQL did not start")
