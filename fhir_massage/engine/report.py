"""What a review found: findings, what was reviewed, what could not be read, and corrected resources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import cached_property
from typing import Any

from fhir_massage.case.seen import ClaimCase, OrderCase
from fhir_massage.edit import patch
from fhir_massage.edit.finding import Correction, Finding
from fhir_massage.errors import Unreadable
from fhir_massage.read.x12.places import ClaimPlaces


class Broken:
    """A rule that failed on a resource, which is a fault of ours: the other rules went on."""

    def __init__(self, rule: str, resource: str, error: Exception) -> None:
        self.rule = rule
        self.resource = resource
        self.error = error


class Report:
    """The outcome of one review. ``on`` is the day of the review.

    ``findings`` are ordered by resource, element and rule. ``claims`` and ``orders`` name what was
    reviewed, by the names that findings use, ``out_of_scope`` the claims that bill nothing of ours; ``cases`` what the rules saw of each.
    """

    def __init__(
        self,
        *,
        on: date,
        findings: tuple[Finding, ...],
        claims: tuple[str, ...],
        orders: tuple[str, ...],
        unread: tuple[Unreadable, ...],
        broken: tuple[Broken, ...],
        originals: Mapping[str, Callable[[], dict[str, Any]]],
        cases: Mapping[str, ClaimCase | OrderCase],
        correct: Callable[[], dict[str, dict[str, Any]]],
        out_of_scope: tuple[str, ...] = (),
        x12: Mapping[str, ClaimPlaces] | None = None,
    ) -> None:
        self.on = on
        self.findings = findings
        self.claims = claims
        self.orders = orders
        self.out_of_scope = out_of_scope
        self.unread = unread
        self.broken = broken
        self.cases = cases
        #: Where claims that came as X12 stood, by name.
        self.x12 = dict(x12 or {})
        self._originals = originals
        self._correct = correct

    @property
    def has_errors(self) -> bool:
        """Whether any finding is an error."""
        return any(finding.severity == "error" for finding in self.findings)

    @cached_property
    def corrected(self) -> dict[str, dict[str, Any]]:
        """Each resource that certain corrections change, by name, with all of them applied.

        The resource is whole, as it came but for the corrections. Numbers with decimals are
        ``Decimal``; ``fhir_massage.read.read.encode`` writes them as they were.
        """
        return self._correct()

    def original(self, resource: str) -> dict[str, Any]:
        """A reviewed resource as it came. Not to be changed. Raises ``KeyError`` for others."""
        return self._originals[resource]()

    def corrected_by(self, finding: Finding, correction: Correction) -> dict[str, Any]:
        """The finding's whole resource with just this correction applied."""
        applied: dict[str, Any] = patch.apply(self.original(finding.resource), correction.edits)
        return applied
