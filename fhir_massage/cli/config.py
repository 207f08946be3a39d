"""``fhir-massage config``: the settings in force, and where each comes from."""

from __future__ import annotations

import os

import click

from fhir_massage.cli.common import format_option, write_json
from fhir_massage.settings import IN_FILE, PREFIX, Settings, masked, read_settings


@click.command()
@format_option
def config(form: str) -> None:
    """Show each setting: its value, where it comes from, and what it is for. Secrets are masked."""
    settings = read_settings()
    values = settings.model_dump(mode="json")
    values["database"] = masked(settings.database_url)
    values["audience"] = None if settings.audience is None else masked(settings.audience)
    values["issuers"] = {masked(issuer): masked(source) for issuer, source in settings.issuers.items()}
    values["fhir_servers"] = [masked(address) for address in settings.fhir_servers]
    values["subscription_server"] = (
        None if settings.subscription_server is None else masked(settings.subscription_server)
    )
    values["cors_origins"] = [masked(origin) for origin in settings.cors_origins]
    if form == "json":
        write_json(values)
        return
    for name, field in Settings.model_fields.items():
        click.echo(f"{PREFIX}{name.upper()} = {values[name]}  ({_origin(name, settings)})")
        click.echo(f"    {field.description}")


def _origin(name: str, settings: Settings) -> str:
    setting = f"{PREFIX}{name.upper()}"
    given = {key.upper(): value for key, value in os.environ.items() if value}
    if setting in given:
        return "environment"
    if (file := given.get(f"{setting}{IN_FILE}")) is not None:
        return file
    file = os.environ.get(f"{PREFIX}CONFIG")
    return str(file) if file and name in settings.model_fields_set else "default"
