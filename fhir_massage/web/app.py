"""The Flask application: made by a function, a blueprint a door."""

from __future__ import annotations

import uuid
from datetime import date

import structlog
from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry
from werkzeug.exceptions import HTTPException

from fhir_massage.errors import FhirMassageError, TooLarge, Unreadable
from fhir_massage.facts.book import Facts, shipped
from fhir_massage.fhir.read import read
from fhir_massage.present.outcome import outcome_of
from fhir_massage.review.engine import review_arrival
from fhir_massage.review.report import Report
from fhir_massage.settings import Settings, read_settings
from fhir_massage.store.log import Store
from fhir_massage.web import cds, fhir, health, workbench
from fhir_massage.web.answer import fhir_json
from fhir_massage.web.metrics import Metrics

log = structlog.get_logger()

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Service:
    """What the doors share: settings, facts, the store and the metrics."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.facts: Facts = shipped(settings.policies, settings.data)
        settings.data.mkdir(parents=True, exist_ok=True)
        self.store = Store(settings.database_url)
        self.store.prepare()
        self.metrics = Metrics(CollectorRegistry())

    def review(self, content: bytes, on: date | None = None) -> Report:
        """The review of a document, by the one way that every door takes."""
        return self.noted(review_arrival(read(content), on=on or date.today(), facts=self.facts))

    def noted(self, report: Report) -> Report:
        """The report, its findings counted and any failed rule logged without a word of what was reviewed."""
        self.metrics.count(report)
        for broken in report.broken:
            log.error("rule failed", rule=broken.rule, error=type(broken.error).__name__)
        return report


def create_app(settings: Settings | None = None) -> Flask:
    """The application. Raises ``BadSetting`` or ``BadFact`` where it cannot be started."""
    settings = settings or read_settings()
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.max_body
    app.extensions["fhir_massage"] = Service(settings)
    for blueprint in (cds.door, fhir.door, health.door, workbench.door):
        app.register_blueprint(blueprint)
    app.before_request(_name_request)
    app.after_request(_finish)
    app.register_error_handler(Unreadable, _unreadable)
    app.register_error_handler(FhirMassageError, _unreadable)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _failure)
    return app


def _name_request() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if given.isascii() and 0 < len(given) <= 64 and given.isprintable() else str(uuid.uuid4())


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.get("request_id", "")
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _unreadable(error: FhirMassageError) -> Response:
    status = 413 if isinstance(error, TooLarge) else 400
    told = error if isinstance(error, Unreadable) else Unreadable(str(error))
    return fhir_json(outcome_of(told), status)


def _http_error(error: HTTPException) -> Response:
    words = {404: "there is nothing at this address", 413: "the body is larger than is taken here"}
    status = error.code or 500
    response = fhir_json(outcome_of(Unreadable(words.get(status, error.description or error.name))), status)
    if status == 405:
        response.headers["Allow"] = ", ".join(getattr(error, "valid_methods", None) or ())
    return response


def _failure(error: Exception) -> Response:
    log.error("request failed", request_id=g.get("request_id"), path=request.path, error=type(error).__name__)
    return fhir_json(outcome_of(Unreadable(f"the service failed; request {g.get('request_id')}")), 500)
