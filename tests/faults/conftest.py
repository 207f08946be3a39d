"""A PostgreSQL server that a test may stop and start again."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest

from tests.store.conftest import _programs, _unprivileged, _wait_for


class Server:
    """PostgreSQL on a socket of its own."""

    def __init__(self, programs: Path, folder: Path, user: str | None) -> None:
        self._programs = programs
        self._folder = folder
        self._user: Any = user
        self._process: subprocess.Popen[bytes] | None = None
        self.address = f"postgresql+psycopg://tester@/postgres?host={folder}"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [self._programs / "postgres", "-D", self._folder / "data", "-k", self._folder, "-c", "listen_addresses="],
            user=self._user,
            stderr=subprocess.DEVNULL,
            cwd="/",
        )
        _wait_for(self.address)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # the fast shutdown, which waits for no client
            self._process.wait(timeout=30)
            self._process = None


@pytest.fixture
def own_postgresql() -> Iterator[Server]:
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="fm-pg-"))
    user: Any = None if os.getuid() else _unprivileged(folder)
    subprocess.run(
        [programs / "initdb", "-D", folder / "data", "-U", "tester", "-A", "trust", "--no-sync"],
        user=user,
        check=True,
        stdout=subprocess.DEVNULL,
        cwd="/",
    )
    server = Server(programs, folder, user)
    server.start()
    yield server
    server.stop()
    rmtree(folder)
