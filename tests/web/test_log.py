"""The log beside the answers: nobody waits for its reader, an orderly end writes all, and what is lost is told."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import requests
from structlog.testing import capture_logs

from fhir_massage.web import log as of_log
from fhir_massage.web.log import Lines
from tests.web.test_doors import CORRECT, SERVICE, hook
from tests.web.test_serve import Running


class Pipe:
    """A log that holds a page and is read only when it is told to be."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, 4096)
        self.lines: list[bytes] = []
        self._thread = threading.Thread(target=self._read)

    def read(self) -> None:
        self._thread.start()

    def _read(self) -> None:
        with os.fdopen(self.reader, "rb") as stream:
            self.lines = stream.read().splitlines()

    def all(self) -> list[bytes]:
        """What was written in all, once nobody writes any more."""
        os.close(self.writer)
        self._thread.join(20)
        return self.lines


@pytest.fixture
def pipe() -> Pipe:
    return Pipe()


def numbered(count: int) -> list[bytes]:
    return [b'{"number": %06d}' % number for number in range(count)]


def test_a_log_that_nobody_reads_is_not_waited_for_and_comes_whole_once_it_is_read(pipe: Pipe) -> None:
    lines = Lines(pipe.writer)
    lines.begin()
    started = time.monotonic()
    for line in numbered(5000):
        lines.info(line)
    assert time.monotonic() - started < 5
    pipe.read()
    lines.end()
    assert pipe.all() == numbered(5000)


def test_lines_beyond_those_that_may_wait_are_lost_and_counted(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_log, "MOST_LINES", 1000)
    lines = Lines(pipe.writer)
    lines.begin()
    with capture_logs() as logged:
        for line in numbered(5000):
            lines.info(line)
        pipe.read()
        lines.end()
    written = pipe.all()
    assert written == numbered(5000)[: len(written)]
    assert 1000 <= len(written) < 1500
    assert [each["lines"] for each in logged if each["event"] == "lines lost"] == [5000 - len(written)]


def test_its_end_waits_no_longer_than_that_for_a_reader(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_log, "LONGEST_ENDING", 0.2)
    lines = Lines(pipe.writer)
    lines.begin()
    for line in numbered(2000):
        lines.info(line)
    started = time.monotonic()
    lines.end()
    lines.info(b"after")
    assert time.monotonic() - started < 5
    pipe.read()
    monkeypatch.setattr(of_log, "LONGEST_ENDING", 20)
    lines.end()
    assert pipe.all() == numbered(2000)  # whoever still reads gets what was logged before the end


def test_before_it_begins_and_after_its_end_lines_are_written_at_once(pipe: Pipe) -> None:
    lines = Lines(pipe.writer)
    lines.info(b"before")
    assert os.read(pipe.reader, 100) == b"before\n"
    lines.begin()
    lines.info(b"meanwhile")
    lines.end()
    lines.info(b"after")
    assert os.read(pipe.reader, 100) == b"meanwhile\nafter\n"


def test_a_reader_that_has_gone_away_fails_nobody(pipe: Pipe) -> None:
    lines = Lines(pipe.writer)
    os.close(pipe.reader)
    lines.info(b"before")
    lines.begin()
    lines.info(b"meanwhile")
    lines.end()
    os.close(pipe.writer)


def test_the_service_answers_while_its_log_stands_still_and_writes_it_all_before_it_ends(tmp_path: Path) -> None:
    log = tmp_path / "log"
    os.mkfifo(log)
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    service = Running(tmp_path / "data", log)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    calls = 120  # each a line of 180 bytes
    read: list[bytes] = []
    draining = threading.Thread(target=lambda: read.append(os.fdopen(reader, "rb").read()))
    try:
        service.wait()
        for _ in range(calls):
            headers = {"Connection": "close"}
            assert requests.post(service.address + SERVICE, json=hook(CORRECT), headers=headers, timeout=10).ok
    finally:
        service.process.send_signal(signal.SIGTERM)
        time.sleep(2)  # so that the workers have nothing left to do but to write this
        os.set_blocking(reader, True)
        draining.start()
        service.stop()
        draining.join(20)
    events = Counter(
        (line["event"], line.get("route")) for line in map(json.loads, b"".join(read).decode().splitlines())
    )
    assert events["request", "/cds-services/<id>"] == calls
    assert events["worker stopped", None] == 2
