"""The group of commands. Each is imported only when it is called, so that help comes at once."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

import click

from fhir_massage.cli.failures import TRACEBACK, flush, told_plainly

#: Each command with the module that holds it and its line in the help.
COMMANDS: dict[str, tuple[str, str]] = {
    "check": ("fhir_massage.cli.check", "Review claims and orders, and mend what is certain."),
    "convert": ("fhir_massage.cli.convert", "Write the claims of an X12 file as FHIR."),
    "audit": ("fhir_massage.cli.audit", "Review claims in bulk, on all cores."),
    "serve": ("fhir_massage.cli.serve", "Start the service and its workbench."),
    "rules": ("fhir_massage.cli.rules", "List every rule."),
    "explain": ("fhir_massage.cli.rules", "Say what a rule checks, why, and from which source."),
    "hook": ("fhir_massage.cli.hook", "Be the EHR: call a CDS service and show its cards."),
    "facts": ("fhir_massage.cli.facts", "List the dated tables in use, or bring CMS's newest files."),
    "policy": ("fhir_massage.cli.policy", "Begin a payer's policy, look it through, and run its cases."),
    "answer": ("fhir_massage.cli.answer", "Say whether a service may be billed, and why."),
    "plugins": ("fhir_massage.cli.plugins", "List what installed packages add, and what was left out."),
    "generate": ("fhir_massage.cli.generate", "Write synthetic claims with known faults and their answers."),
    "store": ("fhir_massage.cli.store", "Copy what the service has kept, or drop what is past its time."),
    "config": ("fhir_massage.cli.config", "Show the settings in force."),
}


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

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Also what fails before a command is called, such as ``--version``, is told plainly."""
        with told_plainly(with_traceback=TRACEBACK in (sys.argv if args is None else args)):
            return super().main(args, *rest, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command; where it fails, the reason stands on standard error and the exit status is 2."""
        with told_plainly(with_traceback=ctx.params["traceback"]):
            try:
                return super().invoke(ctx)
            finally:
                flush()


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
@click.option(
    TRACEBACK, is_flag=True,
    help="Where something fails by a fault of ours, show by which calls, without a word of what was reviewed.",
)  # fmt: skip
def main(traceback: bool) -> None:
    """Check the billing of massage and manual therapy in FHIR claims and orders.

    Exit status: 2 where something could not be done (why, on standard error), 130 where it was interrupted. 1 is
    no failure, but what the command's own help says: that errors were found.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character still shows the rest
