"""What CMS has published: the official NCCI files that a page links to, or that a folder holds, told by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, unquote, urljoin, urlsplit

import msgspec

from fhir_massage.errors import FhirMassageError
from fhir_massage.facts.ncci import Kind, part_of, quarter_of, revision_of, why_not_ours

_ENDINGS = (".zip", ".txt", ".csv", ".tsv", ".xlsx")
#: The page of CMS on which the AMA's licence is accepted before a file of PTP edits is had; it names the file.
_LICENSE = re.compile(r"/(license/ama|apps/ama/license\.asp)/?")
#: What accepting there adds to the file's address.
ACCEPTED = "agree=yes&next=Accept"


class NotBrought(FhirMassageError):
    """An official file cannot be had from where it was looked for: says where, why, and what to do."""


class Published(msgspec.Struct, frozen=True):
    """A practitioners' file that is published: what its name tells, and the address or path to have it from.

    ``licensed`` files are had once the AMA's licence has been accepted.
    """

    kind: Kind
    name: str
    place: str
    quarter: date
    revision: int
    part: int | None
    licensed: bool = False

    @property
    def edition(self) -> tuple[date, int]:
        """What tells whether it is newer than another of its kind."""
        return self.quarter, self.revision


def is_file(address: str) -> bool:
    """Whether an address is that of a file, and not of a page."""
    return urlsplit(address).path.lower().endswith(_ENDINGS)


def on_page(html: str, address: str) -> list[Published]:
    """The practitioners' files that a page links to."""
    links = _Links()
    links.feed(html)
    return _each(_linked(urljoin(address, link)) for link in links.found)


def at_address(address: str) -> list[Published]:
    """The practitioners' file at an address, where its name tells that it is one."""
    return _each([_linked(address)])


def in_folder(folder: Path) -> list[Published]:
    """The practitioners' files in a folder. Raises ``NotBrought`` where it cannot be read."""
    try:
        files = sorted(file for file in folder.iterdir() if file.is_file())
    except OSError as error:
        raise NotBrought(f"{folder}: the folder cannot be read: {error.strerror}") from None
    return _each(published(file.name, str(file)) for file in files)


def published(name: str, place: str, *, licensed: bool = False) -> Published | None:
    """A practitioners' file by its name; ``None`` where the name tells of something else, or of no quarter."""
    kind, quarter = _kind(name), quarter_of(name)
    if kind is None or quarter is None or why_not_ours(name) is not None:
        return None
    part = part_of(name) if kind == "ptp" else None
    return Published(kind, name, place, quarter, revision_of(name), part, licensed)


def newest(found: Iterable[Published], kind: Kind) -> list[Published]:
    """The files of a kind that are of its newest edition, in the order of their parts."""
    ours = [each for each in found if each.kind == kind]
    edition = max((each.edition for each in ours), default=None)
    return [each for each in ours if each.edition == edition]


def _kind(name: str) -> Kind | None:
    text = re.sub(r"[^a-z]", "", name.lower())
    if not text.endswith(tuple(ending[1:] for ending in _ENDINGS)):
        return None
    if "ccipra" in text or ("practitioner" in text and "ptp" in text):
        return "ptp"
    return "mue" if "practitioner" in text and "mue" in text else None


def _linked(address: str) -> Published | None:
    parts = urlsplit(address)
    named = parse_qs(parts.query).get("file", [""])[0] if _LICENSE.fullmatch(parts.path) else ""
    if named:
        place = urljoin(address, named)
        return published(_name(place), f"{place}{'&' if urlsplit(place).query else '?'}{ACCEPTED}", licensed=True)
    return published(_name(address), address)


def _name(address: str) -> str:
    """The last step of an address, as the plain name of a file."""
    return re.sub(r"[^\w.\- ]", "_", unquote(urlsplit(address).path).rsplit("/", 1)[-1])[-150:].lstrip(".")


def _each(found: Iterable[Published | None]) -> list[Published]:
    """One of those that are the same part of the same edition, ordered by edition and part."""
    kept: dict[tuple[object, ...], Published] = {}
    for each in found:
        if each is not None:
            kept.setdefault((each.kind, each.edition, each.part), each)
    return sorted(kept.values(), key=lambda each: (each.kind, each.edition, each.part or 0))


class _Links(HTMLParser):
    """Where the links of a page lead."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.found += [value.strip() for name, value in attrs if tag == "a" and name == "href" and value]
