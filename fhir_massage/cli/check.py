"""``fhir-massage check``: review files or standard input, and write corrected ones."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Any

import click

from fhir_massage.cli.input import Reviewed, review_content
from fhir_massage.errors import BadFact, FhirMassageError
from fhir_massage.facts.book import shipped
from fhir_massage.fhir.read import encode


class Day(click.ParamType):
    """A day given as YYYY-MM-DD."""

    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return value if isinstance(value, date) else date.fromisoformat(value)
        except ValueError:
            self.fail(f"'{value}' is no day; write it as 2026-11-02", param, ctx)


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--format",
    "shape",
    type=click.Choice(["text", "json", "outcome", "cards"]),
    default="text",
    show_default=True,
    help="How to show what was found.",
)
@click.option("--fix", is_flag=True, help="Write the document with every certain correction made.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where --fix writes to.")
@click.option("--on", type=Day(), default=None, help="The day of the review (default: today).")
@click.option("--policies", type=click.Path(path_type=Path), help="A folder of your own payer policies.")
def check(
    paths: tuple[str, ...], shape: str, fix: bool, out: Path | None, on: date | None, policies: Path | None
) -> None:
    """Review a Claim, Bundle, Parameters, hook request or NDJSON; `-` reads standard input.

    Exit status: 0 no errors, 1 at least one error, 2 something could not be read.
    """
    if out is not None and not fix:
        raise click.UsageError("--out goes with --fix")
    if fix and len(paths) > 1:
        raise click.UsageError("--fix takes one PATH at a time")
    try:
        facts = shipped(policies)
    except BadFact as error:
        _fail(str(error))
    results: list[Reviewed] = []
    unread = False
    for path in paths:
        try:
            results.append(review_content(_content(path), on or date.today(), facts))
        except FhirMassageError as error:
            click.echo(f"{_named(path)}: {error}", err=True)
            unread = True
            continue
        for problem in results[-1].unread:
            click.echo(f"{_named(path)}: {problem}", err=True)
            unread = True
    if results:
        _show(results, shape, to_error=fix and out is None and shape == "text")
        if fix:
            _write(results[0], out, shape)
    sys.exit(2 if unread else int(any(result.has_errors for result in results)))


def _content(path: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise FhirMassageError(error.strerror or "it cannot be opened") from None


def _named(path: str) -> str:
    return "standard input" if path == "-" else path


def _fail(reason: str) -> None:
    click.echo(reason, err=True)
    sys.exit(2)


def _show(results: list[Reviewed], shape: str, *, to_error: bool) -> None:
    if shape == "text":
        from fhir_massage.present.text import print_reports

        print_reports([report for result in results for report in result.reports], error=to_error)
        return
    content = _as_json(results) if shape == "json" else _as_fhir(results, shape)
    sys.stdout.buffer.write(encode(content) + b"\n")
    sys.stdout.buffer.flush()


def _as_json(results: list[Reviewed]) -> dict[str, Any]:
    from fhir_massage.present.finding import report_as_json

    merged: dict[str, Any] = {"findings": [], "reviewed": {"claims": 0, "orders": 0}, "corrected": {}}
    for result in results:
        for report in result.reports:
            content = report_as_json(report)
            merged["findings"] += content["findings"]
            merged["corrected"] |= content["corrected"]
            merged.setdefault("unread", []).extend(content.get("unread", []))
            for kind in ("claims", "orders"):
                merged["reviewed"][kind] += content["reviewed"][kind]
    if not merged.get("unread"):
        merged.pop("unread", None)
    return merged


def _as_fhir(results: list[Reviewed], shape: str) -> dict[str, Any]:
    import uuid

    from fhir_massage.present.card import cards
    from fhir_massage.present.outcome import operation_outcome

    reports = [report for result in results for report in result.reports]
    if shape == "cards":
        return {"cards": [card for report in reports for card in cards(report, lambda: str(uuid.uuid4()))]}
    outcomes = [operation_outcome(report) for report in reports]
    issues = [issue for outcome in outcomes for issue in outcome["issue"]]
    telling = [issue for issue in issues if issue["code"] != "informational" or "coding" in issue["details"]]
    return {"resourceType": "OperationOutcome", "issue": telling or issues[:1]}


def _write(result: Reviewed, out: Path | None, shape: str) -> None:
    if out is not None:
        out.write_bytes(result.corrected())
    elif shape == "text":
        sys.stdout.buffer.write(result.corrected())
        sys.stdout.buffer.flush()
