"""``fhir-massage rules`` and ``explain``: what is checked, why, from where, and what it looks like."""

from __future__ import annotations

from datetime import date
from typing import Literal

import click

from fhir_massage.cli.common import console, facts_in_use, format_option, say_what_is_left_out, write_json
from fhir_massage.edit.finding import Finding
from fhir_massage.engine.report import Report
from fhir_massage.engine.run import review
from fhir_massage.facts.book import Facts
from fhir_massage.read.dates import day
from fhir_massage.read.read import parse
from fhir_massage.rules import Rule, all_rules, rule_by_id, rule_plugins
from fhir_massage.rules.registry import SECTIONS


@click.command()
@format_option
def rules(form: str) -> None:
    """List every rule: id, family, severity, title."""
    found = all_rules()
    say_what_is_left_out(rule_plugins())
    if form == "json":
        write_json([{"id": r.id, "family": r.family, "severity": r.severity, "title": r.title} for r in found])
        return
    width = max(len(rule.id) for rule in found)
    family = ""
    for rule in found:
        if rule.family != family:
            click.echo(f"{chr(10) if family else ''}{rule.family}")
            family = rule.family
        click.echo(f"  {rule.id:<{width}}  {rule.severity:<11}  {rule.title}")


@click.command()
@click.argument("rule")
@click.option("--examples", is_flag=True, help="Also show a bad and a good example, and what is said of each.")
def explain(rule: str, examples: bool) -> None:
    """Say what RULE checks, why, what to do and from which source."""
    found = rule_by_id(rule)
    facts = facts_in_use()
    click.secho(f"{found.id}: {found.title}", bold=True)
    click.echo(f"{found.severity}, family {found.family}{_denial(found, facts)}")
    for section in SECTIONS:
        click.secho(f"\n{section}", bold=True)
        click.echo(found.page[section])
    if examples:
        _example(found, "bad", facts)
        _example(found, "good", facts)
    elif found.example("bad") is not None or found.example("good") is not None:
        click.echo(f"\nTo see its examples: fhir-massage explain {found.id} --examples")


def _denial(rule: Rule, facts: Facts) -> str:
    if rule.denial is None:
        return ""
    row = facts.denials.find(("carc", rule.denial.carc), date.today())
    codes = " ".join((f"{rule.denial.group}-{rule.denial.carc}", *rule.denial.rarc))
    return f", denied as {codes}" + (f": {row.words}" if row else "")


def _example(rule: Rule, kind: Literal["bad", "good"], facts: Facts) -> None:
    """The example of that kind, and what the product says of it."""
    file = rule.example(kind)
    if file is None:
        return
    content = file.read_bytes()
    on = day(str(parse(content).get("timestamp", ""))[:10]) or date.today()
    report = review(content, on=on, facts=facts)
    click.secho(f"\nA {kind} example, reviewed on {on}", bold=True)
    click.echo(content.decode().rstrip())
    click.secho(f"\nWhat is said of the {kind} example", bold=True)
    _say(report, [finding for finding in report.findings if finding.rule == rule.id])


def _say(report: Report, findings: list[Finding]) -> None:
    if not findings:
        click.echo("Nothing." if not report.findings else "Nothing by this rule.")
    out = console()
    for finding in findings:
        out.print(f"{finding.expression[0]}: {finding.message}")
        for correction in finding.corrections:
            needs = "certain" if correction.needs is None else f"after you confirm {correction.needs.rstrip('.')}"
            out.print(f"  fix: {correction.label} ({needs})")
