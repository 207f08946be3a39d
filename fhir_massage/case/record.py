"""What came along of the patients, sorted once for all the claims and orders of an arrival."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cached_property

from fhir_massage.case.history import History
from fhir_massage.case.payer import Told
from fhir_massage.case.people import Directory
from fhir_massage.facts.book import Facts
from fhir_massage.read import elements
from fhir_massage.read.read import Entry
from fhir_massage.read.references import Index

#: A payer's answer on benefits, with what it says of one coverage.
Answered = tuple[Entry, elements.CoverageEligibilityResponse, elements.EligibilityInsurance]


class Record:
    """Coverages, conditions, bills and payers' answers, each found by whose they are."""

    def __init__(self, facts: Facts, index: Index, entries: Sequence[Entry], today: date) -> None:
        self._index = index
        self._entries = entries
        self.directory = Directory(facts, index, today)
        self.history = History(self.directory, entries)
        #: The payer of each coverage, by the identity of its entry; ``None`` where nothing tells it.
        self.payers: dict[int, Told] = {}

    def coverages_of(self, patient: str | None) -> list[Entry]:
        """The coverages whose beneficiary is the patient."""
        return self._coverages.get(patient, []) if patient is not None else []

    def conditions_of(self, patient: str | None) -> list[Entry]:
        """The patient's conditions, whatever their status."""
        return self._conditions.get(patient, []) if patient is not None else []

    def answers_on(self, coverage: Entry) -> list[Answered]:
        """The payers' answers on the benefits of a coverage."""
        return self._answers.get(id(coverage), [])

    @cached_property
    def _coverages(self) -> dict[str | None, list[Entry]]:
        found: dict[str | None, list[Entry]] = {}
        for entry in self._entries:
            if isinstance(entry.resource, elements.Coverage):
                found.setdefault(self._index.identity(entry.resource.beneficiary, entry), []).append(entry)
        return found

    @cached_property
    def _conditions(self) -> dict[str | None, list[Entry]]:
        found: dict[str | None, list[Entry]] = {}
        for entry in self._entries:
            if isinstance(entry.resource, elements.Condition):
                found.setdefault(self._index.identity(entry.resource.subject, entry), []).append(entry)
        return found

    @cached_property
    def _answers(self) -> dict[int, list[Answered]]:
        found: dict[int, list[Answered]] = {}
        for entry in self._entries:
            answer = entry.resource
            if not isinstance(answer, elements.CoverageEligibilityResponse):
                continue
            for insurance in answer.insurance:
                coverage = self._index.find(insurance.coverage, entry)
                if coverage is not None:
                    found.setdefault(id(coverage), []).append((entry, answer, insurance))
        return found
