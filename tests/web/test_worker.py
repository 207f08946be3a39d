"""What the thread that reads and writes does when something of ours fails, or memory runs short."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config  # type: ignore[import-untyped]
from structlog.testing import capture_logs

from fhir_massage.web import worker as of_worker
from fhir_massage.web.connection import Connection, State
from fhir_massage.web.worker import Worker


@pytest.fixture
def worker() -> Iterator[Any]:
    """A worker with all that belongs to its reading, and none of a process's."""
    made = Worker.__new__(Worker)
    made.cfg = Config()
    made.connections = set()
    made.poller = selectors.DefaultSelector()
    made.wsgi = SimpleNamespace(extensions={"fhir_massage": SimpleNamespace(settings=SimpleNamespace(max_body=10**6))})
    yield made
    for each in list(made.connections):
        made._drop(each)
    made.poller.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        yield opened


def client_of(worker: Any, listener: socket.socket, sent: bytes) -> socket.socket:
    client = socket.create_connection(listener.getsockname(), timeout=60)
    client.sendall(sent)
    worker.accept(listener)
    return client


def read_all(worker: Any) -> None:
    """Take what has come, until nothing comes."""
    while events := worker.poller.select(0.5):
        for key, _ in events:
            key.data(key.fileobj)


def test_a_fault_of_ours_ends_one_connection_and_goes_on(
    worker: Any, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Connection) -> bool:
        raise RuntimeError("whatever it is")

    monkeypatch.setattr(Connection, "is_whole", fail)
    with capture_logs() as logged, client_of(worker, listener, b"GET / HTTP/1.1\r\n\r\n") as client:
        read_all(worker)
        assert client.recv(100) == b""
    assert not worker.connections
    assert logged[0]["event"] == "request failed"
    assert "test_worker.py" in logged[0]["where"]


def test_beyond_what_is_kept_the_largest_request_that_is_arriving_is_cut(
    worker: Any, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_worker, "MOST_HELD", 100_000)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n"
    small = client_of(worker, listener, head + b"x" * 1000)
    large = client_of(worker, listener, head + b"x" * 100_000)
    with small, large:
        read_all(worker)
        (left,) = worker.connections
        assert left.state is State.READING
        assert left.held < 2000
