"""``fhir-massage plugins``: what installed packages add, and what was left out."""

from __future__ import annotations

import click
import msgspec

from fhir_massage.cli.common import format_option, write_json
from fhir_massage.facts.book import shipped
from fhir_massage.rules import rule_plugins
from fhir_massage.settings import read_settings


@click.command()
@format_option
@click.pass_context
def plugins(ctx: click.Context, form: str) -> None:
    """List the installed packages that add rules, facts or policies, and why any was left out.

    Exit status: 0 all of them are in use, 1 at least one was left out. So `fhir-massage plugins &&
    fhir-massage serve` starts the service only with everything that was installed for it.
    """
    settings = read_settings()
    found = (*shipped(settings.policies, settings.data).plugins, *rule_plugins())
    if form == "json":
        write_json([msgspec.structs.asdict(plugin) for plugin in found])
    elif not found:
        click.echo("No plugins are installed.")
    else:
        for plugin in found:
            click.echo(f"{plugin.title}  {plugin.group}")
            click.echo(f"  left out: {plugin.problem}" if plugin.problem else f"  brings {', '.join(plugin.brings)}")
    ctx.exit(1 if any(plugin.problem for plugin in found) else 0)
