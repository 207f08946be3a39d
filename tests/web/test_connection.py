"""When a request is whole, however its bytes are dealt out, and what is refused before all of it has come."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from gunicorn.config import Config  # type: ignore[import-untyped]
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_massage.web.connection import LARGEST_HEAD, Connection

LARGEST_BODY = 1000
Pair = tuple[Connection, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A connection, and its client's end."""
    ours, client = socket.socketpair()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    yield Connection(Config(), ours, ("127.0.0.1", 1), ("127.0.0.1", 2), LARGEST_BODY), client
    ours.close()
    client.close()


def opened() -> Pair:
    ours, client = socket.socketpair()
    return Connection(Config(), ours, ("127.0.0.1", 1), ("127.0.0.1", 2), LARGEST_BODY), client


def receive(connection: Connection) -> bool:
    """Take all that has come. Whether a request is whole then."""
    while connection.receive():
        pass
    return connection.is_whole()


def body_of(connection: Connection) -> bytes:
    return bytes(next(connection).body.read())


def chunked(body: bytes, sizes: list[int]) -> bytes:
    written, left = b"", body
    for size in [*sizes, len(body)]:
        piece, left = left[:size], left[size:]
        if piece:
            written += b"%x;a=b\r\n%s\r\n" % (len(piece), piece)
    return written + b"0\r\n"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.binary(max_size=300), st.booleans(), st.booleans()), min_size=1, max_size=3),
    st.lists(st.integers(1, 50), max_size=8),
    st.lists(st.integers(1, 400), max_size=20),
)
def test_requests_are_read_as_they_were_sent_however_they_are_dealt_out(
    requests: list[tuple[bytes, bool, bool]], sizes: list[int], dealt: list[int]
) -> None:
    connection, client = opened()
    sent = b""
    for body, in_chunks, trailer in requests:
        if in_chunks:
            end = b"X-Sum: 1\r\n\r\n" if trailer else b"\r\n"
            sent += b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(body, sizes) + end
        else:
            sent += b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    found: list[bytes] = []

    def take() -> None:
        while len(found) < len(requests) and receive(connection):
            found.append(body_of(connection))
            connection.go_on()

    for size in [*dealt, len(sent)]:
        piece, sent = sent[:size], sent[size:]
        if piece:
            client.sendall(piece)
            take()
    assert found == [body for body, _, _ in requests]
    assert not connection.has_more
    connection.opened.close()
    client.close()


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"GET / HTTP/1.1\r\nX: " + b"x" * LARGEST_HEAD, "LimitRequestHeaders"),
        (b"NONSENSE\r\n\r\n", "InvalidRequestLine"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \xb2\r\n\r\n", "InvalidHeader"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "InvalidHeader"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "InvalidChunkSize"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 2000, "InvalidChunkSize"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", "InvalidChunkSize"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", "BodyTooLarge"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 1001, "BodyTooLarge"),
        (
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0\r\nX: " + b"x" * LARGEST_HEAD,
            "LimitRequestHeaders",
        ),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "InvalidHeader"),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", "InvalidHeader"),
    ],
)
def test_what_cannot_be_a_request_is_refused_before_more_of_it_comes(pair: Pair, sent: bytes, error: str) -> None:
    connection, client = pair
    client.sendall(sent)
    assert receive(connection)
    with pytest.raises(ParseException) as refused:
        next(connection)
    assert type(refused.value).__name__ == error


def test_a_body_whose_length_is_too_large_is_not_waited_for_and_nothing_follows_it(pair: Pair) -> None:
    connection, client = pair
    client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n")
    assert receive(connection)
    assert next(connection).should_close()
    client.setblocking(False)
    with pytest.raises(BlockingIOError):  # nor asked for
        client.recv(100)


def test_a_body_is_asked_for_once_where_the_client_waits_for_that(pair: Pair) -> None:
    connection, client = pair
    client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert not receive(connection)
    assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.sendall(b"ok")
    assert receive(connection)
    assert body_of(connection) == b"ok"


def test_an_answer_is_sent_as_far_as_the_client_takes_it(pair: Pair) -> None:
    connection, client = pair
    answer = b"x" * 5_000_000
    connection.sock.sendall(answer)
    taken = 0
    assert not connection.flush()
    while not connection.flush():
        taken += len(client.recv(1_000_000))
    connection.end_sending()
    while data := client.recv(1_000_000):
        taken += len(data)
    assert taken == len(answer)
