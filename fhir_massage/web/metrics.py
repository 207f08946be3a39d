"""Counters for Prometheus: what was reviewed and found."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from fhir_massage.review.report import Report


class Metrics:
    """The service's metrics."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._reviewed = Counter("fhir_massage_reviewed", "Claims and orders reviewed", ["kind"], registry=registry)
        self._findings = Counter(
            "fhir_massage_findings", "Findings by rule and severity", ["rule", "severity"], registry=registry
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

    def text(self) -> bytes:
        """The metrics as Prometheus reads them."""
        return generate_latest(self._registry)
