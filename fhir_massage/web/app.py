"""The Flask application: made by a function, a blueprint a door."""

from __future__ import annotations

import threading
import time
import uuid
from datetime import UTC, date, datetime

import structlog
from flask import Flask, Response, g, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.middleware.proxy_fix import ProxyFix

from fhir_massage.engine.effort import Allowance, IsUp
from fhir_massage.engine.report import Report
from fhir_massage.engine.run import review_arrival
from fhir_massage.facts.book import Facts, shipped
from fhir_massage.hooks.prefetch import Fetch
from fhir_massage.read.read import read
from fhir_massage.rules import rule_plugins
from fhir_massage.settings import PREFIX, BadSetting, Settings, read_settings, refuse_unfit
from fhir_massage.store.address import BadStore
from fhir_massage.store.bounded import Bounded
from fhir_massage.store.log import Store
from fhir_massage.store.notices import Notices
from fhir_massage.store.privacy import Privacy, installation_key
from fhir_massage.web import arrival, cds, fhir, health, openapi, subscriptions, workbench
from fhir_massage.web.answer import service
from fhir_massage.web.cors import allow_origin
from fhir_massage.web.errors import register_errors
from fhir_massage.web.fetching import fetching
from fhir_massage.web.limit import RateLimit, keep_to_limit
from fhir_massage.web.log import place_of
from fhir_massage.web.metrics import Metrics
from fhir_massage.web.reviewing import Reviewer
from fhir_massage.web.trust import ask_for_trust, trust_of

log = structlog.get_logger()

#: Calls of one worker that may wait for others (an EHR, a key set) at a time. It has more threads than this, so that
#: some are always free for what waits for nobody.
PLACES = 16
#: Seconds in which the database has to keep a notice of a FHIR server, or tell what a page shows.
ASKING = 5.0
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
#: Sent where the call came by TLS, which the proxy before the service tells.
_ONLY_BY_TLS = "max-age=31536000"


class Service:
    """What the doors share: settings, facts, the store and the metrics.

    ``stopping`` is set when the worker has been told to end, and answers only what it has taken in.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stopping = False
        self.facts: Facts = shipped(settings.policies, settings.data)
        self.plugins = (*self.facts.plugins, *rule_plugins())
        for plugin in self.plugins:
            if plugin.problem is not None:
                log.error("plugin left out", plugin=plugin.title, group=plugin.group, problem=plugin.problem)
        self.metrics = Metrics()
        self.metrics.facts(self.facts, datetime.now(UTC))
        self.store = _open_store(settings, self.metrics)
        self.privacy = Privacy(settings.log_patients, _key(settings))
        self.places = threading.Semaphore(PLACES)
        self.fetch: Fetch = fetching(settings, self.facts, self.metrics, self.places)
        self.limit = RateLimit(settings.rate_limit) if settings.rate_limit else None
        self.trust = trust_of(settings, self.store, self.places)
        self.asking = Bounded(ASKING, most=4)
        self.notices: Notices | None = None
        self.reviewer: Reviewer | None = None
        if settings.subscription_secret is not None:
            self.notices = Notices(self.store.engine, time.time)
            self.reviewer = Reviewer(settings, self.facts, self.notices, self.noted, self.metrics.told)

    def start(self) -> None:
        """Begin what goes on beside the answers, in the process that will give them."""
        self.store.watch()
        if self.trust is not None:
            self.trust.look()
        if self.reviewer is not None:
            self.reviewer.start()

    def review(self, content: bytes, on: date | None = None) -> Report:
        """The review of a document, by the one way that every door takes."""
        arrival, is_up = read(content), self.allowance()
        return self.noted(review_arrival(arrival, on=on or date.today(), facts=self.facts, is_up=is_up))

    def allowance(self) -> IsUp:
        """What says when the processor time of one request's review, counted from now on, is used up."""
        return Allowance(self.settings.review_seconds, time.thread_time).is_up

    def noted(self, report: Report) -> Report:
        """The report, its findings counted and any failed rule logged without a word of what was reviewed."""
        self.metrics.count(report)
        for broken in report.broken:
            log.error("rule failed", rule=broken.rule, error=type(broken.error).__name__, where=place_of(broken.error))
        return report


def _key(settings: Settings) -> bytes:
    """The key of the installation. Raises ``BadSetting`` where it can be neither read nor made."""
    try:
        return installation_key(settings.data)
    except OSError as error:
        raise BadSetting(f"{PREFIX}DATA: {settings.data} cannot hold the key: {error.strerror}") from None


def _open_store(settings: Settings, metrics: Metrics) -> Store:
    """The store with its tables made. Raises ``BadSetting`` for a folder or address that cannot be used.

    A database that is not there yet is no reason not to start: answers do without it, ``/readyz`` says so,
    and the writer tries again with each record.
    """
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        store = Store(settings.database_url, metrics.store)
    except OSError as error:
        raise BadSetting(f"{PREFIX}DATA: {settings.data} cannot be made: {error.strerror}") from None
    except BadStore as error:
        raise BadSetting(f"{PREFIX}DATABASE: {error}") from None
    try:
        store.prepare()
    except SQLAlchemyError as error:
        log.error("store not reachable", error=type(error).__name__)
    return store


def create_app(settings: Settings | None = None) -> Flask:
    """The application. Raises ``BadSetting`` or ``BadFact`` where it cannot be started."""
    settings = settings or read_settings()
    refuse_unfit(settings)
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.max_body
    app.extensions["fhir_massage"] = Service(settings)
    if settings.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies)  # type: ignore[method-assign]
    for blueprint in (cds.door, fhir.door, health.door, openapi.door, subscriptions.door, workbench.door):
        app.register_blueprint(blueprint)
    app.before_request(_name_request)
    app.before_request(keep_to_limit)
    app.before_request(ask_for_trust)
    app.after_request(_finish)
    register_errors(app)
    return app


def _name_request() -> None:
    g.started = arrival.moment()
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if given.isascii() and 0 < len(given) <= 64 and given.isprintable() else str(uuid.uuid4())


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.get("request_id", "")
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = _ONLY_BY_TLS
    route = request.url_rule.rule if request.url_rule else None
    service().metrics.request(route, request.method, response.status_code)
    # The address as its pattern: what was asked for in it stays out of the log.
    log.info(
        "request",
        request_id=g.get("request_id"),
        method=request.method,
        route=route,
        status=response.status_code,
        milliseconds=round((time.perf_counter() - g.get("started", time.perf_counter())) * 1000, 2),
    )
    return allow_origin(response)
