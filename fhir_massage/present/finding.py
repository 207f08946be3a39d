"""Findings and reports as the JSON that every door shows."""

from __future__ import annotations

from typing import Any

import msgspec

from fhir_massage.edit.finding import Correction, Edit, Finding
from fhir_massage.engine.report import Report

Json = dict[str, Any]


def as_json(finding: Finding) -> Json:
    """One finding. ``at_risk`` is dollars as text; ``denial`` and ``at_risk`` are null where there is none."""
    denial = finding.denial
    at_risk = finding.at_risk
    return {
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


def report_as_json(report: Report) -> Json:
    """A whole report: findings, what was reviewed, corrected resources, and what could not be read."""
    content: Json = {
        "findings": [as_json(finding) for finding in report.findings],
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
