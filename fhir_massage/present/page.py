"""A report as a piece of HTML for a notebook: every value escaped, legible on light and on dark."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from fhir_massage.engine.report import Report
from fhir_massage.present.text import at_risk

TEMPLATES = Path(__file__).parent / "templates"


def html(report: Report) -> str:
    """The report as an HTML fragment that needs nothing from elsewhere and runs nothing."""
    return _template().render(
        report=report,
        at_risk=at_risk(report.findings),
        reviewed=len(report.claims) + len(report.orders),
        errors=sum(finding.severity == "error" for finding in report.findings),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.tests["web_address"] = lambda address: address.startswith(("https://", "http://"))
    return environment.get_template("report.html")
