"""The CDS services that the simulator calls: this one through its own door, and others that the settings list."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
import requests
from flask import current_app
from werkzeug.test import Client

from fhir_massage.errors import FhirMassageError
from fhir_massage.fhir.read import encode, parse
from fhir_massage.settings import PREFIX

SECONDS = 10
LARGEST_ANSWER = 5 * 1024 * 1024


class NotCalled(FhirMassageError):
    """A service may not be called, does not answer, or answers with something that is no JSON."""


class Answered(msgspec.Struct, frozen=True):
    """What a service answered: HTTP status, content (``None`` where there is none), and milliseconds it took."""

    status: int
    content: Any
    milliseconds: float


class Services:
    """The services at one address; an empty address is this service itself."""

    def __init__(self, address: str, listed: list[str]) -> None:
        """Raises ``NotCalled`` for an address that the settings do not list."""
        self._base = address.strip().rstrip("/").removesuffix("/cds-services")
        if self._base and not any(_is_under(self._base, base) for base in listed):
            raise NotCalled(
                f"only this service and those that {PREFIX}FHIR_SERVERS lists are called from here; "
                "have the address added there"
            )

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
        if self._base:
            status, answered = _fetch(method, f"{self._base}/cds-services{path}", body)
        else:
            status, answered = _knock(method, f"/cds-services{path}", body)
        took = (time.perf_counter() - started) * 1000
        try:
            return Answered(status, parse(answered) if answered.strip() else None, took)
        except FhirMassageError:
            raise NotCalled(f"it answers {status} with something that is not JSON") from None


def _knock(method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
    """This service by its own door, so that what is seen is what an EHR would get."""
    answer = Client(current_app.wsgi_app).open(path, method=method, data=body, content_type="application/json")
    return answer.status_code, answer.get_data()


def _fetch(method: str, address: str, body: bytes | None) -> tuple[int, bytes]:
    with requests.Session() as session:
        session.trust_env = False
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        try:
            with session.request(
                method, address, data=body, headers=headers, timeout=SECONDS, allow_redirects=False, stream=True
            ) as answer:
                content = answer.raw.read(LARGEST_ANSWER + 1, decode_content=True)
        except (requests.RequestException, OSError, ValueError):
            raise NotCalled("there is no answer from that address") from None
    if len(content) > LARGEST_ANSWER:
        raise NotCalled(f"its answer has more than {LARGEST_ANSWER:,} bytes")
    return answer.status_code, content


def _is_under(address: str, base: str) -> bool:
    try:
        one, other = urlsplit(address), urlsplit(base)
        same = (one.scheme, one.hostname, one.port) == (other.scheme, other.hostname, other.port)
    except ValueError:
        return False
    if one.username or one.query or one.fragment or ".." in unquote(one.path) or one.scheme not in ("http", "https"):
        return False
    path = other.path.rstrip("/")
    return same and (one.path == path or one.path.startswith(f"{path}/"))
