"""``fhir-massage answer``: may it be billed, why, and from which source."""

from __future__ import annotations

import json
import sys
from datetime import date

import click

from fhir_massage.cli.check import Day
from fhir_massage.errors import FhirMassageError
from fhir_massage.facts.book import shipped
from fhir_massage.review.answer import answer as answer_to

WORDS = {"yes": "Yes", "no": "No", "conditional": "Under conditions"}


@click.command()
@click.option("--code", required=True, help="Procedure code, such as 97124.")
@click.option("--payer", required=True, help="Payer class or named payer, such as medicare-part-b.")
@click.option("--profession", required=True, help="Such as massage-therapist.")
@click.option("--on", type=Day(), default=None, help="The date of service (default: today).")
@click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True)
def answer(code: str, payer: str, profession: str, on: date | None, shape: str) -> None:
    """May this profession bill this code to this payer?"""
    try:
        found = answer_to(code, payer, profession, on or date.today(), shipped()).to_dict()
    except FhirMassageError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    if shape == "json":
        click.echo(json.dumps(found, indent=2))
        return
    click.echo(f"{WORDS[found['verdict']]}: {code} by a {profession} to {payer} on {found['on']}")
    for reason in found["reasons"]:
        click.echo(f"\n  {reason['text']}")
        for cited in reason["citations"]:
            click.echo(f"    {cited['title']} (since {cited['effective']})\n    {cited['url']}")
    for condition in found["conditions"]:
        click.echo(f"  - {condition}")
