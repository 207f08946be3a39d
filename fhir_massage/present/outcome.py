"""A report as a FHIR OperationOutcome."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fhir_massage.edit.finding import Finding
from fhir_massage.engine.report import Report
from fhir_massage.errors import Unreadable
from fhir_massage.rules import rule_by_id

Json = dict[str, Any]
RULE_SYSTEM = "urn:fhir-massage:rule"
#: In place of a rule, for a claim that bills nothing of ours.
NOT_OURS = "not-ours"

_CODES = {
    "units": "business-rule",
    "coding": "code-invalid",
    "ptp": "business-rule",
    "modifiers": "code-invalid",
    "provider": "business-rule",
    "diagnosis": "code-invalid",
    "referral": "business-rule",
    "coverage": "business-rule",
    "claim": "business-rule",
    "order": "business-rule",
}


def operation_outcome(report: Report, structure: Iterable[Unreadable] = (), said: Iterable[Json] = ()) -> Json:
    """An issue for each finding, and for each resource that could not be read; one that says so where all is well.

    ``structure`` are departures from FHIR's own structure, ``said`` issues about the request itself.
    """
    issues = [_issue(finding, report) for finding in report.findings]
    issues += [_not_ours(name) for name in report.out_of_scope]
    issues += [unreadable_issue(error) for error in (*report.unread, *structure)]
    if not issues:
        words = "Nothing to correct was found."
        issues = [issue("information", "informational", words)]
    return {"resourceType": "OperationOutcome", "issue": [*issues, *said]}


def issue(severity: str, code: str, text: str, place: str | None = None) -> Json:
    """An issue with a text, of FHIR's severities and issue types; ``place`` is a FHIRPath."""
    return {
        "severity": severity,
        "code": code,
        "details": {"text": text},
        **({"expression": [place]} if place else {}),
    }


def outcome_of(error: Unreadable, code: str = "structure") -> Json:
    """An OperationOutcome for a request that cannot be used. ``code`` is of FHIR's issue types."""
    return {"resourceType": "OperationOutcome", "issue": [unreadable_issue(error, code)]}


def unreadable_issue(error: Unreadable, code: str = "structure") -> Json:
    """The issue that says why something could not be read, and where."""
    return issue("error", code, str(error), error.place)


def why(finding: Finding) -> str:
    """Why the finding brings a denial, with the sources it rests on."""
    cited = "; ".join(f"{c.title} ({c.in_force}) {c.url}" for c in finding.citations)
    return f"{reason(finding)} Source: {cited}" if cited else reason(finding)


def reason(finding: Finding) -> str:
    """Why the finding brings a denial, in its rule's words."""
    return " ".join(rule_by_id(finding.rule).page["Why it is denied"].split())


def _not_ours(claim: str) -> Json:
    """The issue that says that a claim was not judged, because it is none of ours."""
    coding = {"system": RULE_SYSTEM, "code": NOT_OURS, "display": "Not ours to judge"}
    text = f"{claim} is not ours: nothing here bills massage or manual therapy. It was not reviewed."
    return {
        "severity": "information",
        "code": "informational",
        "details": {"coding": [coding], "text": text},
        "expression": ["Claim"],
    }


def _issue(finding: Finding, report: Report) -> Json:
    rule = rule_by_id(finding.rule)
    claim = report.x12.get(finding.resource)
    # Where the claim came as X12, its sender knows segments, which FHIR tells as the issue's location.
    stood = {} if claim is None else {"location": [claim.words(finding.expression[0])]}
    return {
        "severity": finding.severity,
        "code": "informational" if finding.severity == "information" else _CODES[rule.family],
        "details": {
            "coding": [{"system": RULE_SYSTEM, "code": finding.rule, "display": rule.title}],
            "text": finding.message,
        },
        "diagnostics": why(finding),
        "expression": list(finding.expression),
        **stood,
    }
