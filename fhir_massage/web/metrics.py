"""Metrics for Prometheus: what was asked, found and answered, and how the service fares."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from fhir_massage import __version__
from fhir_massage.engine.report import Report
from fhir_massage.errors import NotFetched
from fhir_massage.facts.age import QUARTERLY, last_checked, quarter_of, quarters_between
from fhir_massage.facts.book import TABLES, Facts
from fhir_massage.hooks.feedback import Outcome
from fhir_massage.present.card import Made
from fhir_massage.web.log import place_of

log = structlog.get_logger()
P = ParamSpec("P")

#: The folder in which workers share their counts; set before prometheus_client is first imported.
SHARED = "PROMETHEUS_MULTIPROC_DIR"
_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})
#: Bounds of a hook call's seconds: a client waits for half a second unnoticed, and the setting allows four.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 4, 6, 10)


def _beside(count: Callable[Concatenate[Any, P], None]) -> Callable[Concatenate[Any, P], None]:
    """Let counting stand beside the answer: where it fails (a full disk, say), the log says so and nothing else does."""

    @wraps(count)
    def counted(metrics: Any, /, *given: P.args, **named: P.kwargs) -> None:
        try:
            count(metrics, *given, **named)
        except Exception as error:
            log.error("not counted", error=type(error).__name__, where=place_of(error))

    return counted


class Metrics:
    """The service's metrics. No label holds anything that a caller may choose freely."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()

        def counter(name: str, words: str, *labels: str) -> Counter:
            return Counter(f"fhir_massage_{name}", words, labels, registry=registry)

        def histogram(name: str, words: str, *labels: str) -> Histogram:
            return Histogram(f"fhir_massage_{name}", words, labels, registry=registry, buckets=_SECONDS)

        def gauge(name: str, words: str, *labels: str, mode: str = "mostrecent") -> Gauge:
            return Gauge(
                f"fhir_massage_{name}",
                words,
                labels,
                registry=registry,
                multiprocess_mode=mode,  # type: ignore[arg-type]
            )

        self._requests = counter("requests", "Requests answered", "route", "method", "status")
        self._hook_seconds = histogram("hook_seconds", "Seconds that a hook call took", "service")
        self._reviewed = counter("reviewed", "Claims and orders reviewed", "kind")
        self._findings = counter("findings", "Findings by rule and severity", "rule", "severity")
        self._at_risk = counter("at_risk_dollars", "Dollars at risk that findings named", "rule")
        self._rule_failures = counter("rule_failures", "Rules that failed, which is a fault of ours", "rule")
        self._cards = counter("cards", "Cards sent", "topic")
        self._feedback = counter("feedback", "What became of cards", "service", "outcome")
        self._suggestions = counter("suggestions_accepted", "Suggestions that users accepted", "service")
        self._ehr_seconds = histogram("ehr_seconds", "Seconds that fetching for one hook call took")
        self._ehr_failures = counter("ehr_failures", "What could not be fetched", "why")
        self._told = counter("told", "What became of the claims that a FHIR server told of", "outcome")
        self._store_queue = gauge("store_queue", "Records that wait to be written", mode="livesum")
        self._store_lost = counter("store_lost", "Records that could not be kept")
        self._checked = gauge("facts_checked_seconds", "When a table's rows were last all confirmed", "table")
        self._quarter = gauge("facts_quarter_seconds", "First day of the quarter that CMS's table is of", "table")
        self._old = gauge("facts_age_quarters", "Quarters that CMS has published since the one in use", "table")
        self._quarters: dict[str, date] = {}
        self._loaded = gauge("facts_loaded_seconds", "When facts and policies were last loaded")
        self._build = gauge("build_info", "The version that runs; always 1", "version", "python")
        self._build.labels(__version__, platform.python_version()).set(1)

    @_beside
    def request(self, route: str | None, method: str, status: int) -> None:
        """Count a request, by the pattern of its address."""
        self._requests.labels(route or "none", method if method in _METHODS else "other", str(status)).inc()

    @_beside
    def hook(self, service: str, seconds: float, made: Iterable[Made]) -> None:
        """Count a hook call with the cards that answered it."""
        self._hook_seconds.labels(service).observe(seconds)
        for each in made:
            self._cards.labels(each.topic).inc()

    @_beside
    def feedback(self, service: str, outcome: Outcome) -> None:
        """Count what became of a card."""
        self._feedback.labels(service, outcome.outcome).inc()
        self._suggestions.labels(service).inc(len(outcome.suggestions))

    @_beside
    def count(self, report: Report) -> None:
        """Count what a report reviewed and found."""
        self._reviewed.labels("claim").inc(len(report.claims))
        self._reviewed.labels("order").inc(len(report.orders))
        self._reviewed.labels("not-ours").inc(len(report.out_of_scope))
        for finding in report.findings:
            self._findings.labels(finding.rule, finding.severity).inc()
            if finding.at_risk is not None and finding.at_risk > 0:
                self._at_risk.labels(finding.rule).inc(float(finding.at_risk))
        for broken in report.broken:
            self._rule_failures.labels(broken.rule).inc()

    @_beside
    def fetched(self, seconds: float, failures: Sequence[NotFetched]) -> None:
        """Count one fetching from the EHR, by why something could not be had."""
        self._ehr_seconds.observe(seconds)
        for failure in failures:
            self._ehr_failures.labels(type(failure).__name__).inc()

    @_beside
    def store(self, waiting: int, lost: int) -> None:
        """Note how many records wait to be written, and how many more were lost."""
        self._store_queue.set(waiting)
        if lost:
            self._store_lost.inc(lost)

    @_beside
    def facts(self, facts: Facts, now: datetime) -> None:
        """Note how old the facts are that are used from now on."""
        today = now.date()
        self._loaded.set(now.timestamp())
        for table in TABLES:
            if (day := last_checked(facts.rows_of(table), today)) is not None:
                self._checked.labels(table).set(_seconds(day))
        for table in QUARTERLY:
            if (day := quarter_of(facts, table, today)) is not None:
                self._quarter.labels(table).set(_seconds(day))
                self._quarters[table] = day

    @_beside
    def _age(self, today: date) -> None:
        """Note how old the quarters in use are on the day on which it is asked: a service runs for months."""
        for table, day in self._quarters.items():
            self._old.labels(table).set(quarters_between(day, today))

    def names(self) -> frozenset[str]:
        """The name of every series, as Prometheus knows them."""
        found = set()
        for metric in self._registry.collect():
            suffix = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(metric.type, ("",))
            found |= {f"{metric.name}{each}" for each in suffix}
        return frozenset(found)

    @_beside
    def told(self, outcome: str) -> None:
        """Count what became of a notice: reviewed, gone, looked (for changes), failed, or left after its last attempt."""
        self._told.labels(outcome).inc()

    def text(self) -> bytes:
        """The metrics as Prometheus reads them, of all workers together where there are several."""
        self._age(date.today())
        if SHARED not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call, unused-ignore]
        return generate_latest(together)


def forget(process: int) -> None:
    """Take what a worker that has ended told of itself out of the sums; what it counted stays."""
    if SHARED in os.environ:
        mark_process_dead(process)  # type: ignore[no-untyped-call, unused-ignore]


def _seconds(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
