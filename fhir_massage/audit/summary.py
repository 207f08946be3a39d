"""What a manager reads of an audit: as a page with charts, as JSON, and as text."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from fhir_massage.audit.scatter import write_whole
from fhir_massage.audit.tally import Count, Counts, Tally
from fhir_massage.rules import rule_by_id

#: Rows of a table before the rest is put together.
SHOWN = 12


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What an audit read and found. ``on`` is the day of the review; ``seconds`` are those of the run that ended it."""

    on: str
    version: str
    files: int
    resources: int
    rejected: int
    seconds: float
    tally: Tally

    @property
    def has_errors(self) -> bool:
        """Whether any finding is an error."""
        return self.tally.with_errors > 0


class Row(msgspec.Struct, frozen=True):
    """A row of a table with its bar: the name, a word on it, the count, and the bar's length of 100."""

    name: str
    words: str
    count: Count
    length: float


def write_summary(out: Path, summary: Summary) -> None:
    """Write ``summary.json`` and ``summary.html``."""
    for name, text in summary_files(summary).items():
        write_whole(out / name, text.encode())


def summary_files(summary: Summary) -> dict[str, str]:
    """The summary's files by name."""
    content = msgspec.json.format(msgspec.json.encode(as_json(summary)), indent=2).decode()
    return {"summary.json": content + "\n", "summary.html": as_page(summary)}


def as_json(summary: Summary) -> dict[str, Any]:
    """The summary as JSON. Money is dollars as text."""
    tally = summary.tally
    return {
        "on": summary.on,
        "version": summary.version,
        "read": {
            "files": summary.files,
            "resources": summary.resources,
            "rejected": summary.rejected,
            "copies": tally.copies,
            "mixed_patients": tally.mixed,
        },
        "reviewed": {"claims": tally.claims, "orders": tally.orders},
        "correct": tally.correct,
        "with_errors": tally.with_errors,
        "findings": tally.severities,
        "charged": _dollars(tally.charged),
        "at_risk": _dollars(tally.at_risk),
        "saved_by_certain_corrections": _dollars(tally.saved),
        "rules_failed": tally.failed,
        "seconds": summary.seconds,
        "by_rule": _counts(tally.rules),
        "by_payer": _counts(tally.payers),
        "by_provider": _counts(tally.providers),
        "by_month": _counts(tally.months),
    }


def as_page(summary: Summary) -> str:
    """The summary as one HTML page that needs no other file."""
    tally = summary.tally
    environment = Environment(
        loader=PackageLoader("fhir_massage.audit"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"dollars": lambda amount: f"${amount:,.0f}", "number": lambda count: f"{count:,}"}
    return environment.get_template("summary.html").render(
        summary=summary,
        tally=tally,
        tables=[
            ("Causes", "rule", _rows(tally.rules, titles=True)),
            ("Payers", "payer", _rows(tally.payers)),
            ("Providers", "rendering provider", _rows(tally.providers)),
            ("Months of service", "month", _rows(tally.months, by_name=True)),
        ],
    )


def as_text(summary: Summary) -> str:
    """The summary for a terminal."""
    tally = summary.tally
    lines = [
        f"Reviewed {tally.claims:,} claims and {tally.orders:,} orders on {summary.on}: "
        f"{tally.correct:,} correct, {tally.with_errors:,} with errors.",
        f"Charged ${tally.charged:,.2f}; at risk ${tally.at_risk:,.2f}, "
        f"of which corrections that need nobody's judgement save ${tally.saved:,.2f}.",
    ]
    if summary.rejected:
        lines.append(f"{summary.rejected:,} lines could not be read: see rejected.ndjson.")
    lines += told_of_copies(tally)
    if tally.failed:
        lines.append(f"Rules failed {tally.failed:,} times, which is a fault of ours; the others were checked.")
    for row in _rows(tally.rules, titles=True):
        lines.append(f"  {row.name:<34} {row.count.findings:>9,}  ${row.count.at_risk:>14,.2f}")
    return "\n".join(lines)


def told_of_copies(tally: Tally) -> list[str]:
    """What is to be said of resources that the input holds more than once."""
    told = []
    if tally.copies:
        told.append(f"{tally.copies:,} resources were given more than once; of each the newest counts.")
    if tally.mixed:
        told.append(
            f"{tally.mixed:,} patients were born on two days: the input seems to be of several servers, whose ids mean "
            "different things. Audit each server's data by itself."
        )
    return told


def _rows(counts: Counts, *, titles: bool = False, by_name: bool = False) -> list[Row]:
    """The counts with the most money at risk first, or by name; what does not fit is put together."""
    if by_name:
        ordered = sorted(counts.items())
        return _with_bars([(name, "", count) for name, count in ordered])
    ordered = sorted(counts.items(), key=lambda item: (-item[1].at_risk, -item[1].findings, item[0]))
    shown = [(name, rule_by_id(name).title if titles else "", count) for name, count in ordered[:SHOWN]]
    if len(ordered) > SHOWN:
        rest = Count()
        for _, count in ordered[SHOWN:]:
            rest.add(count)
        shown.append((f"{len(ordered) - SHOWN:,} others", "", rest))
    return _with_bars(shown)


def _with_bars(rows: list[tuple[str, str, Count]]) -> list[Row]:
    most = max((count.at_risk for _, _, count in rows), default=Decimal(0)) or Decimal(1)
    return [Row(name, words, count, round(float(100 * count.at_risk / most), 1)) for name, words, count in rows]


def _counts(counts: Counts) -> dict[str, Any]:
    return {
        name: {
            "findings": count.findings,
            "resources": count.resources,
            "at_risk": _dollars(count.at_risk),
            "certain": count.certain,
            "saved_by_certain_corrections": _dollars(count.saved),
        }
        for name, count in sorted(counts.items())
    }


def _dollars(amount: Decimal) -> str:
    return f"{amount:.2f}"
