"""What several commands need: the facts in use, days as options, a console, and JSON written out."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.console import Console

from fhir_massage.facts.book import Facts, shipped
from fhir_massage.installed import Plugin
from fhir_massage.read.read import encode
from fhir_massage.rules import rule_plugins
from fhir_massage.settings import read_settings

if TYPE_CHECKING:
    DayType = click.ParamType[date]
else:
    DayType = click.ParamType


def facts_in_use(policies: Path | None = None) -> Facts:
    """The facts by the settings; ``policies`` goes ahead of the folder that the settings name.

    Installed packages that had to be left out, with their rules or their facts, are named on standard error.
    Raises ``BadFact`` or ``BadSetting`` where they cannot be had.
    """
    settings = read_settings()
    facts = shipped(policies or settings.policies, settings.data)
    say_what_is_left_out((*facts.plugins, *rule_plugins()))
    return facts


def say_what_is_left_out(plugins: Iterable[Plugin]) -> None:
    """A line on standard error for each installed package that could not be loaded: the rest is in use."""
    for plugin in plugins:
        if plugin.problem is not None:
            click.echo(f"fhir-massage: the plugin {plugin.title} is left out: {plugin.problem}", err=True)


class Day(DayType):
    """A day as YYYY-MM-DD."""

    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The day. Fails as a usage error for anything else."""
        if isinstance(value, date):
            return value
        try:
            return datetime.strptime(value, "%Y-%m-%d").date()
        except ValueError:
            self.fail("write the day as YYYY-MM-DD", param, ctx)


on_option = click.option("--on", type=Day(), default=None, help="The day to judge by (default: today).")
policies_option = click.option(
    "--policies",
    type=click.Path(path_type=Path),
    help="A folder of your own payer policies (TOML).",
)
format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people, or JSON.",
)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Whoever read the output has gone, which is told from other failures in one place, and is no status 1."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def console(*, err: bool = False) -> Console:
    """A console on standard output or error: colours on a terminal only, and not where NO_COLOR is set."""
    return _Console(file=sys.stderr if err else sys.stdout, highlight=False, markup=False, emoji=False)


def write_json(content: object) -> None:
    """Write JSON to standard output, decimals as they came."""
    sys.stdout.write(msgspec.json.format(encode(content), indent=2).decode() + "\n")
