"""What a manager reads of an audit: as a page with charts, as JSON, and as text."""

from __future__ import annotations

import textwrap
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from fhir_massage.audit.breakdown import breakdown, by_time
from fhir_massage.audit.scatter import write_whole
from fhir_massage.audit.tally import Count, Counts, Tally
from fhir_massage.rules import rule_by_id

#: The width of the text, and its rows before the rest is put together.
COLUMNS = 80
ROWS = 12
#: How many providers the page names at most: they are many, and no one of them holds much.
PROVIDERS = 20


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


def write_summary(out: Path, summary: Summary) -> None:
    """Write ``summary.json`` and ``summary.html``."""
    for name, text in summary_files(summary).items():
        write_whole(out / name, text.encode())


def summary_files(summary: Summary) -> dict[str, str]:
    """The summary's files by name."""
    content = msgspec.json.format(msgspec.json.encode(as_json(summary)), indent=2).decode()
    return {"summary.json": content + "\n", "summary.html": as_page(summary)}


def as_json(summary: Summary) -> dict[str, Any]:
    """The summary as JSON. Money is dollars as text. But for ``seconds``, equal runs give equal bytes."""
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
        "out_of_scope": tally.out_of_scope,
        "correct": tally.correct,
        "with_errors": tally.with_errors,
        "findings": dict(sorted(tally.severities.items())),
        "charged": _cents(tally.charged),
        "at_risk": _cents(tally.at_risk),
        "saved_by_certain_corrections": _cents(tally.saved),
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
        loader=PackageLoader("fhir_massage.audit"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "dollars": lambda amount: f"${amount:,.0f}",
        "number": lambda count: f"{count:,}",
        "rule_title": lambda rule: rule_by_id(rule).title,
    }
    return environment.get_template("summary.html").render(
        summary=summary,
        tally=tally,
        to_look_at=tally.claims + tally.orders - tally.correct - tally.with_errors,
        of_copies=told_of_copies(tally),
        share=_share,
        length=_length,
        causes=breakdown(tally.rules),
        payers=breakdown(tally.payers),
        providers=breakdown(tally.providers, most=PROVIDERS),
        times=by_time(tally.months, summary.on),
    )


def as_text(summary: Summary) -> str:
    """The summary for a terminal of 80 columns."""
    tally = summary.tally
    said = [
        f"Reviewed {tally.claims:,} claims and {tally.orders:,} orders on {summary.on}: "
        f"{tally.correct:,} correct, {tally.with_errors:,} with errors.",
        f"Charged ${tally.charged:,.2f}; at risk ${tally.at_risk:,.2f}, "
        f"of which corrections that need nobody's judgement save ${tally.saved:,.2f}.",
    ]
    if tally.out_of_scope:
        said.append(f"{_counted(tally.out_of_scope, 'claim')} not ours: nothing there bills massage or manual therapy.")
    if summary.rejected:
        said.append(f"{_counted(summary.rejected, 'line')} could not be read: see rejected.ndjson.")
    said += told_of_copies(tally)
    if tally.failed:
        said.append(f"Rules failed {tally.failed:,} times, which is a fault of ours; the others were checked.")
    lines = [line for each in said for line in textwrap.wrap(each, COLUMNS, break_on_hyphens=False)]
    return "\n".join((*lines, *_text_rows(tally.rules)))


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def told_of_copies(tally: Tally) -> list[str]:
    """What is to be said of resources that the input holds more than once."""
    told = []
    if tally.copies:
        told.append(f"{_counted(tally.copies, 'resource')} came once more than needed; of each the newest counts.")
    if tally.mixed:
        told.append(
            f"{_counted(tally.mixed, 'patient')} would be born on two days: the input seems to be of several servers, whose ids mean "
            "different things. Audit each server's data by itself."
        )
    return told


def _text_rows(counts: Counts) -> list[str]:
    """The causes as a table of text, with a heading where there are any."""
    found = breakdown(counts, least=ROWS, most=ROWS)
    if not found.rows:
        return []
    rows = [(row.name, row.count) for row in found.rows]
    if found.others:
        rows.append((_others(found.others, "cause"), found.rest))
    return [
        "",
        f"{'Cause':<40}{'Findings':>10}{'At risk':>15}{'Surely saved':>15}",
        *(
            f"{name:<40}{count.findings:>10,}{_money(count.at_risk):>15}{_money(count.saved):>15}"
            for name, count in rows
        ),
    ]


def _others(number: int, kind: str) -> str:
    return _counted(number, f"other {kind}")


def _share(part: Decimal | int, whole: Decimal | int) -> str:
    """``19 %`` of the whole; the little that there is of much is not rounded to nothing."""
    if not whole:
        return ""
    percent = 100 * part / whole
    return "under 1 %" if 0 < percent < 1 else f"{percent:.0f} %"


def _length(amount: Decimal, most: Decimal) -> float:
    """How long a bar is, where that of the most is 100."""
    return round(float(100 * amount / most), 2) if most else 0.0


def _counts(counts: Counts) -> dict[str, Any]:
    return {name: _count(count) for name, count in sorted(counts.items())}


def _count(count: Count) -> dict[str, Any]:
    return {
        "findings": count.findings,
        "resources": count.resources,
        "at_risk": _cents(count.at_risk),
        "certain": count.certain,
        "saved_by_certain_corrections": _cents(count.saved),
    }


def _cents(amount: Decimal) -> str:
    return f"{amount:.2f}"


def _money(amount: Decimal) -> str:
    return f"${amount:,.2f}"
