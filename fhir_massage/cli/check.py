"""``fhir-massage check``: review files, show the findings, and mend what is certain."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import click

from fhir_massage.case.scope import in_scope
from fhir_massage.cli.common import console, facts_in_use, on_option, policies_option, write_json
from fhir_massage.cli.documents import Source, come_together, name_of, open_source, rewritten
from fhir_massage.cli.record import Record
from fhir_massage.engine.report import Report
from fhir_massage.engine.run import joined, review_arrival, reviewed
from fhir_massage.errors import FhirMassageError
from fhir_massage.facts.book import Facts
from fhir_massage.read.read import Arrival

CORRECT, ERRORS, UNREADABLE = 0, 1, 2


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "outcome", "cards"]), default="text", show_default=True,
    help="Text for people, findings as JSON, a FHIR OperationOutcome, or CDS Hooks cards.",
)  # fmt: skip
@click.option("--fix", is_flag=True, help="Write the document with the corrections that need no person's judgement.")
@click.option("--notes", is_flag=True, help="Show notes in the text too: what is only information.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where --fix writes the document.")
@on_option
@policies_option
@click.option(
    "--fhir-server",
    "base",
    metavar="URL",
    help="A FHIR server: PATH may be Claim/123, and what claims refer to is fetched from there.",
)
@click.option("--fhir-token", envvar="FHIR_MASSAGE_FHIR_TOKEN", help="Bearer token for that server.")
@click.pass_context
def check(
    ctx: click.Context,
    paths: tuple[str, ...],
    form: str,
    fix: bool,
    notes: bool,
    out: Path | None,
    on: date | None,
    policies: Path | None,
    base: str | None,
    fhir_token: str | None,
) -> None:
    """Review claims and orders: a Claim, ServiceRequest, Bundle, Parameters, hook request, NDJSON or X12 837.

    PATH is a file, - for standard input, or with --fhir-server a reference like Claim/123. Resources that stand
    alone, in lines of NDJSON or in files of their own, are reviewed together, so that a Coverage may come beside its
    Claim: a folder with a file for each type of resource is reviewed by check FOLDER/*.ndjson. A Bundle or request is
    reviewed by itself.

    Exit status: 0 no errors, 1 at least one error, 2 something could not be read (why, on standard
    error).
    """
    document_asked = fix and (out is not None or form == "text")
    if out is not None and not fix:
        raise click.UsageError("--out says where --fix writes; give --fix too")
    if document_asked and len(paths) > 1:
        raise click.UsageError("--fix writes one document; give one PATH")
    on = on or date.today()
    facts = facts_in_use(policies)
    record = None if base is None else Record(base, fhir_token)
    sources, unread = _open(paths, record)
    arrivals = list(come_together(sources))
    reports = []
    for arrival in arrivals:
        subjects = None if record is None else reviewed(arrival, facts, on)
        if record is not None and subjects is not None:
            unread += record.follow(arrival, in_scope(facts, subjects, on))
        reports.append(review_arrival(arrival, on=on, facts=facts, subjects=subjects))
    if document_asked and sources:
        _write(rewritten(sources[0], _corrections(arrivals, reports)), out)
    if sources:
        _show(reports, on, facts, form, notes=notes, err=document_asked and out is None)
    for reason in unread + _faults(reports):
        click.echo(f"fhir-massage: {reason}", err=True)
    ctx.exit(_status(reports, unread))


def _open(paths: Sequence[str], record: Record | None) -> tuple[list[Source], list[str]]:
    """The files that can be read, and a line for each thing in them that cannot."""
    sources, unread = [], []
    for path in paths:
        try:
            if record is not None and record.names(path):
                source = record.open(path)
            else:
                source = open_source(path, among_others=len(paths) > 1)
        except FhirMassageError as error:
            unread.append(f"{name_of(path)}: {error}")
        else:
            sources.append(source)
            unread += source.unread
    return sources, unread


def _corrections(arrivals: Sequence[Arrival], reports: Sequence[Report]) -> dict[int, dict[str, Any]]:
    """The corrected resources by the ``id`` of their entries. Where two bear one name, neither is touched."""
    corrected = {}
    for arrival, report in zip(arrivals, reports, strict=True):
        names = Counter((*report.claims, *report.orders))
        for entry in arrival.entries:
            if entry.name in report.corrected and names[entry.name] == 1:
                corrected[id(entry)] = report.corrected[entry.name]
    return corrected


def _write(document: bytes, out: Path | None) -> None:
    if out is None:
        sys.stdout.buffer.write(document)
        sys.stdout.buffer.flush()
        return
    try:
        out.write_bytes(document)
    except OSError as error:
        raise FhirMassageError(f"{out}: {error.strerror or 'cannot be written'}") from None


def _show(reports: Sequence[Report], on: date, facts: Facts, form: str, *, notes: bool, err: bool) -> None:
    if form == "text":
        from fhir_massage.present.text import show

        show(reports, facts, console(err=err), notes=notes)
    elif form == "json":
        from fhir_massage.present.finding import report_as_json

        write_json(report_as_json(joined(reports, on)))
    elif form == "outcome":
        from fhir_massage.present.outcome import operation_outcome

        write_json(operation_outcome(joined(reports, on)))
    else:
        from fhir_massage.present.card import cards

        write_json({"cards": cards(joined(reports, on), lambda: str(uuid4()))})


def _faults(reports: Sequence[Report]) -> list[str]:
    """A line for each rule that failed, which is a fault of ours and none of the claim's."""
    return [
        f"rule {broken.rule} failed on {broken.resource} ({type(broken.error).__name__}); the others were checked"
        for report in reports
        for broken in report.broken
    ]


def _status(reports: Sequence[Report], unread: Sequence[str]) -> int:
    if unread:
        return UNREADABLE
    return ERRORS if any(report.has_errors for report in reports) else CORRECT
