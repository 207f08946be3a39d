"""The CDS services that the simulator calls: this one through its own door, and others where they may be fetched from."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import requests
from flask import current_app
from requests_hardened.ip_filter import InvalidIPAddress  # type: ignore[import-untyped]
from urllib3.exceptions import HTTPError
from werkzeug.test import Client

from fhir_massage.ehr.address import Base, session
from fhir_massage.ehr.errors import AddressRefused
from fhir_massage.errors import FhirMassageError
from fhir_massage.read.read import encode, parse
from fhir_massage.settings import PREFIX
from fhir_massage.sockets import cut_off_after

SECONDS = 10
LARGEST_ANSWER = 5 * 1024 * 1024
_LISTED = f"only public https, and what {PREFIX}FHIR_SERVERS lists"


class NotCalled(FhirMassageError):
    """A service may not be called, does not answer, or answers with something that is no JSON."""


class Answered(msgspec.Struct, frozen=True):
    """What a service answered: HTTP status, content (``None`` where there is none), and milliseconds it took."""

    status: int
    content: Any
    milliseconds: float


class Services:
    """The services at one address; an empty address is this service itself."""

    def __init__(
        self, address: str, listed: Sequence[str], certificates: str | None, places: threading.Semaphore
    ) -> None:
        """``places`` are those to wait for others in. Raises ``NotCalled`` for an address that is neither public https
        nor listed.
        """
        self._places = places
        self._certificates = certificates
        try:
            base = address.strip().rstrip("/").removesuffix("/cds-services")
            self._base = Base(base, listed) if base else None
        except AddressRefused as error:
            raise NotCalled(f"that service is not called from here: {error}; {_LISTED}") from None

    def discover(self) -> list[dict[str, Any]]:
        """The services that are offered. Raises ``NotCalled``."""
        content = self._call("GET", "").content
        offered = content.get("services") if isinstance(content, dict) else None
        if not isinstance(offered, list):
            raise NotCalled("the discovery answer lists no services")
        return [each for each in offered if isinstance(each, dict) and isinstance(each.get("id"), str)]

    def call(self, id: str, request: Any) -> Answered:
        """The answer of a hook call. Raises ``NotCalled``."""
        return self._call("POST", f"/{id}", request)

    def feedback(self, id: str, feedback: dict[str, Any]) -> Answered:
        """Tell what became of a card. Raises ``NotCalled``."""
        return self._call("POST", f"/{id}/feedback", {"feedback": [feedback]})

    def _call(self, method: str, path: str, content: Any = None) -> Answered:
        body = None if content is None else encode(content)
        started = time.perf_counter()
        if self._base is None:
            status, answered = _knock(method, f"/cds-services{path}", body)
        else:
            if not self._places.acquire(blocking=False):
                raise NotCalled("as many calls as may wait for others are waiting; try again")
            try:
                status, answered = _fetch(self._base, self._certificates, method, f"/cds-services{path}", body)
            finally:
                self._places.release()
        took = (time.perf_counter() - started) * 1000
        try:
            return Answered(status, parse(answered) if answered.strip() else None, took)
        except FhirMassageError:
            raise NotCalled(f"it answers {status} with something that is not JSON") from None


def _knock(method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
    """This service by its own door, so that what is seen is what an EHR would get."""
    answer = Client(current_app.wsgi_app).open(path, method=method, data=body, content_type="application/json")
    return answer.status_code, answer.get_data()


def _fetch(base: Base, certificates: str | None, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    try:
        with (
            cut_off_after(SECONDS) as connections,
            session(base, connections, certificates=certificates) as asking,
            asking.request(
                method, base.url + path, data=body, headers=headers, timeout=SECONDS, allow_redirects=False, stream=True
            ) as answer,
        ):
            content = answer.raw.read(LARGEST_ANSWER + 1, decode_content=True)
    except InvalidIPAddress:
        raise NotCalled(f"that service is not called from here: its address is not public; {_LISTED}") from None
    except (requests.RequestException, HTTPError, OSError, ValueError):
        raise NotCalled("there is no answer from that address") from None
    if len(content) > LARGEST_ANSWER:
        raise NotCalled(f"its answer has more than {LARGEST_ANSWER:,} bytes")
    return answer.status_code, content
