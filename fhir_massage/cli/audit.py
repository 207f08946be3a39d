"""``fhir-massage audit``: review any number of claims, and say where the money is at risk."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import click

from fhir_massage.cli.common import console, facts_in_use, on_option, policies_option
from fhir_massage.settings import read_settings

CORRECT, ERRORS, NOTHING_READ = 0, 1, 2


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("--out", required=True, metavar="DIR", help="Where results go.")
@click.option(
    "--engine", type=click.Choice(["local", "spark"]), default="local", show_default=True,
    help="This machine's cores, or Apache Spark (extra 'spark'); there INPUT and DIR may be addresses like s3a://...",
)  # fmt: skip
@click.option("--corrected", is_flag=True, help="Also write each claim that certain corrections change, corrected.")
@click.option(
    "--workers", type=click.IntRange(1, 256), default=None, help="Processes that work at once (default: one a core)."
)
@on_option
@policies_option
@click.pass_context
def audit(
    ctx: click.Context,
    inputs: tuple[str, ...],
    out: str,
    engine: str,
    corrected: bool,
    workers: int | None,
    on: date | None,
    policies: Path | None,
) -> None:
    """Review claims in bulk: FHIR Bulk Data folders, NDJSON, Bundles, single resources.

    INPUT is a file or a folder, plain, .gz or .zst, or - for standard input (NDJSON). Resources are joined by
    reference across the whole input, and a patient's claims are each other's history.

    Writes findings-*.ndjson and findings-*.parquet, rejected.ndjson, summary.html and summary.json into --out. Run
    again with the same --out, a run that was cut off goes on where it was.

    Exit status: 0 no errors found, 1 some, 2 the run itself failed or found nothing to read (why, on standard error).
    """
    from fhir_massage.audit.summary import as_text

    facts = facts_in_use(policies)  # what is wrong with a policy is said before anything is read
    settings = read_settings()
    policies = policies or settings.policies
    if engine == "spark":
        on = on or date.today()
        from fhir_massage.audit.spark import audit_on_spark

        summary = audit_on_spark(inputs, out, on=on, policies=policies, data=settings.data, corrected=corrected)
    else:
        from fhir_massage.audit.run import audit as run
        from fhir_massage.audit.run import day_of_unfinished

        on = on or day_of_unfinished(Path(out)) or date.today()
        with _Bar() as bar, _hint_how_to_go_on():
            summary = run(
                inputs,
                Path(out),
                on=on,
                facts=facts,
                workers=workers or os.cpu_count() or 1,
                corrected=corrected,
                watch=bar.show,
            )
    click.echo(as_text(summary))
    click.echo(f"For a manager: {out.rstrip('/')}/summary.html")
    if not summary.resources:
        click.echo("fhir-massage: no FHIR resource was read, so nothing is said of any claim", err=True)
        ctx.exit(NOTHING_READ)
    ctx.exit(ERRORS if summary.has_errors else CORRECT)


@contextmanager
def _hint_how_to_go_on() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        click.echo("\nStopped. The same command goes on where this was.", err=True)
        raise


class _Bar:
    """The progress on a terminal: what is done, how fast, and the time left."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        self._bars = Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=console(err=True),
            disable=not sys.stderr.isatty(),
        )
        self._tasks: dict[str, int] = {}

    def __enter__(self) -> _Bar:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def show(self, progress: object) -> None:
        """Show how far a run is."""
        from rich.progress import TaskID

        from fhir_massage.audit.run import Progress

        assert isinstance(progress, Progress)
        if progress.step not in self._tasks:
            self._tasks[progress.step] = self._bars.add_task(progress.step, total=progress.total or None, rate="")
        task = TaskID(self._tasks[progress.step])
        spent = self._bars.tasks[task].elapsed or 0.0
        rate = ""
        if spent and progress.step == "reading":
            rate = f"{progress.done / spent / 1e6:,.1f} MB a second"
        elif spent and progress.reviewed:
            rate = f"{progress.reviewed / spent:,.0f} claims and orders a second"
        self._bars.update(task, completed=progress.done, rate=rate)
