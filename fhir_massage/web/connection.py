"""A client's connection: what arrives is gathered until a request is whole, and answers wait until the client takes them.

Nothing here waits. gunicorn reads a request from, and writes its answer to, what stands in for the socket.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time
from enum import Enum, auto
from typing import Any

from gunicorn import http  # type: ignore[import-untyped]
from gunicorn.http.errors import InvalidChunkSize, LimitRequestHeaders, ParseException  # type: ignore[import-untyped]

#: Bytes of a request's line and headers together, and of the line before a chunk.
LARGEST_HEAD = 64 * 1024
LARGEST_CHUNK_LINE = 1024
_END_OF_HEAD = b"\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_AT_ONCE = 256 * 1024
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(;.*)?")


class BodyTooLarge(ParseException):  # type: ignore[misc]
    """A body that comes in chunks has more bytes than are taken."""


class State(Enum):
    """What a connection is about."""

    IDLE = auto()  # between two requests
    READING = auto()
    WORKING = auto()  # in the hands of a thread
    WRITING = auto()
    ENDING = auto()  # all is sent; what still comes is thrown away, so that the answer gets through


class Wire:
    """What gunicorn takes for the socket: it gives what has arrived, and keeps what is to be sent."""

    def __init__(self) -> None:
        self.arrived = bytearray()
        self.answer = bytearray()

    def recv(self, size: int) -> bytes:
        """The next bytes of the request; none at its end."""
        data = bytes(self.arrived[:size])
        del self.arrived[:size]
        return data

    def sendall(self, data: bytes) -> None:
        """Keep a part of the answer."""
        self.answer += data

    def send(self, data: bytes) -> int:
        """Leave out what gunicorn sends by itself, the 100 that goes before a body: it was sent in its time."""
        return len(data)

    def gettimeout(self) -> None:
        """None: nothing here waits."""

    def settimeout(self, _: float | None) -> None:
        """Nothing to do, as nothing here waits."""

    def setblocking(self, _: bool) -> None:
        """The same."""

    def shutdown(self, _: int) -> None:
        """Ended by whoever holds the connection."""

    def close(self) -> None:
        """The same."""


class Connection:
    """One connection. Used by one thread at a time: that which reads and writes, or that which answers."""

    # What gunicorn's worker asks of a connection.
    initialized = data_ready = True
    is_http2 = False

    def __init__(self, cfg: Any, opened: socket.socket, client: Any, server: Any, largest_body: int) -> None:
        opened.setblocking(False)
        self.cfg, self.client, self.server = cfg, client, server
        self.opened = opened
        self.sock = Wire()
        self.state = State.READING
        self.since = self.deadline = time.monotonic()
        self.arrived = 0.0
        self.keep = False
        self.request: Any = None
        self._largest_body = largest_body
        self._inbox = bytearray()
        self._parser = http.get_parser(cfg, self.sock, client)
        self._begin()

    def _begin(self) -> None:
        self.request = None
        self._error: Exception | None = None
        self._searched = 0
        self._length = 0
        self._chunks: _Chunks | None = None

    def move(self, state: State, seconds: float) -> None:
        """Be about something else, for so many seconds at most."""
        self.state, self.since = state, time.monotonic()
        self.deadline = self.since + seconds

    @property
    def held(self) -> int:
        """The bytes that are kept for it."""
        return len(self._inbox) + len(self.sock.arrived) + len(self.sock.answer)

    @property
    def path(self) -> str:
        """The path that is asked for; empty where the request cannot be read."""
        return getattr(self.request, "path", None) or ""

    # --- for gunicorn's worker, in a thread that answers ------------------------------------------

    @property
    def parser(self) -> Connection:
        """What gives the request."""
        return self

    def init(self) -> None:
        """Nothing is left to do."""

    def __next__(self) -> Any:
        """The request. Raises what is wrong with it."""
        if self._error is not None:
            raise self._error
        return self.request

    def finish_body(self, deadline: float) -> bool:
        """Throw away what of the body was not read. Whether another request may follow."""
        return bool(self._parser.finish_body(deadline=deadline))

    # --- reading ------------------------------------------------------------------------------------

    def receive(self) -> bool | None:
        """Take what has come: whether anything had, ``None`` where it is still to come. Raises ``OSError``."""
        try:
            data = self.opened.recv(_AT_ONCE)
        except (BlockingIOError, InterruptedError):
            return None
        if self.state is not State.ENDING:
            self._inbox += data
        return bool(data)

    @property
    def has_more(self) -> bool:
        """Whether something of a further request has come."""
        return bool(self._inbox)

    def is_whole(self) -> bool:
        """Whether a request has come as far as it is needed for its answer, be it a refusal."""
        if self.request is None and self._error is None and not self._has_head():
            return False
        return self._error is not None or self._has_body()

    def _has_head(self) -> bool:
        end = self._inbox.find(_END_OF_HEAD, max(0, self._searched - 3))
        if end < 0:
            self._searched = len(self._inbox)
            if self._searched > LARGEST_HEAD:
                self._error = LimitRequestHeaders("limit request headers size")
            return self._error is not None
        self._hand_over(end + len(_END_OF_HEAD))
        try:
            self.request = next(self._parser)
            self._expect_body()
        except Exception as error:
            self._error = error
        return True

    def _expect_body(self) -> None:
        """How much is to come, of which gunicorn has seen that it is said in one way only."""
        headers = dict(self.request.headers)
        if "TRANSFER-ENCODING" in headers:
            self._chunks = _Chunks(self._largest_body)
        self._length = int(headers.get("CONTENT-LENGTH", 0))
        if self._length > self._largest_body:  # refused by its length; the rest is not waited for
            self._length = 0
            self.request.force_close()
        elif getattr(self.request, "_expected_100_continue", False) and (self._chunks or self._length):
            with contextlib.suppress(OSError):
                self.opened.send(_CONTINUE)

    def _has_body(self) -> bool:
        end: int | None = self._length if len(self._inbox) >= self._length else None
        if self._chunks is not None:
            try:
                end = self._chunks.end(self._inbox)
            except ParseException as error:
                self._error = error
                return True
        if end is None:
            return False
        self._hand_over(end)
        return True

    def _hand_over(self, count: int) -> None:
        self.sock.arrived += self._inbox[:count]
        del self._inbox[:count]

    # --- writing ------------------------------------------------------------------------------------

    def flush(self) -> bool:
        """Send what the client takes now. Whether that was all. Raises ``OSError``."""
        answer = self.sock.answer
        try:
            while answer:
                del answer[: self.opened.send(memoryview(answer)[:_AT_ONCE])]
        except (BlockingIOError, InterruptedError):
            return False
        return True

    def go_on(self) -> None:
        """Be ready for the next request."""
        self.sock.arrived.clear()
        self._begin()

    def end_sending(self) -> None:
        """Tell the client that nothing more comes. Raises ``OSError``."""
        self.opened.shutdown(socket.SHUT_WR)


class _Chunks:
    """Finds the end of a body that comes in chunks, without looking twice at what has been seen to be whole."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._size = self._at = 0

    def end(self, inbox: bytearray) -> int | None:
        """Where the body ends; ``None`` where that is still to come. Raises what is wrong with a chunk."""
        while (line := inbox.find(b"\r\n", self._at)) >= 0:
            found = _CHUNK_LINE.fullmatch(bytes(inbox[self._at : line]))
            if found is None or line - self._at > LARGEST_CHUNK_LINE:
                raise InvalidChunkSize(b"")
            size = int(found[1], 16)
            if size == 0:
                return self._after_trailers(inbox, line)
            # What stands around the data may be larger than it, though not by any factor.
            if self._size + size > self._largest or self._at > 2 * self._largest + LARGEST_HEAD:
                raise BodyTooLarge
            following = line + 2 + size + 2
            if len(inbox) < following:
                return None
            self._at, self._size = following, self._size + size
        if len(inbox) - self._at > LARGEST_CHUNK_LINE:
            raise InvalidChunkSize(b"")
        return None

    def _after_trailers(self, inbox: bytearray, line: int) -> int | None:
        end = inbox.find(_END_OF_HEAD, line)
        if end < 0 and len(inbox) - line > LARGEST_HEAD:
            raise LimitRequestHeaders("limit request trailer section size")
        return None if end < 0 else end + len(_END_OF_HEAD)
