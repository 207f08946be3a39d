"""``fhir-massage answer``: may it be billed, why, and from which source."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from fhir_massage.cli.common import facts_in_use, format_option, on_option, policies_option, write_json
from fhir_massage.engine.answer import answer as answer_to

WORDS = {"yes": "Yes", "no": "No", "conditional": "Under conditions"}


@click.command()
@click.option("--code", required=True, help="Procedure code, such as 97124.")
@click.option("--payer", required=True, help="Payer class or named payer, such as medicare-part-b.")
@click.option("--profession", required=True, help="Such as massage-therapist.")
@on_option
@policies_option
@format_option
def answer(code: str, payer: str, profession: str, on: date | None, policies: Path | None, form: str) -> None:
    """Say whether this profession may bill this code to this payer on that day, and why."""
    found = answer_to(code, payer, profession, on or date.today(), facts_in_use(policies)).to_dict()
    if form == "json":
        write_json(found)
        return
    click.echo(f"{WORDS[found['verdict']]}: {code} by a {profession} to {payer} on {found['on']}")
    for reason in found["reasons"]:
        click.echo(f"\n  {reason['text']}")
        for cited in reason["citations"]:
            click.echo(f"    {cited['title']} (since {cited['effective']})\n    {cited['url']}")
    for condition in found["conditions"]:
        click.echo(f"  - {condition}")
