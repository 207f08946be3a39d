"""The CDS Hooks door: discovery, hooks and feedback."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, date, datetime
from typing import Any

import structlog
from flask import Blueprint, Response, g
from werkzeug.exceptions import NotFound

from fhir_massage.errors import Unreadable
from fhir_massage.fhir.read import parse
from fhir_massage.hooks.request import read_request, subjects
from fhir_massage.hooks.services import Service, discovery, service_by_id
from fhir_massage.present.card import cards
from fhir_massage.review.engine import review_arrival
from fhir_massage.store.log import Feedback, HookCall
from fhir_massage.web.answer import json_body, plain_json, service

log = structlog.get_logger()
door = Blueprint("cds", __name__, url_prefix="/cds-services")


@door.get("")
def discover() -> Response:
    """Every service, with its hook and prefetch."""
    return plain_json(discovery())


@door.post("/<id>")
def call(id: str) -> Response:
    """Cards for the claims and orders of a hook request; none where they are correct."""
    started = time.perf_counter()
    asked = _service(id)
    shared = service()
    request, arrival = read_request(asked, json_body())
    today = date.today()
    chosen = subjects(asked, request["context"], arrival, facts=shared.facts, on=today)
    report = shared.noted(review_arrival(arrival, on=today, facts=shared.facts, subjects=chosen))
    if report.unread:
        log.warning("set aside", request_id=g.get("request_id"), resources=len(report.unread))
    answer = cards(report, lambda: str(uuid.uuid4()))
    seconds = time.perf_counter() - started
    shared.metrics.hook_seconds.labels(asked.id).observe(seconds)
    shared.store.add(
        HookCall,
        at=datetime.now(UTC),
        service=asked.id,
        hook_instance=request["hookInstance"][:100],
        rules=[finding.rule for finding in report.findings],
        cards=[card["uuid"] for card in answer],
        milliseconds=seconds * 1000,
    )
    return plain_json({"cards": answer})


@door.post("/<id>/feedback")
def feedback(id: str) -> Response:
    """Take in what became of cards."""
    asked = _service(id)
    content = parse(json_body())
    given = content.get("feedback") if isinstance(content, dict) else None
    if not isinstance(given, list):
        raise Unreadable("expected an array", place="feedback")
    for position, each in enumerate(given):
        _check_feedback(each, f"feedback[{position}]")
    for each in given:
        service().store.add(
            Feedback,
            at=datetime.now(UTC),
            service=asked.id,
            card=each["card"][:100],
            outcome=each["outcome"],
            reason=_reason(each),
        )
    return Response(status=200)


def _service(id: str) -> Service:
    found = service_by_id(id)
    if found is None:
        raise NotFound
    return found


def _check_feedback(each: Any, place: str) -> None:
    if not isinstance(each, dict):
        raise Unreadable("expected an object", place=place)
    if not isinstance(each.get("card"), str):
        raise Unreadable("the card's UUID as a string is missing", place=f"{place}.card")
    if not _is_moment(each.get("outcomeTimestamp")):
        raise Unreadable("expected a date with time, in UTC", place=f"{place}.outcomeTimestamp")
    if each.get("outcome") not in ("accepted", "overridden"):
        raise Unreadable("expected 'accepted' or 'overridden'", place=f"{place}.outcome")


def _is_moment(value: Any) -> bool:
    try:
        return isinstance(value, str) and "T" in value and bool(datetime.fromisoformat(value))
    except ValueError:
        return False


def _reason(each: dict[str, Any]) -> str | None:
    """The code of an override reason. What a clinician wrote is not kept: it may speak of the patient."""
    overridden = each.get("overrideReason")
    reason = overridden.get("reason") if isinstance(overridden, dict) else None
    code = reason.get("code") if isinstance(reason, dict) else None
    return code[:100] if isinstance(code, str) else None
