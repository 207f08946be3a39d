"""A FHIR server that is down, slow, lying, endless or hostile, over real HTTP: what is read and what is refused."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from fhir_massage.ehr.deadline import Deadline
from fhir_massage.ehr.errors import NotFetched, NotReachable, NotThere, OutOfTime
from fhir_massage.ehr.server import FhirServer, Limits
from tests.ehr.records import Json, Record, fhir, searchset

PATIENT: Json = {"resourceType": "Patient", "id": "p1"}
TOKEN = "of-the-ehr-a1b2c3"


@pytest.fixture
def record(httpserver: HTTPServer) -> Record:
    return Record(httpserver, [PATIENT])


def server(record: Record, seconds: float = 5, **more: int) -> FhirServer:
    """A client of the record, which the operator lists. What it pauses is noted, and not waited for."""
    made = FhirServer(
        record.base, Deadline(seconds), listed=[record.base], token=TOKEN, limits=Limits(**more), sleep=PAUSES.append
    )
    return made


PAUSES: list[float] = []


@pytest.fixture(autouse=True)
def _no_pauses() -> None:
    PAUSES.clear()


def test_a_resource_is_read_with_the_ehrs_token(record: Record) -> None:
    assert server(record).read("Patient", "p1") == PATIENT
    assert record.tokens == {f"Bearer {TOKEN}"}


def test_decimals_stay_as_they_were_written(record: Record) -> None:
    record.instead["Claim/c1"] = Response(
        '{"resourceType": "Claim", "id": "c1", "total": {"value": 12.50}}', content_type="application/json"
    )
    assert str(server(record).read("Claim", "c1")["total"]["value"]) == "12.50"


def test_a_search_follows_its_pages(record: Record) -> None:
    coverages = [{"resourceType": "Coverage", "id": str(n)} for n in range(3)]
    record.instead["Coverage"] = [
        fhir(searchset(coverages[:1], f"{record.base}/Coverage?page=2")),
        fhir(searchset(coverages[1:2], "Coverage?page=3")),
        fhir(searchset(coverages[2:])),
    ]
    found = server(record).search("Coverage?patient=p1")
    assert [entry["resource"] for entry in found["entry"]] == coverages
    assert record.asked == ["Coverage?patient=p1", "Coverage?page=2", "Coverage?page=3"]


@pytest.mark.parametrize(
    ("status", "kind"), [(404, NotThere), (410, NotThere), (401, NotReachable), (403, NotReachable)]
)
def test_a_refusal_is_taken_as_it_is_meant(record: Record, status: int, kind: type[NotFetched]) -> None:
    record.instead["Patient/p1"] = fhir({}, status)
    with pytest.raises(kind):
        server(record).read("Patient", "p1")
    assert len(record.asked) == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_asked_again(record: Record, status: int) -> None:
    record.instead["Patient/p1"] = [fhir({}, status), fhir({}, status), fhir(PATIENT)]
    assert server(record).read("Patient", "p1") == PATIENT
    first, second = PAUSES
    assert 0.05 <= first <= 0.15
    assert 0.1 <= second <= 0.3


def test_a_server_that_stays_busy_is_given_up(record: Record) -> None:
    record.instead["Patient/p1"] = fhir({}, 503)
    with pytest.raises(NotFetched, match="too busy"):
        server(record).read("Patient", "p1")
    assert len(record.asked) == 3


def test_retry_after_is_kept_to_where_there_is_time(record: Record) -> None:
    record.instead["Patient/p1"] = [fhir({}, 429, **{"Retry-After": "2"}), fhir(PATIENT)]
    assert server(record).read("Patient", "p1") == PATIENT
    assert PAUSES == [2.0]


@pytest.mark.parametrize("after", ["3600", "Wed, 21 Oct 2099 07:28:00 GMT"])
def test_no_time_is_spent_waiting_for_what_comes_too_late(record: Record, after: str) -> None:
    record.instead["Patient/p1"] = fhir({}, 503, **{"Retry-After": after})
    with pytest.raises(NotFetched, match="too busy"):
        server(record).read("Patient", "p1")
    assert PAUSES == []


@pytest.mark.parametrize("status", [400, 418, 500])
def test_another_failure_is_not_asked_for_again(record: Record, status: int) -> None:
    record.instead["Patient/p1"] = fhir({}, status)
    with pytest.raises(NotFetched, match=str(status)):
        server(record).read("Patient", "p1")
    assert len(record.asked) == 1


def test_writing_is_not_tried_twice(record: Record) -> None:
    record.instead["Patient/p1"] = fhir({}, 503)
    with pytest.raises(NotFetched):
        server(record).write("PUT", "Patient/p1", b"{}")
    assert len(record.asked) == 1


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Response(json.dumps(PATIENT), content_type="text/html"), "else than JSON"),
        (Response("<html>Sign in</html>", content_type="application/fhir+json"), "not JSON"),
        (Response('{"resourceType": "Patient", "id":', content_type="application/fhir+json"), "not JSON"),
        (fhir([PATIENT]), "else than a resource"),
        (fhir({"resourceType": "Patient", "id": "other"}), "another resource"),
        (fhir({"resourceType": "Coverage", "id": "p1"}), "another resource"),
        (fhir({"resourceType": "OperationOutcome"}), "another resource"),
        (fhir({**PATIENT, "text": "x" * 5000}), "more than 4000 bytes"),
        (
            Response(
                gzip.compress(json.dumps({**PATIENT, "text": "x" * 50_000}).encode()),
                headers={"Content-Encoding": "gzip"},
                content_type="application/fhir+json",
            ),
            "more than 4000 bytes",
        ),
    ],
)
def test_an_answer_that_is_not_what_was_asked_for_is_refused(record: Record, answer: Response, told: str) -> None:
    record.instead["Patient/p1"] = answer
    with pytest.raises(NotFetched, match=told):
        server(record, body=4000).read("Patient", "p1")


def test_a_search_that_is_no_bundle_is_refused(record: Record) -> None:
    record.instead["Coverage"] = fhir(PATIENT)
    with pytest.raises(NotFetched, match="Bundle"):
        server(record).search("Coverage?patient=p1")


def test_endless_pages_are_left(record: Record) -> None:
    pages = [fhir(searchset([PATIENT], f"{record.base}/Coverage?page={n}")) for n in range(2, 30)]
    record.instead["Coverage"] = pages
    with pytest.raises(NotFetched, match="10 pages"):
        server(record).search("Coverage?patient=p1")
    assert len(record.asked) == 10


def test_pages_in_a_ring_are_left(record: Record) -> None:
    record.instead["Coverage"] = fhir(searchset([PATIENT], f"{record.base}/Coverage?patient=p1"))
    with pytest.raises(NotFetched, match="pages"):
        server(record).search("Coverage?patient=p1")
    assert len(record.asked) == 1


def test_more_resources_than_are_read_are_refused(record: Record) -> None:
    record.instead["Coverage"] = fhir(searchset([PATIENT] * 600))
    with pytest.raises(NotFetched, match="500 resources"):
        server(record).search("Coverage?patient=p1")


@pytest.mark.conforms("hooks-30")
@pytest.mark.parametrize("away", ["https://elsewhere.example.org/fhir/Coverage", "//inner/x", "/other/Coverage"])
def test_the_token_goes_to_no_other_server(record: Record, httpserver: HTTPServer, away: str) -> None:
    record.instead["Coverage"] = fhir(searchset([], away))
    with pytest.raises(NotFetched, match="another server"):
        server(record).search("Coverage?patient=p1")
    record.instead["Patient/p1"] = Response("", 302, {"Location": away})
    with pytest.raises(NotFetched, match="points to another"):
        server(record).read("Patient", "p1")
    assert len(httpserver.log) == 2


def test_a_redirect_on_the_same_server_is_followed_a_few_times(record: Record) -> None:
    record.instead["Patient/p1"] = Response("", 307, {"Location": f"{record.base}/Patient/moved"})
    record.instead["Patient/moved"] = fhir(PATIENT)
    assert server(record).read("Patient", "p1") == PATIENT
    record.instead["Patient/moved"] = Response("", 307, {"Location": f"{record.base}/Patient/moved"})
    with pytest.raises(NotFetched, match="redirects"):
        server(record).read("Patient", "p1")


def test_a_server_that_is_down_cannot_be_reached() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{free.getsockname()[1]}/fhir"
    with pytest.raises(NotReachable, match="could not be reached"):
        FhirServer(base, Deadline(5), listed=[base]).read("Patient", "p1")


class Raw:
    """A server that says what it is told to, byte for byte, and then stays open."""

    def __init__(self, *parts: bytes, pause: float = 0.0) -> None:
        self._parts = parts
        self._pause = pause
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base = f"http://127.0.0.1:{self._listener.getsockname()[1]}/fhir"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        try:
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    connection.recv(65536)
                    for part in self._parts:
                        connection.sendall(part)
                        time.sleep(self._pause)
        except OSError:
            return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=10)


@pytest.fixture
def raw(request: pytest.FixtureRequest) -> Iterator[Raw]:
    made = Raw(*request.param[0], pause=request.param[1])
    yield made
    made.close()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\n"
WHOLE = json.dumps(PATIENT).encode()


@pytest.mark.parametrize(
    "raw",
    [
        (([HEAD + b"Content-Length: 500\r\n\r\n" + WHOLE]), 0.0),
        (([HEAD + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"a":']), 0.0),
        (([b"nonsense\r\n\r\n"]), 0.0),
        (([b""]), 0.0),
    ],
    indirect=True,
    ids=["fewer bytes than said", "half a chunk", "no HTTP", "nothing"],
)
def test_an_answer_that_breaks_off_is_refused(raw: Raw) -> None:
    with pytest.raises(NotFetched, match=r"broke off|not one of HTTP"):
        FhirServer(raw.base, Deadline(5), listed=[raw.base], sleep=PAUSES.append).read("Patient", "p1")


@pytest.mark.parametrize(
    "raw",
    [([HEAD] + [b"X-Slow: 1\r\n"] * 90, 0.2), ([HEAD + b"\r\n"] + [b" "] * 90, 0.2)],
    indirect=True,
    ids=["in its headers", "in its body"],
)
def test_a_server_that_drips_is_cut_off_when_the_time_is_over(raw: Raw) -> None:
    deadline = Deadline(0.6)
    slow = FhirServer(raw.base, deadline, listed=[raw.base])
    failed: list[Exception] = []

    def read() -> None:
        try:
            slow.read("Patient", "p1")
        except NotFetched as error:
            failed.append(error)

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    reading.join(timeout=60)  # nobody else ends it, as nobody does for a claim that is told of
    assert not reading.is_alive()
    slow.close()
    assert isinstance(failed[0], OutOfTime)


def test_nothing_is_asked_for_when_the_time_is_over(record: Record) -> None:
    with pytest.raises(OutOfTime):
        server(record, seconds=0).read("Patient", "p1")
    assert record.asked == []


def test_no_failure_tells_the_token_or_the_patient(record: Record) -> None:
    for answer in (fhir({}, 503), fhir({}, 403), fhir({}, 404), fhir({"resourceType": "Patient", "id": "x"})):
        record.instead["Patient/p1"] = answer
        with pytest.raises(NotFetched) as failed:
            server(record).read("Patient", "p1")
        assert TOKEN not in str(failed.value)
        assert "p1" not in str(failed.value)
