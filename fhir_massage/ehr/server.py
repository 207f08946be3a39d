"""Reading and searching one FHIR server, within its limits of time and size."""

from __future__ import annotations

import email.utils
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

import msgspec
import requests
from requests_hardened.ip_filter import InvalidIPAddress  # type: ignore[import-untyped]
from urllib3.exceptions import HTTPError, ProtocolError

from fhir_massage.ehr.address import Base, session
from fhir_massage.ehr.deadline import Deadline
from fhir_massage.ehr.errors import AddressRefused, NotReachable, NotThere, OutOfTime
from fhir_massage.errors import NotFetched, Unreadable
from fhir_massage.read.read import parse
from fhir_massage.sockets import OpenSockets

Json = dict[str, Any]

ACCEPT = "application/fhir+json, application/json;q=0.9"
_GONE = frozenset({404, 410})
_SHUT = frozenset({401, 403})
_BUSY = frozenset({429, 502, 503, 504})
_ELSEWHERE = frozenset({301, 302, 303, 307, 308})
_CHUNK = 65_536


class Limits(msgspec.Struct, frozen=True):
    """How much is read. Sizes are in bytes after unpacking, times in seconds."""

    body: int = 5 * 1024 * 1024
    pages: int = 10
    resources: int = 500
    connect: float = 2.0
    read: float = 10.0
    attempts: int = 3
    redirects: int = 3
    pause: float = 0.1


class FhirServer:
    """One FHIR server, asked with the token that belongs to it. Safe to use from several threads."""

    def __init__(
        self,
        base: str,
        deadline: Deadline,
        *,
        listed: Sequence[str] = (),
        token: str | None = None,
        certificates: str | None = None,
        request_id: str | None = None,
        limits: Limits | None = None,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Nothing is opened yet. ``listed`` are the bases that may be reached though private or plain http;
        ``request_id`` is the call's that it is fetched for, which the server may log (``X-Request-Id``).

        Raises ``AddressRefused`` for a base that may not be fetched from.
        """
        self._base = Base(base, listed)
        self._deadline = deadline
        self._limits = limits or Limits()
        self._sleep = sleep
        self._chance = chance
        self._open = OpenSockets()
        self._ending: threading.Timer | None = None
        self._beginning = threading.Lock()
        self._session = session(self._base, self._open, certificates=certificates)
        self._headers = {"Accept": ACCEPT, "User-Agent": "fhir-massage"}
        if request_id:
            self._headers["X-Request-Id"] = request_id
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    @property
    def url(self) -> str:
        """The base address, without a slash at its end."""
        return self._base.url

    def close(self) -> None:
        """Cut off whatever is still under way, and let go."""
        if self._ending is not None:
            self._ending.cancel()
        self._open.cut()
        self._session.close()

    def read(self, kind: str, id: str) -> Json:
        """The resource of that type and id. Raises ``NotFetched``."""
        resource = self._get(f"{self.url}/{kind}/{id}")
        if resource.get("resourceType") != kind or resource.get("id") != id:
            raise NotFetched("the server answered with another resource than was asked for")
        return resource

    def search(self, query: str) -> Json:
        """All that a search finds (``Coverage?patient=p1``), its pages as one Bundle. Raises ``NotFetched``."""
        entries = [entry for page in self._pages(query) for entry in page]
        if len(entries) > self._limits.resources:
            raise NotFetched(f"the search brings more than {self._limits.resources} resources")
        return {"resourceType": "Bundle", "type": "searchset", "entry": entries}

    def write(self, method: str, path: str, content: bytes | None = None) -> None:
        """Create (POST), update (PUT) or DELETE what the path names. Not tried twice. Raises ``NotFetched``."""
        headers = {**self._headers, "Content-Type": "application/fhir+json"}
        try:
            with self._send(method, f"{self.url}/{path}", headers, content) as response:
                self._judge(response)
        except _Again as again:
            raise again.reason from None

    def _pages(self, query: str) -> Iterator[list[Any]]:
        address: str | None = f"{self.url}/{query}"
        seen: set[str] = set()
        while address is not None:
            if address in seen or len(seen) >= self._limits.pages:
                raise NotFetched(f"the search goes on for more than {self._limits.pages} pages")
            seen.add(address)
            page = self._get(address)
            if page.get("resourceType") != "Bundle":
                raise NotFetched("the server answered a search with something else than a Bundle")
            entries = page.get("entry")
            yield [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []
            address = self._next(page)

    def _next(self, page: Json) -> str | None:
        links = page.get("link")
        for link in links if isinstance(links, list) else []:
            if isinstance(link, Mapping) and link.get("relation") == "next" and isinstance(link.get("url"), str):
                address = urljoin(f"{self.url}/", str(link["url"]))
                if not self._base.holds(address):
                    raise NotFetched("the search goes on at another server")
                return address
        return None

    # --- one resource, for as often as it may be asked for ----------------------------------------

    def _get(self, address: str) -> Json:
        for attempt in range(1, self._limits.attempts + 1):
            try:
                return self._get_once(address)
            except _Again as again:
                if attempt == self._limits.attempts:
                    raise again.reason from None
                self._wait(again, attempt)
        raise AssertionError("there is at least one attempt")

    def _wait(self, again: _Again, attempt: int) -> None:
        """Wait as long as the server asks for, else longer each time and never as long as others do."""
        pause = again.after
        if pause is None:
            pause = self._limits.pause * 2 ** (attempt - 1) * (0.5 + self._chance())
        if pause >= self._deadline.left:
            raise again.reason from None
        self._sleep(pause)

    def _get_once(self, address: str) -> Json:
        for _ in range(self._limits.redirects + 1):
            with self._send("GET", address, self._headers) as response:
                if response.status_code in _ELSEWHERE:
                    address = urljoin(address, response.headers.get("Location", ""))
                    if not self._base.holds(address):
                        raise NotFetched("the server points to another one, which is not followed")
                    continue
                self._judge(response)
                return self._body(response)
        raise NotFetched(f"the server redirects more than {self._limits.redirects} times")

    def _send(self, method: str, address: str, headers: Mapping[str, str], data: bytes | None = None) -> Any:
        left = self._deadline.left
        if not left:
            raise OutOfTime("there was no time left to ask for it")
        self._begin()
        waits = (min(self._limits.connect, left), min(self._limits.read, left))
        try:
            return self._session.request(
                method, address, headers=dict(headers), data=data, timeout=waits, stream=True, allow_redirects=False
            )
        except InvalidIPAddress:
            raise AddressRefused("its address is not a public one") from None
        except requests.exceptions.ConnectTimeout:
            raise self._late(NotReachable("the server could not be reached in time")) from None
        except requests.exceptions.Timeout:
            raise self._late(NotFetched("the server did not answer in time")) from None
        except requests.exceptions.SSLError:
            raise NotReachable("the server's certificate is not one that is trusted") from None
        except requests.exceptions.ConnectionError as error:
            raise self._broken(error) from None
        except (requests.RequestException, HTTPError, OSError, ValueError):
            raise self._late(NotFetched("the server's answer is not one of HTTP")) from None

    def _begin(self) -> None:
        """From the first request on, have all connections cut when the time is over: a reply may drip for ever."""
        with self._beginning:
            if self._ending is None:
                self._ending = threading.Timer(self._deadline.left, self._open.cut)
                self._ending.daemon = True
                self._ending.start()

    def _broken(self, error: requests.ConnectionError) -> Exception:
        """A connection that broke off is worth another attempt; one that was not opened is not."""
        if not isinstance(error.args[0] if error.args else None, ProtocolError):
            return self._late(NotReachable("the server could not be reached"))
        late = self._late(NotFetched("the connection broke off"))
        return late if isinstance(late, OutOfTime) else _Again(late)

    def _late(self, reason: NotFetched) -> NotFetched:
        """The reason, or that there was no time, where that is why."""
        return reason if self._deadline.left else OutOfTime("the server did not answer within the time allowed")

    def _judge(self, response: requests.Response) -> None:
        status = response.status_code
        if status in _GONE:
            raise NotThere("the server does not have it")
        if status in _SHUT:
            raise NotReachable(f"the server does not allow it ({status})")
        if status in _BUSY:
            raise _Again(
                NotFetched(f"the server is too busy ({status})"), _seconds(response.headers.get("Retry-After"))
            )
        if not 200 <= status < 300:
            raise NotFetched(f"the server answered {status}")

    def _body(self, response: requests.Response) -> Json:
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            raise NotFetched("the server answered with something else than JSON")
        read = self._content(response)
        try:
            content = parse(read)
        except Unreadable:
            raise self._late(NotFetched("the server's answer is not whole, or not JSON")) from None
        if not isinstance(content, dict):
            raise NotFetched("the server answered with something else than a resource")
        return content

    def _content(self, response: requests.Response) -> bytes:
        """The body, read no further than the limit, and no longer than there is time."""
        read = bytearray()
        try:
            while chunk := response.raw.read1(_CHUNK, decode_content=True):
                read += chunk
                if len(read) > self._limits.body:
                    raise NotFetched(f"the server's answer has more than {self._limits.body} bytes")
                if not self._deadline.left:
                    raise OutOfTime("the server did not answer within the time allowed")
        except (HTTPError, OSError, ValueError):
            raise self._late(NotFetched("the server's answer broke off")) from None
        expected = response.headers.get("Content-Length", "")
        if expected.isdigit() and not response.headers.get("Content-Encoding") and len(read) != int(expected):
            raise self._late(NotFetched("the server's answer broke off"))
        return bytes(read)


class _Again(Exception):
    """An attempt that may be made again, ``after`` so many seconds where the server says so."""

    def __init__(self, reason: NotFetched, after: float | None = None) -> None:
        self.reason = reason
        self.after = after
        super().__init__(str(reason))


def _seconds(text: str | None) -> float | None:
    """What ``Retry-After`` says: seconds, or a date."""
    if text is None:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
        return max(0.0, moment.timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
