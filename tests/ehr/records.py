"""A patient's record as an EHR's FHIR server gives it, over real HTTP on loopback."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

Json = dict[str, Any]


def fhir(content: object, status: int = 200, **headers: str) -> Response:
    """An answer as FHIR servers give it."""
    return Response(json.dumps(content), status, headers, content_type="application/fhir+json")


def searchset(resources: Iterable[Json], following: str | None = None) -> Json:
    """A page of a search."""
    links = [{"relation": "next", "url": following}] if following else []
    entries = [{"resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries}


class Record:
    """Serves resources under ``/fhir`` and keeps note of what was asked for, and with which token."""

    def __init__(self, server: HTTPServer, resources: Iterable[Json] = ()) -> None:
        self.base = server.url_for("/fhir")
        self.resources = {f"{each['resourceType']}/{each['id']}": each for each in resources}
        self.asked: list[str] = []
        self.tokens: set[str | None] = set()
        self.put: list[Json] = []
        #: Answers that stand in the place of the record's own: by path, or by the type that is searched for.
        self.instead: dict[str, Response | list[Response]] = {}
        #: Searches that are answered only when an event comes, or half a minute later.
        self.slowly: dict[str, threading.Event] = {}
        server.expect_request(re.compile("^/fhir/.*")).respond_with_handler(self._answer)

    def _answer(self, request: Request) -> Response:
        path = request.path.removeprefix("/fhir/")
        self.asked.append(f"{path}?{request.query_string.decode()}" if request.query_string else path)
        self.tokens.add(request.headers.get("Authorization"))
        if path in self.slowly:
            self.slowly[path].wait(30)
        given = self.instead.get(path)
        if isinstance(given, list):
            return given.pop(0) if len(given) > 1 else given[0]
        if given is not None:
            return given
        if request.method == "PUT":
            self.put.append(json.loads(request.get_data()))
            self.resources[path] = self.put[-1]
            return fhir(self.put[-1])
        if "/" in path:
            found = self.resources.get(path)
            return fhir({"resourceType": "OperationOutcome", "issue": []}, 404) if found is None else fhir(found)
        return fhir(searchset(each for each in self.resources.values() if _is_found(each, path, request.args)))


def _is_found(resource: Json, kind: str, asked: Mapping[str, str]) -> bool:
    """What a search finds: by patient, by what a task is about, or by the last change."""
    if resource["resourceType"] != kind:
        return False
    if "focus" in asked:
        return resource.get("focus", {}).get("reference") == asked["focus"]
    if "_lastUpdated" in asked:
        return resource["meta"]["lastUpdated"] >= asked["_lastUpdated"].removeprefix("ge")
    owner = next((resource[key] for key in ("patient", "subject", "beneficiary") if key in resource), {})
    return owner.get("reference") == f"Patient/{asked.get('patient', '').removeprefix('Patient/')}"
