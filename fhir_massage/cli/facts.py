"""``fhir-massage facts``: the dated facts in use, and loading official NCCI files."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
from rich.table import Table

from fhir_massage.cli.common import Day, console, facts_in_use, format_option, on_option, policies_option, write_json
from fhir_massage.cli.update import diff, say_loaded, update
from fhir_massage.errors import UnknownQuestion
from fhir_massage.facts.age import QUARTERLY, last_checked, quarter_of
from fhir_massage.facts.book import TABLES, Facts
from fhir_massage.facts.rows import LONG_BEFORE, Row
from fhir_massage.settings import read_settings

#: After so many days without anybody confirming a table, that is said aloud.
STALE_DAYS = 365


@click.group()
def facts() -> None:
    """The dated facts that rules judge by: list them, load official files, or say what changes."""


@facts.command("list")
@click.argument("name", required=False)
@on_option
@policies_option
@format_option
def list_tables(name: str | None, on: date | None, policies: Path | None, form: str) -> None:
    """Show what is in force on a day: rows, sources, the newest change, and when it was last confirmed.

    With NAME, a table or a payer, each of its rows and the document that says so.
    """
    day = on or date.today()
    book = facts_in_use(policies)
    if name is not None:
        _list_rows(book, name, day, form)
        return
    tables = [_summary(name, book.rows_of(name), day) for name in TABLES]
    payers = [_summary(payer, [e for _, e in h.entries()], day) for payer, h in sorted(book.policies.items())]
    notes = [note for summary in (*tables, *payers) if (note := _stale(summary))] + _old_quarters(book, day)
    if form == "json":
        write_json({"on": day, "tables": tables, "policies": payers, "imported": _imported(book), "notes": notes})
        return
    click.echo(f"In force on {day}\n")
    _print("table", tables)
    click.echo()
    _print("policy", payers)
    for file in _imported(book):
        click.echo(f"\nLoaded: {file['title']}\n        {file['rows']} rows, sha256 {file['sha256']}")
    for note in notes:
        click.echo(f"\nNote: {note}")


def _list_rows(book: Facts, name: str, day: date, form: str) -> None:
    """The rows of one table, or a payer's own entries, in force on the day."""
    if name in TABLES:
        rows = [("", row) for row in book.rows_of(name)]
    elif name in book.policies:
        rows = [(f"{key}: ", entry) for key, entry in book.policies[name].entries()]
    else:
        raise UnknownQuestion("table or payer", name, [*TABLES, *sorted(book.policies)])
    force = [(key, row) for key, row in rows if row.in_force(day)]
    if form == "json":
        write_json([_says(key, row) | _from(book, row) for key, row in force])
        return
    for key, row in force:
        said = ", ".join(
            f"{column} {' '.join(value) if isinstance(value, tuple) else value}"
            for column, value in _says("", row).items()
        )
        cited = _from(book, row)
        click.echo(
            f"{key}{said}\n  {row.since if row.since.startswith('seen') else f'since {row.since}'}, confirmed {row.checked}: {cited['title']}, {row.section}"
        )
        click.echo(f"  {cited['url']}")


def _says(key: str, row: Row) -> dict[str, object]:
    """What a row says, besides its dates and source."""
    said = {
        name: value
        for name in row.__struct_fields__
        if name not in Row.__struct_fields__ and (value := getattr(row, name)) not in ("", (), None)
    }
    return {"key": key.removesuffix(": "), **said} if key else said


def _from(book: Facts, row: Row) -> dict[str, object]:
    """Since when a row holds, and which document says so."""
    source = book.sources[row.source]
    return {
        "effective": None if row.effective == LONG_BEFORE else row.effective,
        "end": row.end,
        "checked": row.checked,
        "title": f"{source.owner}, {source.title}",
        "section": row.section,
        "url": source.url,
    }


facts.add_command(update)
facts.add_command(diff)


@facts.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--quarter", type=Day(), default=None, help="A day in the file's quarter, where its name does not tell.")
def import_official(file: Path, quarter: date | None) -> None:
    """Load an official NCCI file of CMS: practitioner PTP edits or MUE values, as published (zip, text, workbook).

    All of FILE is loaded, or nothing, and what was loaded before stays.
    """
    from fhir_massage.facts.imported import import_file

    data = read_settings().data
    say_loaded(import_file(file, data, today=date.today(), quarter=quarter), data)


def _summary(name: str, rows: list[Row], day: date) -> dict[str, object]:
    force = [row for row in rows if row.in_force(day)]
    return {
        "name": name,
        "rows": len(force),
        "sources": sorted({row.source for row in force}),
        "newest": max((row.effective for row in force if row.effective != LONG_BEFORE), default=None),
        "checked": last_checked(rows, day),
        "days_since_checked": max(((date.today() - row.checked).days for row in force), default=None),
    }


def _stale(summary: dict[str, object]) -> str | None:
    age = summary["days_since_checked"]
    if not isinstance(age, int) or age <= STALE_DAYS:
        return None
    return f"nobody has confirmed {summary['name']} for {age} days (since {summary['checked']})."


def _old_quarters(book: Facts, day: date) -> list[str]:
    """What CMS has published anew since the NCCI tables in use."""
    quarter = date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
    notes = []
    for table in QUARTERLY:
        newest = quarter_of(book, table, day)
        if newest is not None and newest < quarter:
            notes.append(
                f"{table} is of {newest}, and CMS publishes it anew each quarter (the one of {quarter} is out). "
                "Load the official files: fhir-massage facts update"
            )
    return notes


def _imported(book: Facts) -> list[dict[str, object]]:
    files = [] if book.imported is None else book.imported.files.values()
    shown = ("kind", "quarter", "rows", "sha256", "imported")
    return [{"title": file.source.title, **{name: getattr(file, name) for name in shown}} for file in files]


def _print(heading: str, summaries: list[dict[str, object]]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in (heading, "rows", "newest", "confirmed", "sources"):
        table.add_column(name, justify="right" if name == "rows" else "left", no_wrap=name != "sources")
    for summary in summaries:
        sources = summary["sources"]
        assert isinstance(sources, list)
        shown = "".join(sources) if len(sources) < 2 else f"{len(sources)} documents"
        cells = [summary["name"], summary["rows"], summary["newest"] or "-", summary["checked"] or "-", shown]
        table.add_row(*(str(cell) for cell in cells))
    console().print(table)
