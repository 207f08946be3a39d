"""Fetching what a hook call did not bring, by the settings and within its time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date
from threading import Semaphore
from typing import Any

import structlog
from flask import g

from fhir_massage.case.scope import in_scope
from fhir_massage.ehr.deadline import Deadline
from fhir_massage.ehr.errors import NotReachable, OutOfTime
from fhir_massage.ehr.gather import gather
from fhir_massage.ehr.server import FhirServer
from fhir_massage.errors import NotFetched
from fhir_massage.facts.book import Facts
from fhir_massage.hooks.prefetch import Fetch
from fhir_massage.hooks.request import bookings, subjects
from fhir_massage.hooks.services import Service
from fhir_massage.read.read import Arrival, Entry
from fhir_massage.settings import Settings
from fhir_massage.web.metrics import Metrics

log = structlog.get_logger()

#: The share of a hook's time that may go into fetching; the rest is for the review and the way back.
SHARE = 0.8


def fetching(settings: Settings, facts: Facts, metrics: Metrics, places: Semaphore) -> Fetch:
    """What fetches from the EHR's FHIR server, by the settings.

    A call that finds none of the ``places`` free is answered with what came along: those that wait for an EHR leave
    threads to those that do not.
    """

    def fetch(asked: Service, request: Mapping[str, Any], arrival: Arrival) -> Arrival:
        address, today = request.get("fhirServer"), date.today()
        if not isinstance(address, str):
            return Arrival()
        used = time.perf_counter() - g.get("started", time.perf_counter())
        deadline = Deadline(settings.hook_seconds * SHARE - used)

        def chosen(arrival: Arrival) -> list[Entry]:
            booked = [each.order for each in bookings(asked, arrival, facts=facts, on=today)]
            found = subjects(asked, request["context"], arrival, facts=facts, on=today)
            return in_scope(facts, found, today) + booked

        began: list[float] = []

        def connect() -> FhirServer:
            if not deadline.left:
                raise OutOfTime("there was no time left to ask for it")
            if not places.acquire(blocking=False):
                raise NotReachable("as many calls as may wait for an EHR are waiting")
            began.append(time.perf_counter())
            return _server(settings, address, request.get("fhirAuthorization"), deadline)

        try:
            fetched = gather(asked, request, arrival, connect=connect, deadline=deadline, chosen=chosen, today=today)
        finally:
            if began:
                places.release()
        failures = [error for error in fetched.unread if isinstance(error, NotFetched)]
        for error in failures:
            log.warning("not fetched", request_id=g.get("request_id"), what=error.place, reason=error.reason)
        if began:
            metrics.fetched(time.perf_counter() - began[0], failures)
        return fetched

    return fetch


def _server(settings: Settings, address: str, given: object, deadline: Deadline) -> FhirServer:
    """The EHR's FHIR server, with the token that the EHR sent for it. Raises ``AddressRefused``."""
    token = given.get("access_token") if isinstance(given, Mapping) else None
    return FhirServer(
        address,
        deadline,
        listed=settings.fhir_servers,
        token=token if isinstance(token, str) and _is_token(token) else None,
        certificates=str(settings.ca_bundle) if settings.ca_bundle else None,
        request_id=g.get("request_id"),
    )


def _is_token(text: str) -> bool:
    """Whether it can stand in a header: no line ends, nothing that is not visible ASCII."""
    return text.isascii() and text.isprintable() and " " not in text
