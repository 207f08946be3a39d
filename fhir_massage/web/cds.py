"""The CDS Hooks door: discovery, hooks and feedback."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import structlog
from flask import Blueprint, Response, g
from werkzeug.exceptions import NotFound

from fhir_massage.engine.report import Report
from fhir_massage.engine.run import review_arrival
from fhir_massage.hooks.annotate import Annotations, annotate
from fhir_massage.hooks.configuration import Configuration, configuration, wanted
from fhir_massage.hooks.feedback import read_feedback
from fhir_massage.hooks.prefetch import failed
from fhir_massage.hooks.request import bookings, read_request, require_data, sent_to, subjects, take_in
from fhir_massage.hooks.services import Service, discovery, service_by_id
from fhir_massage.present.card import Made, make_cards
from fhir_massage.read.read import Arrival
from fhir_massage.store import record
from fhir_massage.store.findings import findings_on
from fhir_massage.store.schema import Card, Feedback, FindingRecord, HookCall
from fhir_massage.web.answer import json_body, plain_json, service
from fhir_massage.web.log import place_of

log = structlog.get_logger()
door = Blueprint("cds", __name__, url_prefix="/cds-services")


class _Answered(msgspec.Struct, frozen=True):
    report: Report
    made: Sequence[Made]
    annotations: Annotations

    def json(self) -> dict[str, Any]:
        content: dict[str, Any] = {"cards": [each.card for each in self.made]}
        if self.annotations.actions:
            content["systemActions"] = list(self.annotations.actions)
        return content


@door.get("")
def discover() -> Response:
    """Every service, with its hook and prefetch."""
    return plain_json(discovery())


@door.post("/<id>")
def call(id: str) -> Response:
    """Cards for the claims and orders of a hook request, none where they are correct, and orders annotated."""
    started = time.perf_counter()
    asked = _service(id)
    request, arrival = read_request(asked, json_body())
    settings = configuration(request)
    take_in(request, arrival, service().fetch(asked, request, arrival))
    answered = _answer(asked, request, arrival, settings)
    content = answered.json()
    _keep(asked, request, answered, content, time.perf_counter() - started)
    return plain_json(content)


@door.post("/<id>/feedback")
def feedback(id: str) -> Response:
    """Take in what became of cards, be they known here or not: another worker may still be writing one down."""
    asked = _service(id)
    shared = service()
    for outcome in read_feedback(json_body()):
        row = record.feedback(outcome, at=datetime.now(UTC), service=asked.id, comments=shared.settings.log_comments)
        shared.store.add(Feedback, **row)
        shared.metrics.feedback(asked.id, outcome)
    return Response(status=200)


def _answer(asked: Service, request: Mapping[str, Any], arrival: Arrival, settings: Configuration) -> _Answered:
    shared = service()
    context, today = request["context"], date.today()
    chosen = subjects(asked, context, arrival, facts=shared.facts, on=today)
    booked = bookings(asked, arrival, facts=shared.facts, on=today)
    require_data(asked, request, arrival, [*chosen, *booked])
    performers = sent_to(asked, context, chosen, arrival)
    report = review_arrival(
        arrival, on=today, facts=shared.facts, subjects=chosen, sent_to=performers, is_up=shared.allowance()
    )
    shared.noted(report)
    if report.unread:
        log.warning("set aside", request_id=g.get("request_id"), resources=len(report.unread))
    made = wanted(make_cards(report, _new_id, asked.needed), settings)
    annotations = annotate(
        asked,
        settings,
        [entry for entry in chosen if entry.kind == "ServiceRequest"],
        booked,
        arrival,
        facts=shared.facts,
        on=today,
        sent_to=performers,
        failed=failed(arrival),
        new_id=_new_id,
    )
    for assertion in annotations.made.values():
        if assertion.fault is not None:
            fault = assertion.fault
            log.error(
                "coverage not determined",
                request_id=g.get("request_id"),
                error=type(fault).__name__,
                where=place_of(fault),
            )
    return _Answered(report, made, annotations)


def _keep(asked: Service, request: Mapping[str, Any], answered: _Answered, content: Any, seconds: float) -> None:
    """Count the call and write it down, with the cards that feedback may come to."""
    shared, now = service(), datetime.now(UTC)
    shared.metrics.hook(asked.id, seconds, answered.made)
    row = record.hook_call(
        at=now,
        service=asked.id,
        request=request,
        report=answered.report,
        made=answered.made,
        assertions=answered.annotations.made,
        answer=content,
        milliseconds=seconds * 1000,
        privacy=shared.privacy,
    )
    cards = [record.sent_card(each, at=now, service=asked.id) for each in answered.made]
    findings = findings_on([each.card for each in answered.made], answered.report, asked.id, now)
    shared.store.add_together(
        (HookCall, row),
        *((Card, card) for card in cards),
        *((FindingRecord, finding) for finding in findings),
    )


def _new_id() -> str:
    return str(uuid.uuid4())


def _service(id: str) -> Service:
    found = service_by_id(id)
    if found is None:
        raise NotFound
    return found
