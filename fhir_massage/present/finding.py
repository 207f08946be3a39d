"""Findings and reports as the JSON that every door shows."""

from __future__ import annotations

from typing import Any

import msgspec

from fhir_massage.edit.finding import Correction, Edit, Finding
from fhir_massage.engine.report import Report
from fhir_massage.read.x12.places import ClaimPlaces

Json = dict[str, Any]


def as_json(finding: Finding, x12: ClaimPlaces | None = None) -> Json:
    """One finding; ``x12`` says where its claim stood in an interchange. ``at_risk`` is dollars as text; ``denial`` and ``at_risk`` are null where there is none."""
    denial = finding.denial
    at_risk = finding.at_risk
    content: Json = {
        "rule": finding.rule,
        "severity": finding.severity,
        "message": finding.message,
        "expression": list(finding.expression),
        "resource": finding.resource,
        "denial": None if denial is None else {"group": denial.group, "carc": denial.carc, "rarc": list(denial.rarc)},
        "at_risk": None if at_risk is None else {"value": f"{at_risk:.2f}", "currency": "USD"},
        "citations": [
            {"title": cited.title, "url": cited.url, "effective": cited.effective} for cited in finding.citations
        ],
        "corrections": [_correction(correction) for correction in finding.corrections],
    }
    return content if x12 is None else content | _in_x12(finding, x12)


def _in_x12(finding: Finding, claim: ClaimPlaces) -> Json:
    """Where the element stood, and the claim's number where that is no legal id."""
    found = claim.find(finding.expression[0])
    place = {
        "interchange": claim.interchange,
        "transaction": claim.transaction,
        "segment": found.segment.name,
        "element": found.element,
        "position": found.position,
        "loop": found.loop,
    }
    changed = finding.resource != f"Claim/{claim.number}"
    return {"x12": place} | ({"claim_number": claim.number} if changed else {})


def report_as_json(report: Report) -> Json:
    """A whole report: findings, what was reviewed, corrected resources, and what could not be read."""
    content: Json = {
        "findings": [as_json(finding, report.x12.get(finding.resource)) for finding in report.findings],
        "reviewed": {
            "claims": len(report.claims),
            "orders": len(report.orders),
            "out_of_scope": len(report.out_of_scope),
        },
        "corrected": report.corrected,
    }
    if report.unread:
        content["unread"] = [{"expression": error.place, "reason": error.reason} for error in report.unread]
    return content


def _correction(correction: Correction) -> Json:
    content: Json = {"label": correction.label}
    if correction.needs is not None:
        content["needs"] = correction.needs
    content["edits"] = [_edit(edit) for edit in correction.edits]
    return content


def _edit(edit: Edit) -> Json:
    content: Json = {"op": edit.op, "path": edit.path}
    if edit.value is not msgspec.UNSET:
        content["value"] = edit.value
    return content
