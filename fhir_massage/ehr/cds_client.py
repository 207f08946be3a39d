"""A CDS service as an EHR calls it: discovery, the hook, and feedback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import requests

from fhir_massage.errors import FhirMassageError, Unreadable
from fhir_massage.read.read import encode, parse
from fhir_massage.sockets import cut_off_after, watched

Json = dict[str, Any]
#: Seconds for one call altogether.
SECONDS = 30
LARGEST_ANSWER = 5 * 1024 * 1024
#: What signs a call: given the address that is called, a JWT. ``None`` for services that are open.
Sign = Callable[[str], str]


class ServiceFailed(FhirMassageError):
    """A CDS service does not answer, or not as CDS Hooks says."""


class CdsClient:
    """Calls the services of one CDS server. Redirects are not followed, so that nothing goes to another one."""

    def __init__(self, address: str, sign: Sign | None = None) -> None:
        self._base = address.rstrip("/").removesuffix("/cds-services")
        self._sign = sign

    def discover(self) -> list[Json]:
        """The services that are offered. Raises ``ServiceFailed``."""
        answer = self._call("GET", "")
        services = answer.get("services") if isinstance(answer, dict) else None
        if not isinstance(services, list) or not all(isinstance(each, dict) for each in services):
            raise ServiceFailed("the discovery answer lists no services")
        return services

    def call(self, id: str, request: Mapping[str, Any]) -> Json:
        """The answer of a hook call, its cards among it. Raises ``ServiceFailed``."""
        answer = self._call("POST", f"/{id}", request)
        if not isinstance(answer, dict) or not isinstance(answer.get("cards"), list):
            raise ServiceFailed("the service's answer has no 'cards'")
        return answer

    def feedback(self, id: str, feedback: Mapping[str, Any]) -> None:
        """Tell what became of a card. Raises ``ServiceFailed``."""
        self._call("POST", f"/{id}/feedback", {"feedback": [feedback]}, reads=False)

    def _call(self, method: str, path: str, content: Mapping[str, Any] | None = None, *, reads: bool = True) -> Any:
        address = f"{self._base}/cds-services{path}"
        headers = {"Accept": "application/json", "User-Agent": "fhir-massage"}
        if content is not None:
            headers["Content-Type"] = "application/json"
        if self._sign is not None:
            headers["Authorization"] = f"Bearer {self._sign(address)}"
        body = None if content is None else encode(content)
        try:
            with (
                cut_off_after(SECONDS) as opened,
                watched(opened) as session,
                session.request(
                    method, address, data=body, headers=headers, timeout=SECONDS, allow_redirects=False, stream=True
                ) as response,
            ):
                answered = response.raw.read(LARGEST_ANSWER + 1, decode_content=True)
        except (requests.RequestException, OSError, ValueError):
            raise ServiceFailed(f"there is no answer from {address}") from None
        if len(answered) > LARGEST_ANSWER:
            raise ServiceFailed(f"the answer has more than {LARGEST_ANSWER} bytes")
        if not 200 <= response.status_code < 300:
            raise ServiceFailed(f"{method} {address} answers {response.status_code}{_told(answered)}")
        if not reads:
            return None
        try:
            return parse(answered)
        except Unreadable:
            raise ServiceFailed(f"{method} {address} answers with something that is not JSON") from None


def _told(content: bytes) -> str:
    """What an OperationOutcome in an error's answer says."""
    try:
        issue = parse(content)["issue"][0]
        text = issue.get("diagnostics") or issue["details"]["text"]
        return f": {str(text)[:300]}"
    except (Unreadable, LookupError, TypeError, AttributeError):
        return ""
