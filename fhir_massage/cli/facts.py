"""``fhir-massage facts``: the dated tables in use."""

from __future__ import annotations

from datetime import date

import click

from fhir_massage.cli.common import facts_in_use, on_option
from fhir_massage.facts.book import TABLES

#: After so many days without anybody confirming a table, that is said aloud.
STALE_DAYS = 365


@click.group()
def facts() -> None:
    """The dated facts that rules judge by."""


@facts.command("list")
@on_option
def list_tables(on: date | None) -> None:
    """Show each table: rows in force, the newest change, and when somebody last confirmed it."""
    day = on or date.today()
    book = facts_in_use()
    click.echo(f"In force on {day}:")
    for name in TABLES:
        rows = book.rows_of(name)
        force = [row for row in rows if row.in_force(day)]
        if not force:
            click.echo(f"  {name:<22} nothing of {len(rows)} rows")
            continue
        newest = max(row.effective for row in force)
        checked = min(row.checked for row in force)
        stale = f"  NOT CONFIRMED FOR {(day - checked).days} DAYS" if (day - checked).days > STALE_DAYS else ""
        sources = len({row.source for row in force})
        click.echo(f"  {name:<22} {len(force):>6} rows  newest {newest}  confirmed {checked}  {sources} sources{stale}")
    click.echo("\nPolicies:")
    for payer, history in sorted(book.policies.items()):
        entries = [entry for _, entry in history.entries() if entry.in_force(day)]
        checked = min((entry.checked for entry in entries), default=None)
        click.echo(f"  {payer:<28} {len(entries):>3} entries  confirmed {checked}  {history.file.title}")
