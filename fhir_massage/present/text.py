"""Reports as the text that a biller reads: what would be denied, why, for how much, and what mends it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from rich.console import Console
from rich.text import Text

from fhir_massage.case.seen import ClaimCase, Line, OrderCase
from fhir_massage.edit.finding import Correction, Denial, Finding
from fhir_massage.engine.report import Report
from fhir_massage.facts.book import Facts
from fhir_massage.present.naming import called
from fhir_massage.rules import rule_by_id

_STYLES = {"error": "bold red", "warning": "yellow", "information": "cyan"}
_MARKS = {"error": "✗", "warning": "!", "information": "i", "correct": "✓"}
_PLAIN_MARKS = {"error": "x", "warning": "!", "information": "i", "correct": "ok"}
_WIDEST = 110
NOT_OURS = "not ours: nothing here bills massage or manual therapy"

Case = ClaimCase | OrderCase


def show(reports: Sequence[Report], facts: Facts, console: Console, *, notes: bool = False) -> None:
    """Write the reports to the console: each claim and order with its findings, then the totals.

    Colors only where the console takes them, and lines no longer than is pleasant to read. What is only information
    is left out unless ``notes`` are asked for.
    """
    console.width = min(console.width, _WIDEST)
    for report in reports:
        for name in (*report.claims, *report.orders):
            _show_subject(name, report, facts, console, notes=notes)
        for name in report.out_of_scope:
            _block(console, 0, Text.assemble((called(name, None), "bold"), ": ", NOT_OURS))
    _block(console, 0, _totals(reports, notes=notes))


def is_shown(finding: Finding, *, notes: bool) -> bool:
    """Whether people see a finding: what is only information they see when they ask for notes."""
    return notes or finding.severity != "information"


def at_risk(findings: Iterable[Finding]) -> Decimal:
    """The dollars at risk together. A charge that several findings put at risk counts once."""
    dollars: dict[str, dict[str, Decimal]] = {}
    for finding in findings:
        if finding.at_risk is not None:
            part = finding.expression[0].split("]", 1)[0] if ".item[" in finding.expression[0] else ""
            parts = dollars.setdefault(finding.resource, {})
            parts[part] = max(parts.get(part, Decimal(0)), finding.at_risk)
    total = Decimal(0)
    for parts in dollars.values():
        whole = parts.pop("", Decimal(0))
        total += max(whole, sum(parts.values(), Decimal(0)))
    return total


# --- one claim or order -----------------------------------------------------------------------------


def _show_subject(name: str, report: Report, facts: Facts, console: Console, *, notes: bool) -> None:
    case = report.cases.get(name)
    findings = [finding for finding in report.findings if finding.resource == name and is_shown(finding, notes=notes)]
    about = _about(name, case)
    if not findings:
        _block(console, 0, Text.assemble((_mark("correct", console), "green"), " ", (about, "bold"), ": correct"))
        return
    _block(console, 0, Text.assemble((about, "bold"), " · ", _counted(findings)))
    explained: set[str] = set()
    for finding in findings:
        console.print()
        _show_finding(finding, case, report, facts, console, explain=finding.rule not in explained)
        explained.add(finding.rule)
    console.print()


def _about(name: str, case: Case | None) -> str:
    if case is None:
        return called(name, case)
    parts = [called(name, case), case.payer_title or "payer not known"]
    if isinstance(case, ClaimCase):
        days = sorted({line.day for line in case.lines if line.day is not None})
        parts += [" to ".join(dict.fromkeys((str(days[0]), str(days[-1]))))] if days else []
        parts += [f"${case.total:,.2f}"] if case.total is not None else []
    else:
        parts += [f"ordered {case.day}"]
    return " · ".join(parts)


def _show_finding(
    finding: Finding, case: Case | None, report: Report, facts: Facts, console: Console, *, explain: bool
) -> None:
    """One finding; ``explain`` where its rule has not been explained for this claim yet."""
    mark = Text(f"{_mark(finding.severity, console)} {finding.severity}", style=_STYLES[finding.severity])
    _block(console, 2, Text.assemble(mark, "  ", (_where(finding, case, facts), "bold")))
    _block(console, 4, Text(finding.message))
    claim = report.x12.get(finding.resource)
    if claim is not None:
        _block(console, 4, Text(claim.words(finding.expression[0])), "X12")
    day = (None if case is None else case.day) or report.on
    if explain:
        _block(console, 4, Text(" ".join(rule_by_id(finding.rule).page["Why it is denied"].split())), "why")
    if finding.at_risk is not None:
        _block(console, 4, Text(f"${finding.at_risk:,.2f}", style="bold"), "at risk")
    if finding.denial is not None:
        _block(console, 4, _denial(finding.denial, facts, day), "denial")
    for number, correction in enumerate(finding.corrections):
        _block(console, 4, _correction(correction), "or" if number else "fix")
    for cited in finding.citations:
        _block(console, 4, Text(f"{cited.title} ({cited.in_force})"), "source")
        if cited.url:  # an address is to be clicked or copied, so it is never broken
            console.print(Text(" " * 14 + cited.url, style="dim"), no_wrap=True, overflow="ignore", crop=False)
    _block(console, 4, Text(finding.rule, style="dim"), "rule")
    if finding.draft:
        console.print()
        for line in finding.draft.splitlines():
            _block(console, 6, Text(line))


def _block(console: Console, indent: int, text: Text, label: str | None = None) -> None:
    """Text under an indent, after a label in a column of its own where there is one."""
    lead = 0 if label is None else 10
    for number, line in enumerate(text.wrap(console, max(console.width - indent - lead, 20))):
        shown = (label or "").ljust(lead) if number == 0 else " " * lead
        line.rstrip()
        console.print(Text.assemble(" " * indent, (shown, "dim"), line), no_wrap=True, crop=False)


def _correction(correction: Correction) -> Text:
    if correction.needs is None:
        return Text.assemble((correction.label, "green"), "  (certain: --fix applies it)")
    needs = correction.needs.rstrip(".")
    return Text.assemble((correction.label, "green"), f", after you confirm {needs}.")


def _denial(denial: Denial, facts: Facts, day: date) -> Text:
    """``CO-151 (units not supported) N362 (...)``, with our words for the codes that have any."""
    parts = [_with_words(f"{denial.group}-{denial.carc}", ("carc", denial.carc), facts, day)]
    parts += [_with_words(code, ("rarc", code), facts, day) for code in denial.rarc]
    return Text(", ".join(parts))


def _with_words(shown: str, key: tuple[str, str], facts: Facts, day: date) -> str:
    row = facts.denials.find(key, day)
    return shown if row is None else f"{shown} ({row.words})"


# --- the element in people's words ------------------------------------------------------------------


def _where(finding: Finding, case: Case | None, facts: Facts) -> str:
    element = finding.expression[0]
    if isinstance(case, ClaimCase) and element.startswith("Claim.item["):
        position = int(element[11 : element.index("]")])
        if position < len(case.lines):
            return _line_words(case.lines[position], facts)
    return rule_by_id(finding.rule).title


def _line_words(line: Line, facts: Facts) -> str:
    parts = [f"Line {line.index + 1}"]
    if line.code is not None:
        row = facts.procedure_words.find(line.code, line.day) if line.day is not None else None
        code = "-".join((line.code, *line.modifiers))
        parts.append(code if row is None else f"{code} ({row.words})")
    if line.day is not None:
        parts.append(str(line.day))
    if line.units is not None:
        parts.append(f"{line.units:g} {'unit' if line.units == 1 else 'units'}")
    if line.charge is not None:
        parts.append(f"${line.charge:,.2f}")
    return " · ".join(parts)


# --- totals --------------------------------------------------------------------------------------------


def _totals(reports: Sequence[Report], *, notes: bool) -> Text:
    claims = sum(len(report.claims) for report in reports)
    orders = sum(len(report.orders) for report in reports)
    passed = sum(len(report.out_of_scope) for report in reports)
    if passed and not claims and not orders:
        return Text(f"Nothing reviewed; {_number(passed, 'claim')} not ours.")
    if not claims and not orders:
        return Text("Nothing to review: there is no claim and no order for massage or manual therapy here.")
    every = [finding for report in reports for finding in report.findings]
    findings = [finding for finding in every if is_shown(finding, notes=notes)]
    reviewed = [_number(claims, "claim")] if claims or not orders else []
    reviewed += [_number(orders, "order")] if orders else []
    text = Text.assemble((f"{' and '.join(reviewed)} reviewed: ", "bold"), _counted(findings))
    dollars = at_risk(findings)
    if dollars:
        text.append(f", ${dollars:,.2f} at risk", style="bold")
    sure = sum(any(correction.certain for correction in finding.corrections) for finding in findings)
    if sure:
        text.append(f". --fix mends {_number(sure, 'finding')}")
    if passed:
        text.append(f"; {_number(passed, 'claim')} not ours")
    if len(every) > len(findings):
        text.append(f"; {_number(len(every) - len(findings), 'note')} hidden (--notes)", style="dim")
    return text.append(".")


def _counted(findings: Sequence[Finding]) -> Text:
    """``2 errors, 1 warning``, each in its colour."""
    counts = Counter(finding.severity for finding in findings)
    words = {"error": "error", "warning": "warning", "information": "note"}
    parts = [Text(_number(counts[key], word), _STYLES[key]) for key, word in words.items() if counts[key]]  # type: ignore[index]
    return Text(", ").join(parts) if parts else Text("nothing to correct", "green")


def _number(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _mark(kind: str, console: Console) -> str:
    return (_MARKS if console.encoding.lower().startswith("utf") else _PLAIN_MARKS)[kind]
