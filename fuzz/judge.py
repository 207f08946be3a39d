"""What an answer has to be, whatever was asked: in time, described, and silent only where nothing was lost."""

from __future__ import annotations

import json
import re
from typing import Any, Protocol

import jsonschema_rs
import msgspec

from fhir_massage.errors import FhirMassageError
from fhir_massage.read.read import read
from fhir_massage.web.openapi import document
from fuzz.messages import VALIDATED
from fuzz.mutate import Path, Sent

Json = dict[str, Any]
DOORS = ("/cds-services", "/fhir", "/answers", "/healthz", "/readyz", "/metrics", "/openapi.json")
REFUSALS = {400, 404, 405, 406, 412, 413, 415, 422}


class Answer(Protocol):
    """What an answer is asked for here."""

    status_code: int
    data: bytes
    mimetype: str


class Judge:
    """Knows the answers that ``/openapi.json`` describes."""

    def __init__(self) -> None:
        described = document()
        self._schemas = {
            name: jsonschema_rs.validator_for({**described, "$ref": f"#/components/schemas/{name}"})
            for name in ("Cards", "OperationOutcome")
        }

    def faults(self, sent: Sent, answer: Answer) -> list[str]:
        """What is wrong with an answer; nothing where it is as it has to be."""
        sent = msgspec.structs.replace(sent, path=sent.path.partition("?")[0])
        status = answer.status_code
        if status == 503 and sent.path.startswith("/readyz"):
            return []
        if status >= 500:
            return [f"status {status}"]
        if sent.method == "HEAD" or (status < 300 and sent.method != "POST"):
            return []
        if status >= 400:
            return self._refused(sent, answer)
        if status >= 300:
            return [] if status == 308 else [f"status {status}"]
        return [*self._shape(sent, answer), *self._silence(sent, answer)]

    def _refused(self, sent: Sent, answer: Answer) -> list[str]:
        if answer.status_code not in REFUSALS:
            return [f"status {answer.status_code} is not described"]
        if answer.mimetype == "text/html":
            return ["a page from a door"] if sent.path.startswith(DOORS) else []
        if answer.mimetype != "application/fhir+json":
            return [f"refused with {answer.mimetype}"]
        return self._against("OperationOutcome", answer.data)

    def _shape(self, sent: Sent, answer: Answer) -> list[str]:
        if sent.path.startswith("/fhir/"):
            return self._against("OperationOutcome", answer.data)
        if sent.path.startswith("/cds-services/") and not sent.path.endswith("/feedback"):
            return self._against("Cards", answer.data)
        return []

    def _against(self, schema: str, content: bytes) -> list[str]:
        try:
            told = json.loads(content, parse_constant=_no_constant)
        except ValueError:
            return ["the answer is no JSON"]
        return [
            f"the answer is no {schema}: {error.message[:200]}" for error in self._schemas[schema].iter_errors(told)
        ][:3]

    def _silence(self, sent: Sent, answer: Answer) -> list[str]:
        """Whether something of the request was lost and the answer, a success, says nothing of it."""
        try:
            content = loaded(sent.body)
        except ValueError:
            return ["what is no JSON was taken"]
        found = []
        if sent.path.startswith("/cds-services/"):
            hook = sent.path.removeprefix("/cds-services/fhir-massage-")
            if not isinstance(content, dict) or not (hook.endswith("/feedback") or content.get("hook") == hook):
                return ["what is no request to this service was taken"]
        if _is_told(sent, answer) or b"davinci-crd.configuration" in sent.body:  # a client may ask for silence
            return found
        if (lost := _lost(sent, content)) is not None:
            found.append(f"nothing is said of what could not be read: {lost}")
        return found


def loaded(body: bytes) -> Any:
    """JSON by the book. Raises ``ValueError`` for anything else."""
    try:
        return json.loads(body.decode("utf-8-sig"), parse_constant=_no_constant)
    except RecursionError:
        raise ValueError from None


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _is_told(sent: Sent, answer: Answer) -> bool:
    """Whether a success speaks of anything amiss."""
    if sent.path.startswith("/fhir/"):
        return any(issue["severity"] == "error" for issue in json.loads(answer.data)["issue"])
    if sent.path.endswith("/feedback"):
        return False
    if sent.path.startswith("/cds-services/"):
        return bool(json.loads(answer.data)["cards"])
    return b"Not read:" in answer.data


def _lost(sent: Sent, content: Any) -> str | None:
    """What of the request was lost on the service, and is its user's concern."""
    if (
        sent.path.startswith("/fhir/")
        and sent.mistyped is not None
        and _within_validated(sent.path, content, sent.mistyped)
    ):
        return str(sent.mistyped)
    if sent.path.endswith("/feedback") or sent.path == "/corrected":
        return None
    try:
        unread = read(sent.body).unread
    except FhirMassageError as error:
        return str(error)
    return next((str(error) for error in unread if _concerns(sent.path, error.place or "")), None)


def _concerns(path: str, place: str) -> bool:
    """Whether what could not be read is the user's concern: all but what a prefetch brings beside what is reviewed."""
    if not path.startswith("/cds-services/"):
        return True
    needed = {
        "order-dispatch": "serviceRequests",
        "appointment-book": "serviceRequests",
        "encounter-discharge": "claims",
    }
    key = needed.get(path.removeprefix("/cds-services/fhir-massage-"))
    return not place.startswith("prefetch") or (key is not None and re.match(rf"prefetch\.{key}\.", place) is not None)


def _within_validated(path: str, content: Any, mistyped: Path) -> bool:
    """Whether the place lies within a resource of the kind that the door validates, outside of what it contains."""
    kind = path.removeprefix("/fhir/").partition("/")[0]
    part, within = content, None
    for step, key in enumerate(mistyped):
        if isinstance(part, dict) and part.get("resourceType") == kind and within is None:
            within = step
        part = part[key]
    return kind in VALIDATED and within is not None and mistyped[within] not in ("contained", "resourceType", "id")
