"""Reviewing a claim where it lies on a FHIR server, and writing the result back beside it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from fhir_massage.case.scope import in_scope
from fhir_massage.ehr.deadline import Deadline
from fhir_massage.ehr.errors import NotThere
from fhir_massage.ehr.gather import follow
from fhir_massage.ehr.server import FhirServer
from fhir_massage.engine.report import Report
from fhir_massage.engine.run import review_arrival, reviewed
from fhir_massage.errors import Unreadable
from fhir_massage.facts.book import Facts
from fhir_massage.present.task import OPEN, ended, is_ours, task
from fhir_massage.read.notification import is_id
from fhir_massage.read.read import Arrival, encode, objects, read

Json = dict[str, Any]
#: Seconds that a search for changes goes back behind the newest one seen: servers show them out of order.
OVERLAP = 60.0


class Changes(msgspec.Struct, frozen=True):
    """What a search found: ids of claims, and the newest change in seconds since 1970."""

    claims: tuple[str, ...]
    newest: float


def review_on(
    server: FhirServer, id: str, *, facts: Facts, on: date, deadline: Deadline, whole: bool = True
) -> Report | None:
    """Review the claim of that id as it is now, and write the result back. ``None`` where it is there no more.

    Raises ``NotFetched`` where it, or its result, could not be read or written. With ``whole`` also where
    something that it refers to could not be had; without, the review goes by what is there.
    """
    try:
        claim = server.read("Claim", id)
    except NotThere:
        return None
    arrival = _read(claim)
    subjects = reviewed(arrival, facts, on)
    missing = follow(arrival, in_scope(facts, subjects, on), server, deadline)
    if missing and whole:
        raise missing[0]
    report = review_arrival(arrival, on=on, facts=facts, subjects=subjects)
    _write(server, claim, report)
    return report


def _read(claim: Json) -> Arrival:
    """A claim that cannot be read is reviewed all the same: that it cannot is the finding."""
    try:
        return read(claim)
    except Unreadable as error:
        arrival = Arrival()
        arrival.unread.append(error)
        return arrival


def _write(server: FhirServer, claim: Json, report: Report) -> None:
    """Write the Task of this version, once, and end those of others that nobody has taken up."""
    made = task(report, claim, server.url)
    corrected = made is None
    for other in _tasks(server, claim["id"]):
        if made is not None and other.get("id") == made["id"]:
            made = None  # what was written stays as the biller has moved it on
        elif other.get("status") in OPEN and is_id(other.get("id")):
            _put(server, ended(other, corrected=corrected))
    if made is not None:
        _put(server, made)


def _tasks(server: FhirServer, id: str) -> list[Json]:
    found = objects(server.search(f"Task?focus=Claim/{id}")["entry"])
    tasks = [entry["resource"] for entry in found if isinstance(entry.get("resource"), Mapping)]
    return [each for each in tasks if each.get("resourceType") == "Task" and is_ours(each)]


def _put(server: FhirServer, resource: Json) -> None:
    server.write("PUT", f"Task/{resource['id']}", encode(resource))


def changes_since(server: FhirServer, since: float) -> Changes:
    """The claims that were created or changed since then. Raises ``NotFetched``."""
    moment = datetime.fromtimestamp(since - OVERLAP, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    entries = objects(server.search(f"Claim?_lastUpdated=ge{moment}")["entry"])
    claims = [entry["resource"] for entry in entries if isinstance(entry.get("resource"), Mapping)]
    claims = [each for each in claims if each.get("resourceType") == "Claim" and is_id(each.get("id"))]
    updated = [found for each in claims if (found := _updated(each)) is not None]
    return Changes(tuple(dict.fromkeys(each["id"] for each in claims)), max([since, *updated]))


def _updated(resource: Mapping[str, Any]) -> float | None:
    meta = resource.get("meta")
    text = meta.get("lastUpdated") if isinstance(meta, Mapping) else None
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None
