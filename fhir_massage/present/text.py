"""A report as text that a biller reads: the line, the reason, the money, the fix, the source."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from fhir_massage.facts.book import shipped
from fhir_massage.model.finding import Denial, Finding
from fhir_massage.review.report import Report

_MARKS = {
    "error": ("✗ error", "bold red"),
    "warning": ("! warning", "bold yellow"),
    "information": ("i note", "cyan"),
}


def print_reports(reports: Sequence[Report], *, error: bool = False, width: int | None = None) -> None:
    """Print every report and a last line with the sums. ``error`` prints to standard error."""
    console = Console(stderr=error, width=width, highlight=False, soft_wrap=False)
    for report in reports:
        _print_report(console, report)
    _print_sum(console, reports)


def _print_report(console: Console, report: Report) -> None:
    for name in (*report.claims, *report.orders):
        findings = [finding for finding in report.findings if finding.resource == name]
        heading = Text(name, style="bold")
        if not any(finding.severity != "information" for finding in findings):
            heading.append("  ✓ nothing to correct", style="green")
        console.print(heading)
        for finding in findings:
            _print_finding(console, report, finding)
    if not report.claims and not report.orders:
        console.print("There is no claim or order to review here.")


def _print_finding(console: Console, report: Report, finding: Finding) -> None:
    mark, style = _MARKS[finding.severity]
    head = Text.assemble(("  ", ""), (mark, style), ("  ", ""), (_where(finding), "bold"), ("  ", ""), (finding.rule, "dim"))
    console.print(head)
    _indented(console, finding.message)
    if finding.at_risk is not None or finding.denial is not None:
        money = "" if finding.at_risk is None else f"${finding.at_risk:,.2f} at risk"
        denial = "" if finding.denial is None else _denial(finding.denial, report)
        _indented(console, "; ".join(part for part in (money, denial) if part))
    for correction in finding.corrections:
        if correction.certain:
            _indented(console, Text.assemble(("fix: ", "bold green"), correction.label))
        else:
            words = Text.assemble(("or, if so: ", "bold"), correction.label)
            words.append(f" (first confirm {correction.needs})")
            _indented(console, words)
    for cited in finding.citations:
        _indented(console, Text(f"{cited.title} (since {cited.effective})", style="dim"))
    if finding.draft:
        _indented(console, finding.draft)
    console.print()


def _where(finding: Finding) -> str:
    """The place in people's words: ``line 2``, else the element."""
    element = finding.expression[0]
    if element.startswith("Claim.item["):
        position, _, rest = element.removeprefix("Claim.item[").partition("]")
        return f"line {int(position) + 1}{_part(rest)}"
    return element.partition(".")[2] or element


def _part(rest: str) -> str:
    return f", {rest.lstrip('.')}" if rest else ""


def _denial(denial: Denial, report: Report) -> str:
    row = shipped().denials.find(("carc", denial.carc), report.on)
    codes = " ".join((f"{denial.group}-{denial.carc}", *denial.rarc))
    return f"denial {codes}" + (f": {row.words}" if row is not None else "")


def _indented(console: Console, words: str | Text) -> None:
    console.print(Padding(words if isinstance(words, Text) else Text(words), (0, 0, 0, 4)))


def _print_sum(console: Console, reports: Sequence[Report]) -> None:
    findings = [finding for report in reports for finding in report.findings]
    counts = {kind: sum(f.severity == kind for f in findings) for kind in _MARKS}
    money = sum((f.at_risk for f in findings if f.severity == "error" and f.at_risk is not None), Decimal(0))
    claims = sum(len(report.claims) for report in reports)
    orders = sum(len(report.orders) for report in reports)
    reviewed = " and ".join(_count(n, word) for n, word in ((claims, "claim"), (orders, "order")) if n) or "nothing"
    words = ", ".join(
        _count(counts[kind], word) for kind, word in (("error", "error"), ("warning", "warning"), ("information", "note"))
    )
    console.print(Text(f"{reviewed} reviewed: {words}; ${money:,.2f} at risk by errors", style="bold"))


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
