"""``fhir-massage rules`` and ``explain``: what is checked, and why."""

from __future__ import annotations

import json
import sys

import click

from fhir_massage.errors import UnknownRule
from fhir_massage.rules import all_rules, rule_by_id
from fhir_massage.rules.registry import SECTIONS


@click.command()
@click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True)
def rules(shape: str) -> None:
    """List every rule: id, family, severity, title."""
    found = all_rules()
    if shape == "json":
        listed = [{"id": r.id, "family": r.family, "severity": r.severity, "title": r.title} for r in found]
        click.echo(json.dumps(listed, indent=2))
        return
    width = max(len(rule.id) for rule in found)
    family = ""
    for rule in found:
        if rule.family != family:
            family = rule.family
            click.echo(f"\n{family}")
        click.echo(f"  {rule.id:<{width}}  {rule.severity:<11}  {rule.title}")


@click.command()
@click.argument("rule")
def explain(rule: str) -> None:
    """Say what a rule checks, why, what to do, and where it stands."""
    try:
        found = rule_by_id(rule)
    except UnknownRule as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    click.echo(f"{found.id}: {found.title} ({found.severity})")
    if found.denial is not None:
        click.echo(f"Denial to expect: {found.denial.group}-{found.denial.carc} {' '.join(found.denial.rarc)}".rstrip())
    for section in SECTIONS:
        click.echo(f"\n{section}\n")
        click.echo(found.page[section])
