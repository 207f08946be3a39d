"""The group of commands. Each is imported only when it is called, so that help comes at once."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from fhir_massage.errors import FhirMassageError

#: Each command with the module that holds it and its line in the help.
COMMANDS: dict[str, tuple[str, str]] = {
    "check": ("fhir_massage.cli.check", "Review claims and orders, and mend what is certain."),
    "audit": ("fhir_massage.cli.audit", "Review claims in bulk, on all cores."),
    "serve": ("fhir_massage.cli.serve", "Start the service and its workbench."),
    "rules": ("fhir_massage.cli.rules", "List every rule."),
    "explain": ("fhir_massage.cli.rules", "Say what a rule checks, why, and from which source."),
    "hook": ("fhir_massage.cli.hook", "Be the EHR: call a CDS service and show its cards."),
    "facts": ("fhir_massage.cli.facts", "List the dated tables in use, or load an official file."),
    "answer": ("fhir_massage.cli.answer", "Say whether a service may be billed, and why."),
    "plugins": ("fhir_massage.cli.plugins", "List what installed packages add, and what was left out."),
    "generate": ("fhir_massage.cli.generate", "Write synthetic claims with known faults and their answers."),
    "store": ("fhir_massage.cli.store", "Copy what the service has kept, or drop what is past its time."),
    "config": ("fhir_massage.cli.config", "Show the settings in force."),
}
EXIT_UNREADABLE = 2


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Errors of ours end in one line on standard error and exit status 2."""
        try:
            return super().invoke(ctx)
        except FhirMassageError as error:
            click.echo(f"fhir-massage: {error}", err=True)
            ctx.exit(EXIT_UNREADABLE)


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from fhir_massage.cli.version import version_text

        click.echo(version_text())
        ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version,
    help="Show the version, the newest facts, and the standards spoken.",
)  # fmt: skip
def main() -> None:
    """Check the billing of massage and manual therapy in FHIR claims and orders."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character still shows the rest
