"""Sending changed messages, each number always the same one, in as many processes as there are cores."""

from __future__ import annotations

import collections
import multiprocessing
import resource
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import structlog
from flask import Flask
from sqlalchemy import create_engine, text

from fhir_massage.settings import Settings
from fhir_massage.web.app import create_app
from fuzz.judge import Judge
from fuzz.messages import Message, messages
from fuzz.mutate import Sent, mutated

#: Requests that one application with one store takes; then it is made anew, so that what a run holds is bounded.
PART = 2_000
#: Seconds after which a request hangs, and the address space that a process may have.
LONGEST = 20.0
MEMORY = 3 * 1024**3
#: Failures of which a run tells all; it stops where there are more.
FAILURES = 50


class Failure(msgspec.Struct, frozen=True):
    """A request whose answer was not as it has to be."""

    number: int
    sent: Sent
    reasons: tuple[str, ...]


class Tally(msgspec.Struct):
    """What came of requests: how many with each status, the slowest, and the failures."""

    requests: int = 0
    statuses: dict[int, int] = msgspec.field(default_factory=dict)
    slowest: float = 0.0
    slowest_number: int = -1
    memory: int = 0
    records: int = 0
    failures: list[Failure] = msgspec.field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take in another's."""
        self.requests += other.requests
        self.statuses = dict(collections.Counter(self.statuses) + collections.Counter(other.statuses))
        if other.slowest > self.slowest:
            self.slowest, self.slowest_number = other.slowest, other.slowest_number
        self.memory = max(self.memory, other.memory)
        self.records += other.records
        self.failures += other.failures


class Hangs(BaseException):
    """A request took longer than any may. No handler of the service's may swallow it."""


def request(number: int, seed: int, good: Sequence[Message]) -> Sent:
    """The request of that number."""
    return mutated(Random(f"{seed}/{number}"), good)


def run(count: int, *, seed: int, workers: int, more: Sequence[Path] = (), told: Callable[[Tally], None]) -> Tally:
    """Send ``count`` requests. ``told`` hears of each part that is done."""
    parts = [(range(start, min(start + PART, count)), seed, tuple(more)) for start in range(0, count, PART)]
    whole = Tally()
    with multiprocessing.get_context("spawn").Pool(workers, _prepare, maxtasksperchild=25) as pool:
        for tally in pool.imap_unordered(_part, parts):
            whole.add(tally)
            told(whole)
            if len(whole.failures) > FAILURES:
                pool.terminate()
                break
    return whole


def send(numbers: Sequence[int], *, seed: int, good: Sequence[Message]) -> Tally:
    """Send the requests of those numbers to an application of their own, and see that all it took was kept."""
    tally, judge = Tally(), Judge()
    with tempfile.TemporaryDirectory(prefix="fhir-massage-fuzz-") as folder, _offline(), _errors() as errors:
        app = create_app(Settings(data=Path(folder), hook_seconds=1))
        client = app.test_client()
        for number in numbers:
            errors.clear()
            _one(tally, judge, client, number, request(number, seed, good), errors)
        _kept(tally, app)
    tally.memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return tally


def _one(tally: Tally, judge: Judge, client: Any, number: int, sent: Sent, errors: list[Any]) -> None:
    started = time.perf_counter()
    reasons: list[str] = []
    try:
        with _at_most(LONGEST):
            answer = client.open(sent.path, method=sent.method, **_body(sent))
        status = answer.status_code
        reasons += judge.faults(sent, answer)
    except Hangs:
        status = 0
        reasons.append(f"no answer within {LONGEST:.0f} seconds")
    except Exception as error:
        status = 0
        reasons.append(f"{type(error).__name__} instead of an answer: {error}"[:300])
    seconds = time.perf_counter() - started
    reasons += [
        f"{event.get('event')}: {event.get('error')} at {event.get('at')}{event.get('rule', '')}" for event in errors
    ]
    tally.requests += 1
    tally.statuses[status] = tally.statuses.get(status, 0) + 1
    if seconds > tally.slowest:
        tally.slowest, tally.slowest_number = seconds, number
    if reasons:
        tally.failures.append(Failure(number, sent, tuple(reasons)))


def _body(sent: Sent) -> dict[str, Any]:
    if sent.form:
        return {"data": {"claim": sent.body.decode("utf-8", "replace")}}
    return {"data": sent.body, "headers": sent.headers}


def _kept(tally: Tally, app: Flask) -> None:
    """Hold the store to having every record that it was given."""
    store = app.extensions["fhir_massage"].store
    store.close()
    engine = create_engine(app.extensions["fhir_massage"].settings.database_url)
    with engine.connect() as connection:
        for table in ("hook_calls", "cards", "feedback"):
            tally.records += connection.execute(text(f"select count(*) from {table}")).scalar_one()
    engine.dispose()
    store.engine.dispose()
    if store.lost:
        nothing = Sent("", "", b"", {}, False, ())
        tally.failures.append(Failure(-1, nothing, (f"the store lost {store.lost} records",)))


def _prepare() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


_good: dict[tuple[Path, ...], list[Message]] = {}


def _part(part: tuple[range, int, tuple[Path, ...]]) -> Tally:
    numbers, seed, more = part
    if more not in _good:
        _good[more] = messages(*more)
    return send(numbers, seed=seed, good=_good[more])


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    def hang(*_: object) -> None:
        raise Hangs

    before = signal.signal(signal.SIGALRM, hang)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _offline() -> Iterator[None]:
    """No name means anything here, so that no request that names a server leaves the machine."""
    known = socket.getaddrinfo

    def nothing(*_: object, **__: object) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "no names here")

    socket.getaddrinfo = nothing
    try:
        yield
    finally:
        socket.getaddrinfo = known


@contextmanager
def _errors() -> Iterator[list[Any]]:
    """What the service logs as an error: a rule that failed behind a good answer is a failure too."""
    found: list[Any] = []

    def keep(_: Any, level: str, event: Any) -> Any:
        if level == "error":
            found.append(event)
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[keep])
    try:
        yield found
    finally:
        structlog.configure(**before)
