"""Counters for Prometheus: what was reviewed and found."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from fhir_massage.review.report import Report

#: The folder in which workers share their counts; set before prometheus_client is first imported.
SHARED = "PROMETHEUS_MULTIPROC_DIR"


class Metrics:
    """The service's metrics."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._reviewed = Counter("fhir_massage_reviewed", "Claims and orders reviewed", ["kind"], registry=registry)
        self._findings = Counter(
            "fhir_massage_findings", "Findings by rule and severity", ["rule", "severity"], registry=registry
        )
        self._told = Counter(
            "fhir_massage_told", "What became of the claims that a FHIR server told of", ["outcome"], registry=registry
        )
        self.hook_seconds = Histogram(
            "fhir_massage_hook_seconds", "Seconds that a hook call took", ["service"], registry=registry
        )

    def count(self, report: Report) -> None:
        """Count what a report reviewed and found."""
        self._reviewed.labels("claim").inc(len(report.claims))
        self._reviewed.labels("order").inc(len(report.orders))
        for finding in report.findings:
            self._findings.labels(finding.rule, finding.severity).inc()

    def told(self, outcome: str) -> None:
        """Count what became of a notice: reviewed, gone, looked (for changes), failed, or left after its last attempt."""
        self._told.labels(outcome).inc()

    def text(self) -> bytes:
        """The metrics as Prometheus reads them, of all workers together where there are several."""
        if SHARED not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call, unused-ignore]
        return generate_latest(together)
