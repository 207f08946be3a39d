"""One document from the outside: read, reviewed, and written again with its corrections."""

from __future__ import annotations

from datetime import date
from typing import Any

from fhir_massage.errors import Unreadable
from fhir_massage.facts.book import Facts
from fhir_massage.fhir.read import Arrival, encode, is_json_lines, read, read_lines
from fhir_massage.review.engine import review_arrival
from fhir_massage.review.report import Report


class Reviewed:
    """The reviews of one document, which may hold several arrivals when it is NDJSON."""

    def __init__(self, content: bytes, arrivals: list[Arrival], reports: list[Report], *, lines: bool) -> None:
        self._content = content
        self._arrivals = arrivals
        self._lines = lines
        self.reports = reports

    @property
    def unread(self) -> list[Unreadable]:
        """What of the document could not be read."""
        return [error for arrival in self._arrivals for error in arrival.unread]

    @property
    def has_errors(self) -> bool:
        """Whether any finding is an error."""
        return any(report.has_errors for report in self.reports)

    def corrected(self) -> bytes:
        """The whole document, with the corrected resources in their places and all else as it came."""
        changed = {
            id(entry.document): []
            for arrival in self._arrivals
            for entry in arrival.entries
        }  # fmt: skip
        documents = {}
        for arrival, report in zip(self._arrivals, self.reports, strict=True):
            for entry in arrival.entries:
                documents[id(entry.document)] = entry.document
                if entry.kind in ("Claim", "ServiceRequest") and entry.name in report.corrected:
                    changed[id(entry.document)].append((entry.path, report.corrected[entry.name]))
        if not any(changed.values()):
            return self._content
        written = {
            key: encode(_with(document.json(), changed[key])) for key, document in documents.items()
        }
        if not self._lines:
            return next(iter(written.values())) + b"\n"
        return self._written_lines(written)

    def _written_lines(self, written: dict[int, bytes]) -> bytes:
        """NDJSON again: each line that was read as it is now, lines that were not read as they came."""
        by_content = {
            entry.document.content: written[id(entry.document)]
            for arrival in self._arrivals
            for entry in arrival.entries
        }
        lines = self._content.splitlines()
        return b"".join(by_content.get(line, line) + b"\n" for line in lines)


def review_content(content: bytes, on: date, facts: Facts) -> Reviewed:
    """Read and review a document. Raises ``Unreadable`` where nothing of it can be read."""
    lines = is_json_lines(content)
    arrivals = list(read_lines(content.splitlines())) if lines else [read(content)]
    reports = [review_arrival(arrival, on=on, facts=facts) for arrival in arrivals]
    return Reviewed(content, arrivals, reports, lines=lines)


def _with(document: Any, changes: list[tuple[tuple[str | int, ...], dict[str, Any]]]) -> Any:
    for path, resource in changes:
        document = _replaced(document, path, resource)
    return document


def _replaced(part: Any, path: tuple[str | int, ...], resource: dict[str, Any]) -> Any:
    if not path:
        return resource
    step, rest = path[0], path[1:]
    if isinstance(part, list):
        assert isinstance(step, int)
        return [*part[:step], _replaced(part[step], rest, resource), *part[step + 1 :]]
    return {**part, step: _replaced(part[step], rest, resource)}
