"""A report as a table for pandas: a row a finding, with typed columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fhir_massage.edit.finding import Finding
from fhir_massage.engine.report import Report
from fhir_massage.errors import FhirMassageError

if TYPE_CHECKING:
    from pandas import DataFrame

#: Each column with its type in pandas. Severities are ordered, so that they can be compared and sorted.
COLUMNS: dict[str, str] = {
    "resource": "string",
    "line": "Int64",
    "rule": "string",
    "severity": "category",
    "message": "string",
    "expression": "string",
    "denial_group": "string",
    "denial_carc": "string",
    "denial_rarc": "string",
    "at_risk": "Float64",
    "correction": "string",
    "certain": "boolean",
    "needs": "string",
    "source": "string",
    "source_url": "string",
    "source_effective": "string",
    "reviewed_on": "datetime64[ns]",
}
SEVERITIES = ("information", "warning", "error")


class MissingExtra(FhirMassageError, ImportError):
    """Something was asked for that an optional extra of the package brings: names it."""


def frame(report: Report) -> DataFrame:
    """The findings as a DataFrame, in the report's order, with the same columns and types also where it is empty.

    Raises ``MissingExtra`` where pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise MissingExtra("a data frame needs pandas: pip install 'fhir-massage[frame]'") from None
    table = pandas.DataFrame([_row(finding, report) for finding in report.findings], columns=list(COLUMNS))
    table["severity"] = pandas.Categorical(table["severity"], categories=SEVERITIES, ordered=True)
    return table.astype({name: kind for name, kind in COLUMNS.items() if kind != "category"})


def _row(finding: Finding, report: Report) -> dict[str, Any]:
    """One finding. ``line`` counts from zero, as in the expression; ``at_risk`` is dollars as a float."""
    denial = finding.denial
    correction = finding.corrections[0] if finding.corrections else None
    cited = finding.citations[0] if finding.citations else None
    return {
        "resource": finding.resource,
        "line": finding.line,
        "rule": finding.rule,
        "severity": finding.severity,
        "message": finding.message,
        "expression": finding.expression[0],
        "denial_group": denial and denial.group,
        "denial_carc": denial and denial.carc,
        "denial_rarc": denial and " ".join(denial.rarc),
        "at_risk": None if finding.at_risk is None else float(finding.at_risk),
        "correction": correction and correction.label,
        "certain": correction and correction.certain,
        "needs": correction and correction.needs,
        "source": cited and cited.title,
        "source_url": cited and cited.url,
        "source_effective": cited and cited.effective,
        "reviewed_on": report.on,
    }
