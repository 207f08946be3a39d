"""``fhir-massage facts update`` and ``facts diff``: the newest NCCI files, and what changes with them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from fhir_massage.cli.common import facts_in_use, format_option, write_json
from fhir_massage.errors import BadFact, FhirMassageError
from fhir_massage.facts.book import Facts, shipped
from fhir_massage.settings import read_settings

if TYPE_CHECKING:
    from fhir_massage.facts.changes import Tables
    from fhir_massage.facts.imported import ImportedFile
    from fhir_massage.facts.update import Found, Standing

NEWER_IS_OUT = 1


class LicenseNotAccepted(FhirMassageError):
    """CMS's files hold CPT codes, which are the AMA's: says where its licence is, and how to accept it."""


@click.command()
@click.option("--from", "place", metavar="URL|DIR", help="A mirror's page or file, or a folder, in place of CMS.")
@click.option("--accept-license", is_flag=True, help="You have read and accept the AMA's licence for CPT (CMS asks).")
@click.option("--check", is_flag=True, help="Only say whether something newer is out.")
def update(place: str | None, accept_license: bool, check: bool) -> None:
    """Bring the newest NCCI files (practitioner PTP edits and MUE values), say what changes, and load them.

    They come from CMS, or from where --from says. All of them are loaded, or nothing.

    Exit status with --check: 1 where something newer is out, 0 where not.
    """
    from fhir_massage.facts.update import look, standings

    if place is None and not (check or accept_license):
        raise _not_accepted()
    facts, today = facts_in_use(), date.today()
    found = look(place)
    stand = standings(found, facts, today)
    for each in stand:
        click.echo(each.words)
    if check:
        click.get_current_context().exit(NEWER_IS_OUT if any(each.is_newer for each in stand) else 0)
    if any(each.wanted for each in stand):
        _load(found, stand, facts, today, accept_license)
    else:
        click.echo("There is nothing to load.")


def _not_accepted() -> LicenseNotAccepted:
    from fhir_massage.facts.update import LICENSE_PAGE

    return LicenseNotAccepted(
        "CMS gives these files to those who accept the licence of the American Medical Association, for they hold"
        f" CPT codes. Nothing was fetched or loaded.\nRead it: {LICENSE_PAGE}\n"
        "If you accept it, say so: fhir-massage facts update --accept-license"
    )


def _load(place: Found, stand: Iterable[Standing], facts: Facts, today: date, accept_license: bool) -> None:
    from fhir_massage.facts.changes import account, in_use, replaced_by, told
    from fhir_massage.facts.imported import import_files
    from fhir_massage.facts.update import brought, read_as_published

    wanted = [file for each in stand for file in each.wanted]
    if not accept_license and any(file.licensed for file in wanted):
        raise _not_accepted()
    data = read_settings().data
    with brought(wanted, place.home) as files:
        new = read_as_published(wanted, files, facts)
        on = new.quarter or today
        click.echo(f"\nWhat changes on {on}:")
        found = account(replaced_by(new, in_use(facts, on)), new, on, facts)
        for line in told(found):
            click.echo(f"  {line}")
        if any(change.table == "mue" and change.what == "ended" for change in found.changes):
            click.echo("  (MUE values that are listed no more stay in use as they were.)")
        if facts.imported is None:
            click.echo(
                "  (Compared with the rows that ship with the product, which are a part of CMS's tables: what is new"
                " here may be older at CMS.)"
            )
        click.echo()
        say_loaded(import_files(files, data, today=today), data)


def say_loaded(files: Iterable[ImportedFile], data: Path) -> None:
    """Say what was loaded, and when a service has it. From here on this process has it too."""
    shipped.cache_clear()
    for loaded in files:
        click.echo(f"{loaded.source.title}: {loaded.rows} rows, codes {loaded.first_code} to {loaded.last_code}")
    click.echo(f"Kept in {data}. A running service takes them up when it is told to reload (SIGHUP).")


@click.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@format_option
def diff(old: Path, new: Path, form: str) -> None:
    """Say what differs between two official NCCI files, or folders of them, for the codes that are reviewed.

    Of a folder, the files of its newest quarter are taken. Pairs are compared as they are in force on the first day
    of the newer quarter.
    """
    from fhir_massage.facts.changes import account, day_of, told, words

    facts = facts_in_use()
    before, after = _read(old, facts), _read(new, facts)
    if not before.kinds & after.kinds:
        raise BadFact(str(new), "(file)", f"it holds another table than {old}; give two of PTP edits, or of MUE values")
    on = day_of(before, after, today=date.today())
    found = account(before, after, on, facts)
    notes = _notes(before, after)
    if form == "json":
        changes = [{**msgspec.to_builtins(change), "words": words(change)} for change in found.changes]
        sides = {"old": _named(before), "new": _named(after)}
        write_json({"on": on, **sides, "changes": changes, "others": found.others, "notes": notes})
        return
    click.echo(f"Compared on {on}:")
    for line in (*told(found), *(f"Note: {note}" for note in notes)):
        click.echo(f"  {line}")


def _read(place: Path, facts: Facts) -> Tables:
    from fhir_massage.facts.changes import of_files
    from fhir_massage.facts.published import newest
    from fhir_massage.facts.update import look

    if not place.is_dir():
        return of_files([place], facts.is_code_ours)
    found = look(str(place)).files
    kinds = (newest(found, "ptp"), newest(found, "mue"))
    return of_files([Path(file.place) for files in kinds for file in files], facts.is_code_ours)


def _named(tables: Tables) -> list[dict[str, object]]:
    return [{"name": name, "kind": kind, "quarter": quarter} for name, kind, quarter in tables.parts]


def _notes(before: Tables, after: Tables) -> list[str]:
    """What keeps the two from being compared as a whole."""
    from fhir_massage.facts.ncci import part_of

    notes = []
    for kind, words in (("ptp", "PTP edits"), ("mue", "MUE values")):
        has = [kind in tables.kinds for tables in (before, after)]
        if any(has) and not all(has):
            notes.append(f"{'OLD' if has[0] else 'NEW'} alone has {words}, so they were not compared.")
    parts = [{part_of(name) for name, kind, _ in tables.parts if kind == "ptp"} for tables in (before, after)]
    if all(parts) and parts[0] != parts[1]:
        notes.append("OLD and NEW do not have the same parts of the PTP edits: pairs of a part that only one has show.")
    return notes
