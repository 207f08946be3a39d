"""The command line. Each command is a module of its own, loaded when it is asked for."""

from __future__ import annotations

import importlib
from typing import Any

import click

COMMANDS = {
    "check": "fhir_massage.cli.check",
    "rules": "fhir_massage.cli.rules",
    "explain": "fhir_massage.cli.rules",
    "facts": "fhir_massage.cli.facts",
    "answer": "fhir_massage.cli.answer",
    "serve": "fhir_massage.cli.serve",
}


class Lazy(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: Any = getattr(importlib.import_module(COMMANDS[cmd_name]), cmd_name)
        return command if isinstance(command, click.Command) else None


def _version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if not asked:
        return
    from fhir_massage import __version__
    from fhir_massage.facts.book import shipped

    facts = shipped()
    newest = max(row.checked for row in facts.ptp_pairs)
    click.echo(f"fhir-massage {__version__} (FHIR R4 4.0.1, CDS Hooks 2.0; facts last checked {newest})")
    ctx.exit()


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Say the version and leave."
)
def main() -> None:
    """Checks the billing of massage and manual therapy in FHIR claims and orders."""
