"""``fhir-massage generate``: synthetic claims in linked FHIR NDJSON, with known faults and their answers."""

from __future__ import annotations

from pathlib import Path

import click
from rich.progress import Progress

from fhir_massage.cli.common import console, facts_in_use, policies_option


@click.command()
@click.option("--claims", type=click.IntRange(min=0), required=True, metavar="N", help="How many claims.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same bytes.")
@click.option(
    "--errors", type=click.FloatRange(0, 1), default=0.1, show_default=True, metavar="RATE",
    help="The share of claims to be broken, from 0 to 1.",
)  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="The folder to write to.")
@policies_option
def generate(claims: int, seed: int, errors: float, out: Path, policies: Path | None) -> None:
    """Write made-up claims, orders and all that they refer to, as one NDJSON file for each type of resource.

    Correct claims are correct by the facts of their date of service and the policy of their payer. Broken ones
    are broken in one known way each, and answers.ndjson says which rule has to find what where. No real person
    or provider is meant.
    """
    from fhir_massage.synthetic.dataset import DataSet
    from fhir_massage.synthetic.files import write_data_set

    data = DataSet(facts_in_use(policies), claims, seed, errors)
    shown = console(err=True)
    with Progress(console=shown, transient=True, disable=not shown.is_terminal) as bar:
        task = bar.add_task("claims", total=claims)
        answers = write_data_set(data, out, lambda made: bar.update(task, completed=made))
    click.echo(f"{data.made} claims of {data.patients} patients, {data.broken} of them broken, in {out}")
    click.echo(f"{answers} answers in {out / 'answers.ndjson'}")
