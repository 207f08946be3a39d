"""Clients and servers that do their worst, on loopback: bounded in number, and ended by who began them."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

HALF_A_REQUEST = (
    b"POST /cds-services/fhir-massage-order-sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Content-Length: 1000\r\n\r\n{"
)
HALF_A_HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-More: "


class Worst:
    """A server that takes every connection and says nothing, or a byte now and then."""

    def __init__(self, drip: bytes = b"") -> None:
        self.taken = 0
        self._drip = drip
        self._over = threading.Event()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._listener.settimeout(0.2)
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._take)
        self._thread.start()

    def _take(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                client, _ = self._listener.accept()
                self.taken += 1
                self._open.append(client)
            for each in self._open if self._drip else ():
                with contextlib.suppress(OSError):
                    each.send(self._drip)

    def end(self) -> None:
        """Leave everybody who still waits."""
        self._over.set()
        self._thread.join()
        for each in (*self._open, self._listener):
            each.close()


@contextmanager
def worst(drip: bytes = b"") -> Iterator[Worst]:
    """Such a server for a while."""
    server = Worst(drip)
    try:
        yield server
    finally:
        server.end()


@contextmanager
def half_sent(port: int, count: int, what: bytes = HALF_A_REQUEST) -> Iterator[list[socket.socket]]:
    """So many connections that have sent a part of a request."""
    opened = []
    try:
        for _ in range(count):
            opened.append(socket.create_connection(("127.0.0.1", port), timeout=60))
            opened[-1].sendall(what)
        yield opened
    finally:
        for each in opened:
            each.close()


@contextmanager
def never_reading(port: int, count: int) -> Iterator[None]:
    """So many connections that ask for much, again and again, and take none of it."""
    asked = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 100
    opened = []
    try:
        for _ in range(count):
            client = socket.socket()
            opened.append(client)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            client.settimeout(60)
            client.connect(("127.0.0.1", port))
            client.sendall(asked)
        yield
    finally:
        for each in opened:
            each.close()
