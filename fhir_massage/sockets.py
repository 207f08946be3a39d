"""Connections to others that can be cut off, whatever the other side does or leaves undone."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class OpenSockets:
    """The connections that are open, so that what has no time left is cut off even amid a reply."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._closed = False

    @property
    def ended(self) -> bool:
        """Whether they were cut off: what was read may be no more than a part."""
        return self._closed

    def add(self, opened: socket.socket) -> None:
        """Keep a second handle of a connection: TLS takes the first one for itself."""
        handle = socket.socket(fileno=os.dup(opened.fileno()))
        with self._lock:
            self._sockets.append(handle)
            closed = self._closed
        if closed:
            self.cut()

    def cut(self) -> None:
        """End every connection, and any that is still opened."""
        with self._lock:
            self._closed = True
            sockets, self._sockets = self._sockets, []
        for handle in sockets:
            with contextlib.suppress(OSError):  # it may have ended by itself
                handle.shutdown(socket.SHUT_RDWR)
            handle.close()


@contextlib.contextmanager
def cut_off_after(seconds: float) -> Iterator[OpenSockets]:
    """Connections that end with this, and after so many seconds at the latest."""
    opened = OpenSockets()
    ending = threading.Timer(seconds, opened.cut)
    ending.daemon = True
    ending.start()
    try:
        yield opened
    finally:
        ending.cancel()
        opened.cut()


def watched(opened: OpenSockets) -> requests.Session:
    """A session whose connections are kept note of."""
    session = requests.Session()
    for scheme in ("http://", "https://"):
        adapter = Watched()
        adapter.watch(opened)
        session.mount(scheme, adapter)
    return session


class Watched(HTTPAdapter):
    """An adapter that keeps note of its connections."""

    def watch(self, open_sockets: OpenSockets) -> None:
        """Tell of each connection that is opened from now on."""

        class Http(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                opened = super()._new_conn()
                open_sockets.add(opened)
                return opened

        class Https(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                opened = super()._new_conn()
                open_sockets.add(opened)
                return opened

        class HttpPool(HTTPConnectionPool):
            ConnectionCls = Http

        class HttpsPool(HTTPSConnectionPool):
            ConnectionCls = Https

        self.poolmanager.pool_classes_by_scheme = {"http": HttpPool, "https": HttpsPool}
