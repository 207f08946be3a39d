"""The whole document again, with corrected resources in their places and all else as it came."""

from __future__ import annotations

from typing import Any

from fhir_massage.engine.report import Report
from fhir_massage.read.read import Arrival


def corrected_document(arrival: Arrival, report: Report, document: Any) -> Any:
    """The document with every certain correction made."""
    resources = report.corrected
    for entry in arrival.entries:
        if entry.kind in ("Claim", "ServiceRequest") and entry.container is None and entry.name in resources:
            document = replaced_at(document, entry.path, resources[entry.name])
    return document


def replaced_at(part: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """A copy of a JSON document with another value at a path; untouched parts are shared."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(part, list):
        position = int(step)
        return [*part[:position], replaced_at(part[position], rest, value), *part[position + 1 :]]
    return {**part, step: replaced_at(part[step], rest, value)}
