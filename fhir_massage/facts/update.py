"""Bringing the newest NCCI files: what is published, what of it is newer than what is in use, and having it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from io import BytesIO
from pathlib import Path

import msgspec

from fhir_massage.errors import BadFact
from fhir_massage.facts import download
from fhir_massage.facts.age import QUARTERLY, quarter_of, quarter_words
from fhir_massage.facts.book import Facts
from fhir_massage.facts.changes import Tables, of_files
from fhir_massage.facts.download import Home
from fhir_massage.facts.imported import PAGES, ImportedFile
from fhir_massage.facts.ncci import Kind, part_of, revision_of
from fhir_massage.facts.ncci import quarter_of as quarter_in
from fhir_massage.facts.published import NotBrought, Published, at_address, in_folder, is_file, newest, on_page

LICENSE_PAGE = "https://www.cms.gov/license/ama"
_NAMES: dict[Kind, str] = {"ptp": "PTP edits", "mue": "MUE values"}
_BY_HAND = "download the files with a browser and load each: fhir-massage facts import FILE"


class Found(msgspec.Struct, frozen=True):
    """What a place has, and how to have it: ``home`` is ``None`` for a folder."""

    files: list[Published]
    home: Home | None


class Standing(msgspec.Struct, frozen=True):
    """One table: the edition in use, the one that is published, and the files to bring (none where all are in use)."""

    kind: Kind
    in_use: tuple[date, int] | None
    out: tuple[date, int]
    wanted: list[Published]

    @property
    def is_newer(self) -> bool:
        """Whether what is published is newer than what is in use."""
        return self.in_use is None or self.out > self.in_use

    @property
    def words(self) -> str:
        """``PTP edits: 2026 quarter 4 is out, 2024 quarter 3 is in use``."""
        used = "none" if self.in_use is None else _edition_words(self.in_use)
        out = _edition_words(self.out)
        said = f"{out} is out, {used} is in use" if self.is_newer else f"{used} is in use, and nothing newer is out"
        return f"{_NAMES[self.kind]}: {said}"


def look(place: str | None, pages: Mapping[Kind, str] = PAGES) -> Found:
    """What is published at CMS, or at the address or in the folder that is named. Raises ``NotBrought``."""
    if place is None:
        files = [each for kind, page in pages.items() for each in _page_of(kind, page)]
        return Found(files, Home())
    if "://" not in place:
        return Found(_any(in_folder(Path(place)), f"the folder {place}"), None)
    home = Home(place)
    if is_file(place):
        return Found(_any(at_address(place), place), home)
    return Found(_any(_on(place, home), f"the page {place}"), home)


def _page_of(kind: Kind, page: str) -> list[Published]:
    found = [each for each in _on(page, Home()) if each.kind == kind]
    if not found:
        raise NotBrought(
            f"{page}: no file of {_NAMES[kind]} for practitioners is linked there; CMS may have changed its"
            f" pages: {_BY_HAND}"
        )
    return found


def _any(found: list[Published], where: str) -> list[Published]:
    if not found:
        raise NotBrought(
            f"{where} has no NCCI file for practitioners whose name tells its quarter, such as"
            " ccipra-v323r0-f4.zip or medicare-ncci-2026-q4-practitioner-services-mue-table.zip"
        )
    return found


def _on(page: str, home: Home) -> list[Published]:
    content = BytesIO()
    at = download.download(page, content, home, largest=download.LARGEST_PAGE, seconds=download.SECONDS)
    return on_page(content.getvalue().decode("utf-8", errors="replace"), at)


# --- what is newer -------------------------------------------------------------------------------------------


def standings(found: Found, facts: Facts, today: date) -> list[Standing]:
    """How the tables in use stand to what was found, for each table that was."""
    return [_standing(kind, found.files, facts, today) for kind in ("ptp", "mue") if newest(found.files, kind)]


def _standing(kind: Kind, files: list[Published], facts: Facts, today: date) -> Standing:
    loaded = [] if facts.imported is None else [f for f in facts.imported.files.values() if f.kind == kind]
    used = max((_edition(file) for file in loaded), default=None) or _shipped(facts, kind, today)
    latest = newest(files, kind)
    out = latest[0].edition
    wanted = latest if kind == "ptp" else _from_now(files, today)
    have = {(_edition(file), part_of(file.name)) for file in loaded}
    missing = [each for each in wanted if (each.edition, each.part) not in have]
    is_older = used is not None and out < used
    return Standing(kind, used, out, [] if is_older else missing)


def _edition(file: ImportedFile) -> tuple[date, int]:
    return file.quarter, revision_of(file.name)


def _shipped(facts: Facts, kind: Kind, today: date) -> tuple[date, int] | None:
    table = next(table for table, of in QUARTERLY.items() if of == kind)
    quarter = quarter_of(facts, table, today)
    return None if quarter is None else (quarter, 0)


def _from_now(files: list[Published], today: date) -> list[Published]:
    """The MUE values of this quarter, and of any to come: each file has one quarter's, and PTP files all history."""
    quarters = [each.quarter for each in files if each.kind == "mue"]
    first = max((quarter for quarter in quarters if quarter <= today), default=min(quarters))
    return [each for each in files if each.kind == "mue" and each.quarter >= first]


def _edition_words(edition: tuple[date, int]) -> str:
    quarter, revision = edition
    return quarter_words(quarter) + (f" (revision {revision})" if revision else "")


# --- having it -----------------------------------------------------------------------------------------------


@contextmanager
def brought(wanted: list[Published], home: Home | None) -> Iterator[list[Path]]:
    """The files, on this machine for as long as this lasts. Raises ``NotBrought`` where one of them cannot be had."""
    if home is None:
        yield [Path(each.place) for each in wanted]
        return
    with tempfile.TemporaryDirectory(prefix="fhir-massage-") as folder:
        yield [_bring(each, Path(folder), home) for each in wanted]


def _bring(wanted: Published, folder: Path, home: Home) -> Path:
    file = folder / wanted.name
    with file.open("wb") as into:
        download.download(wanted.place, into, home, largest=download.LARGEST_FILE, seconds=download.SECONDS)
    with file.open("rb") as content:
        start = content.read(512).lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise NotBrought(f"{wanted.place}: a web page came in place of the file; {_BY_HAND}")
    return file


def read_as_published(wanted: list[Published], files: list[Path], facts: Facts) -> Tables:
    """What the files say, read whole, for the codes that are ours.

    Raises ``BadFact`` where one is broken, or is another one than its page said: it was changed meanwhile.
    """
    together = Tables()
    for each, file in zip(wanted, files, strict=True):
        tables = of_files([file], facts.is_code_ours)
        for name, kind, quarter in tables.parts:
            if kind != each.kind or (quarter_in(name) or quarter) != each.quarter:
                held = _NAMES[kind] + (f" of {quarter_words(quarter_in(name) or quarter)}" if quarter else "")
                said = f"{_NAMES[each.kind]} of {quarter_words(each.quarter)}"
                raise BadFact(each.name, name, f"it holds {held} where {said} was announced; try again later")
        for codes, spans in tables.pairs.items():
            together.pairs.setdefault(codes, []).extend(spans)
        together.units |= tables.units  # in the order of their quarters
        together.kinds |= tables.kinds
        together.covered += tables.covered
        together.quarter = max(filter(None, (together.quarter, each.quarter)))
    return together
