"""``fhir-massage policy``: begin a payer's policy, look it through, and run its cases."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

import click

from fhir_massage.cli.common import say_what_is_left_out
from fhir_massage.errors import FhirMassageError
from fhir_massage.facts.book import Facts, read_facts, shipped
from fhir_massage.facts.policy_faults import Known, extended_by, faults
from fhir_massage.settings import read_settings

GOOD, FAULTS = 0, 1


@click.group()
def policy() -> None:
    """Policies of your own: begin one, look it through, and run its cases."""


@policy.command("new")
@click.argument("name", default="my-payer")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write it (default: shown).")
def new(name: str, out: Path | None) -> None:
    """Write a policy file for the payer NAME, with every key explained in comments.

    A file that is there already is left as it is, and the exit status is 2.
    """
    from fhir_massage.facts.policy_scaffold import payer_id, scaffold

    if not payer_id(name):
        raise click.UsageError("NAME needs letters or digits, such as 'Evergreen Mutual'")
    text = scaffold(name, date.today())
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise FhirMassageError(f"{out}: it is there already; name another file") from None
    except OSError as error:
        raise FhirMassageError(f"{out}: {error.strerror or 'cannot be written'}") from None
    click.echo(f"{out} written; look it through with: fhir-massage policy check {out}")


@policy.command("check")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.pass_context
def check(ctx: click.Context, files: tuple[Path, ...]) -> None:
    """Say everything that is wrong with each policy FILE: the file, the key, and the reason.

    Exit status: 0 nothing is wrong, 1 something is, 2 a file could not be opened.
    """
    ctx.exit(FAULTS if _say_faults(files, _shipped()) else GOOD)


@policy.command("test")
@click.argument("path", type=click.Path(path_type=Path), metavar="FILE|DIR")
@click.pass_context
def test(ctx: click.Context, path: Path) -> None:
    """Run the cases beside a policy: each cases/NAME.json, a claim, has to be met with the findings that
    cases/NAME.toml expects, with the policies of the folder in use.

    Exit status: 0 every case passed, 1 a case did not or a policy is wrong, 2 a case could not be run.
    """
    from fhir_massage.engine.policy_cases import CASES, case_files, run_case

    folder = path if path.is_dir() else path.parent
    policies = sorted(folder.glob("*.toml")) if path.is_dir() else [path]
    cases = case_files(folder)
    if not policies:
        raise FhirMassageError(f"{path}: there is no policy (*.toml) in this folder")
    if _say_faults(policies, _shipped()):
        ctx.exit(FAULTS)
    if not cases:
        raise FhirMassageError(f"{path}: there are no cases; put claims into {folder / CASES}, as NAME.json")
    facts = read_facts(folder, read_settings().data)
    outcomes = [run_case(case, facts) for case in cases]
    for outcome in outcomes:
        click.echo(f"{'ok' if outcome.passed else 'failed'}  {outcome.name}")
        _list("expected, and not found", outcome.missing)
        _list("found, and not expected", outcome.unexpected)
    failed = sum(not outcome.passed for outcome in outcomes)
    click.echo(f"{len(outcomes)} cases, {failed} failed")
    ctx.exit(FAULTS if failed else GOOD)


def _shipped() -> Facts:
    """The facts without one's own policies, which may be the ones that are wrong."""
    facts = shipped(None, read_settings().data)
    say_what_is_left_out(facts.plugins)
    return facts


def _say_faults(files: Iterable[Path], facts: Facts) -> bool:
    """Print everything that is wrong with the files, and return whether anything is."""
    files = list(files)
    known = _known(files, facts)
    anything = False
    for file in files:
        try:
            found = faults(file, known)
        except OSError as error:
            raise FhirMassageError(f"{file}: {error.strerror or 'cannot be read'}") from None
        for fault in found:
            click.echo(str(fault))
        if not found:
            click.echo(f"{file.name}: nothing is wrong")
        anything = anything or bool(found)
    return anything


def _known(files: Iterable[Path], facts: Facts) -> Known:
    """What the files may refer to: the shipped facts, each other, and the files beside them."""
    beside = {each for file in files for each in (file, *sorted(file.parent.glob("*.toml")))}
    own = [said for file in sorted(beside) if (said := extended_by(file)) is not None]
    professions = {row.profession for row in (*facts.professions, *facts.profession_words)}
    return Known(
        sources=frozenset(facts.sources),
        extends={payer: history.file.extends for payer, history in facts.policies.items()} | dict(own),
        classes=frozenset(history.file.payer_class for history in facts.policies.values()),
        professions=frozenset(professions),
    )


def _list(title: str, rules: Iterable[str]) -> None:
    for rule in rules:
        click.echo(f"    {title}: {rule}")
