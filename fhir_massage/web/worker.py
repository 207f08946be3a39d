"""The worker: one thread reads and writes every connection, and others answer what has arrived whole.

A client that sends or takes slowly holds a connection and some memory, each for a bounded time, and never a thread.
Those who watch the service are answered by threads of their own.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import structlog
from gunicorn.http import errors  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from fhir_massage.errors import Unreadable
from fhir_massage.present.outcome import outcome_of
from fhir_massage.read.read import encode
from fhir_massage.web import arrival
from fhir_massage.web.app import SECURITY_HEADERS
from fhir_massage.web.connection import BodyTooLarge, Connection, State
from fhir_massage.web.log import place_of

log = structlog.get_logger()
#: Seconds for a request to arrive, from its first byte to its last, and for an answer to be taken.
READING = 20.0
WRITING = 20.0
#: Seconds for which a client may still send, once all is answered, and a stopping worker waits for a last request.
ENDING = 2.0
#: Bytes that a worker keeps of requests and answers under way. Beyond it the largest request that is arriving is cut.
MOST_HELD = 128 * 1024 * 1024
#: Threads for who watches the service: one that looks at nothing, and some that look at the store and the metrics.
_WATCHED = {"/healthz": "alive", "/readyz": "watch", "/metrics": "watch"}
_WATCHING = {"alive": 1, "watch": 2}
_OUT_OF_FILES = (errno.EMFILE, errno.ENFILE)
_NOTHING_THERE = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED)
#: What a request that cannot be read is refused with: status, its words, and FHIR's code; else it is 400.
_REFUSED: dict[type[Exception], tuple[int, str]] = {
    BodyTooLarge: (413, "Content Too Large"),
    errors.LimitRequestLine: (414, "URI Too Long"),
    errors.LimitRequestHeaders: (431, "Request Header Fields Too Large"),
    errors.UnsupportedTransferCoding: (501, "Not Implemented"),
    errors.ExpectationFailed: (417, "Expectation Failed"),
}
_WORDS = {
    400: "the request is not one of HTTP",
    408: "the request did not arrive in time",
    413: "the body is larger than is taken here",
    414: "the address is longer than is taken here",
    417: "the request expects what is not done here",
    431: "the headers are larger than is taken here",
    500: "the service failed",
    501: "the body comes in a coding that is not known here",
}
_CODES = {408: "timeout", 413: "too-long", 414: "too-long", 431: "too-long", 500: "exception", 501: "not-supported"}


class Worker(ThreadWorker):  # type: ignore[misc]
    """Answers calls. Once told to end it takes no new connections, and ``/readyz`` says so on those it has."""

    def init_process(self) -> None:
        """Make what belongs to this process alone."""
        self.connections: set[Connection] = set()
        self.watching = {name: ThreadPoolExecutor(count, name) for name, count in _WATCHING.items()}
        super().init_process()

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Told to end: finish what was taken in."""
        self.wsgi.extensions["fhir_massage"].stopping = True
        super().handle_exit(sig, frame)

    def run(self) -> None:
        """Answer until told to end, and then what was taken in."""
        self.poller.register(self.method_queue.fileno(), selectors.EVENT_READ, self.method_queue.run_callbacks)
        self.set_accept_enabled(True)
        while self.alive and self.is_parent_alive():
            self._turn()
        self.set_accept_enabled(False)
        end = time.monotonic() + self.cfg.graceful_timeout
        for each in self.connections:
            if each.state is State.IDLE:
                each.deadline = min(each.deadline, time.monotonic() + ENDING)
        while self.connections and time.monotonic() < end:
            self._turn()
        for each in list(self.connections):
            self._drop(each)
        for pool in (self.tpool, *self.watching.values()):
            pool.shutdown(wait=False)
        self.poller.close()
        self.method_queue.close()
        for listener in self.sockets:
            listener.close()

    def _turn(self) -> None:
        self.notify()
        soonest = min((each.deadline for each in self.connections), default=time.monotonic() + 1)
        self.wait_for_and_dispatch_events(min(1.0, max(0.0, soonest - time.monotonic())))
        self._cut_off_late()

    def _cut_off_late(self) -> None:
        now = time.monotonic()
        for each in [each for each in self.connections if each.deadline <= now]:
            if each.state is State.READING and each.has_more:
                self._forget(each)
                each.sock.sendall(refusal(408, "Request Timeout"))
                self._send(each, keep=False)
            else:
                self._drop(each)

    # --- connections, in the one thread that reads and writes them ------------------------------------

    def accept(self, listener: Any) -> None:
        """Take a new connection; where there are too many, in the place of that which has idled the longest."""
        try:
            opened, client = listener.accept()
        except OSError as error:
            if error.errno in _OUT_OF_FILES:
                self._make_room()
            elif error.errno not in _NOTHING_THERE:
                raise
            return
        if len(self.connections) >= self.cfg.worker_connections:
            self._make_room()
        largest = self.wsgi.extensions["fhir_massage"].settings.max_body
        connection = Connection(self.cfg, opened, client, listener.getsockname(), largest)
        connection.move(State.READING, READING)
        self.connections.add(connection)
        self._watch(connection, selectors.EVENT_READ)
        self._on_event(connection, opened)  # mostly the request is there already

    def _make_room(self) -> None:
        waiting = [each for each in self.connections if each.state is not State.WORKING]
        if waiting:
            self._drop(min(waiting, key=lambda each: each.since))

    def _watch(self, connection: Connection, events: int) -> None:
        self.poller.register(connection.opened, events, partial(self._on_event, connection))

    def _forget(self, connection: Connection) -> None:
        with contextlib.suppress(KeyError, ValueError, OSError):
            self.poller.unregister(connection.opened)

    def _drop(self, connection: Connection) -> None:
        self._forget(connection)
        self.connections.discard(connection)
        connection.opened.close()

    def _on_event(self, connection: Connection, _: Any) -> None:
        try:
            self._turn_to(connection)
        except Exception as error:  # whatever it is: the others' connections go on
            log.error("request failed", error=type(error).__name__, where=place_of(error))
            self._drop(connection)

    def _turn_to(self, connection: Connection) -> None:
        if connection.state is State.WRITING:
            self._forget(connection)
            self._send(connection, keep=connection.keep)
        else:
            self._read(connection)

    def _read(self, connection: Connection) -> None:
        try:
            came = connection.receive()
        except OSError:
            came = False
        if came is False:
            self._drop(connection)
        elif came and connection.state is not State.ENDING:
            if connection.state is State.IDLE:
                connection.move(State.READING, READING)
            self._go_on(connection)
            self._keep_within_memory()

    def _go_on(self, connection: Connection) -> None:
        """Have a request answered once it is whole."""
        if not connection.is_whole():
            return
        self._forget(connection)
        connection.move(State.WORKING, float("inf"))
        connection.arrived = time.perf_counter()
        pool: Any = self.watching.get(_WATCHED.get(connection.path, ""), self.tpool)
        answer = pool.submit(self._answer, connection)
        answer.add_done_callback(lambda done: self.method_queue.defer(self._answered, connection, done))

    def _keep_within_memory(self) -> None:
        if sum(each.held for each in self.connections) > MOST_HELD:
            arriving = [each for each in self.connections if each.state is State.READING]
            if arriving:
                self._drop(max(arriving, key=lambda each: each.held))

    def _answered(self, connection: Connection, done: Future[bool]) -> None:
        keep = not done.cancelled() and done.exception() is None and done.result()
        if connection in self.connections:
            self._send(connection, keep=keep)

    def _send(self, connection: Connection, *, keep: bool) -> None:
        """Send the answer, as far as the client takes it now, and go on when all of it is sent."""
        try:
            if not connection.flush():
                if connection.state is not State.WRITING:
                    connection.keep = keep
                    connection.move(State.WRITING, WRITING)
                self._watch(connection, selectors.EVENT_WRITE)
            elif keep:
                self._await_next(connection)
            else:
                connection.end_sending()
                connection.move(State.ENDING, ENDING)
                self._watch(connection, selectors.EVENT_READ)
        except OSError:
            self._drop(connection)

    def _await_next(self, connection: Connection) -> None:
        connection.go_on()
        more = connection.has_more
        connection.move(
            State.READING if more else State.IDLE, READING if more else self.cfg.keepalive if self.alive else ENDING
        )
        self._watch(connection, selectors.EVENT_READ)
        if more:
            self._go_on(connection)

    # --- answers, in the threads that give them ---------------------------------------------------------

    def _answer(self, connection: Connection) -> bool:
        """Answer the request. Whether the connection is kept for another."""
        arrival.note(connection.arrived)
        keep = bool(self.handle(connection))
        arrival.forget()
        with contextlib.suppress(OSError):  # it is found again, and the connection dropped, by who holds it
            connection.flush()
        return keep

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Refuse what cannot be read as HTTP as every door refuses."""
        status, words = _REFUSED.get(type(exc), (400, "Bad Request"))
        if isinstance(exc, errors.ParseException):
            self.log.warning(f"Invalid request: {type(exc).__name__}")
        else:
            status, words = 500, "Internal Server Error"
            log.error("request failed", error=type(exc).__name__, where=place_of(exc))
        client.sendall(refusal(status, words))


def refusal(status: int, words: str) -> bytes:
    """An answer in the shape of every error, after which the connection ends."""
    content = encode(outcome_of(Unreadable(_WORDS[status]), _CODES.get(status, "structure")))
    headers = {
        **SECURITY_HEADERS,
        "Content-Type": "application/fhir+json",
        "Content-Length": str(len(content)),
        "Connection": "close",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} {words}\r\n{head}\r\n".encode() + content
