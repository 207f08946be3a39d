"""``fhir-massage config``: the settings in force, and where each comes from."""

from __future__ import annotations

import os
import re

import click

from fhir_massage.cli.common import format_option, write_json
from fhir_massage.settings import PREFIX, Settings, read_settings


@click.command()
@format_option
def config(form: str) -> None:
    """Show each setting: its value, where it comes from, and what it is for."""
    settings = read_settings()
    values = settings.model_dump(mode="json")
    values["database"] = _without_password(settings.database_url)
    values["issuers"] = {issuer: _without_password(source) for issuer, source in settings.issuers.items()}
    values["fhir_servers"] = [_without_password(address) for address in settings.fhir_servers]
    if form == "json":
        write_json(values)
        return
    file = os.environ.get(f"{PREFIX}CONFIG")
    for name, field in Settings.model_fields.items():
        click.echo(f"{PREFIX}{name.upper()} = {values[name]}  ({_origin(name, settings, file)})")
        click.echo(f"    {field.description}")


def _origin(name: str, settings: Settings, file: str | None) -> str:
    if f"{PREFIX}{name.upper()}" in {key.upper() for key in os.environ}:
        return "environment"
    return str(file) if file and name in settings.model_fields_set else "default"


def _without_password(address: str) -> str:
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", address)
