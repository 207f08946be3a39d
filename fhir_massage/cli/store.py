"""``fhir-massage store``: care for what the service has kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from sqlalchemy.exc import SQLAlchemyError

from fhir_massage.cli.common import format_option, write_json
from fhir_massage.settings import PREFIX, BadSetting, read_settings
from fhir_massage.store.address import BadStore
from fhir_massage.store.backup import back_up
from fhir_massage.store.log import Store


@click.group()
def store() -> None:
    """Care for what the service has kept of hook calls and feedback."""


@store.command()
@click.option("--days", type=click.IntRange(min=0), help=f"Keep this many days (default: {PREFIX}LOG_DAYS).")
@format_option
def prune(days: int | None, form: str) -> None:
    """Drop hook calls, cards and feedback that are older than the settings allow."""
    settings = read_settings()
    before = datetime.now(UTC) - timedelta(days=settings.log_days if days is None else days)
    try:
        dropped = Store(settings.database_url).prune(before)
    except BadStore as error:
        raise BadSetting(f"{PREFIX}DATABASE: {error}") from None
    except SQLAlchemyError as error:
        raise BadSetting(f"{PREFIX}DATABASE: the database does not do it ({type(error).__name__})") from None
    if form == "json":
        write_json({"before": before.isoformat(timespec="seconds"), "dropped": dropped})
        return
    click.echo(f"Dropped what was recorded before {before:%Y-%m-%d %H:%M} UTC:")
    for table, rows in dropped.items():
        click.echo(f"  {rows:>8}  {table.replace('_', ' ')}")


@store.command()
@click.argument("file", type=click.Path(path_type=Path))
def backup(file: Path) -> None:
    """Copy the store (SQLite) to FILE, while the service runs. What is in FILE already is never overwritten."""
    size = back_up(read_settings().database_url, file)
    click.echo(f"Copied {size} bytes to {file}. Keep the data folder's installation.key with it.")
