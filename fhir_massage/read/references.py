"""Finding what a reference means among everything that came along."""

from __future__ import annotations

import re
from collections.abc import Iterable
from copy import copy
from typing import Self, TypeVar
from urllib.parse import parse_qsl

import msgspec

from fhir_massage.read.elements import Identifier, PractitionerRole, Reference, Resource
from fhir_massage.read.read import Entry

_TYPE_AND_ID = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9.-]+")
R = TypeVar("R", bound=Resource)


class Index:
    """Every entry by full address, by ``Type/id``, by business identifier, and by ``#id`` within its container."""

    def __init__(self, entries: Iterable[Entry], unfetched: Iterable[str] = ()) -> None:
        """``unfetched`` are the ``Type/id`` of what may well be there, but could not be asked for."""
        self._unfetched = frozenset(unfetched)
        self._under: Index | None = None
        self._take(entries)

    def _take(self, entries: Iterable[Entry]) -> None:
        self._by_address: dict[str, Entry] = {}
        self._by_identifier: dict[str, list[Entry]] = {}
        self._contained: dict[tuple[int, str], Entry] = {}
        self._roles: list[Entry] = []
        self._roles_by_person: dict[str, list[Entry]] | None = None
        for entry in entries:
            identifier = entry.resource.id
            if isinstance(entry.resource, PractitionerRole):
                self._roles.append(entry)
            if entry.container is not None:
                if identifier:
                    self._contained[id(entry.container), identifier] = entry
                continue
            if entry.full_url:
                self._by_address.setdefault(entry.full_url, entry)
            if identifier:
                self._by_address.setdefault(f"{entry.kind}/{identifier}", entry)
            elif entry.full_url and not entry.full_url.startswith("urn:"):
                self._by_address.setdefault(tail(entry.full_url), entry)
            for known in getattr(entry.resource, "identifier", ()):
                if known.value:
                    self._by_identifier.setdefault(_said(known), []).append(entry)

    def replacing(self, old: Entry, copies: Iterable[Entry]) -> Self:
        """An index in which the copies (an entry and what it contains) stand for ``old``; the rest is found here."""
        over = copy(self)
        over._under = self
        over._take(copies)
        return over

    def find(self, reference: Reference | None, within: Entry) -> Entry | None:
        """The entry that a reference in ``within`` means; ``None`` where it did not come along."""
        if reference is None:
            return None
        said = identifier_of(reference)
        if said is not None:
            return self._identified(said)
        address = reference.reference
        if not address:
            return None
        if address.startswith("#"):
            container = within.container or within
            return self._local(id(container), address[1:])
        return self._at(address) or self._at(address.split("/_history/", 1)[0]) or self._at(tail(address))

    def is_unfetched(self, reference: Reference | None) -> bool:
        """Whether what a reference means could not be asked for, so that its absence says nothing."""
        return reference is not None and tail(reference.reference or "") in self._unfetched

    def resource(self, reference: Reference | None, within: Entry, kind: type[R]) -> R | None:
        """The resource that a reference means, where it came along and is of that kind."""
        entry = self.find(reference, within)
        if entry is not None and isinstance(entry.resource, kind):
            return entry.resource
        return None

    def identity(self, reference: Reference | None, within: Entry) -> str | None:
        """What tells the thing referred to from others: the same text means the same thing.

        A thing that did not come along is told by its address, or by the identifier that is given in place of
        one. ``None`` where there is neither, or only the name of a contained resource that is not there.
        """
        entry = self.find(reference, within)
        if entry is not None:
            return identity_of(entry)
        if reference is None:
            return None
        said = identifier_of(reference)
        if said is not None:
            return _said(said.identifier) if said.identifier.value else None
        if not reference.reference or reference.reference.startswith("#"):
            return None
        return relative(reference.reference)

    def bundle_of(self, within: Entry) -> int:
        """Tells apart the Bundles whose own resources come first; one and the same where all came along alike."""
        return 0

    def roles_of(self, person: Entry, within: Entry) -> list[Entry]:
        """The roles that came along and name the practitioner ``person``, whom a reference in ``within`` means."""
        return self._roles_beside(person)

    def _roles_beside(self, person: Entry) -> list[Entry]:
        under = [] if self._under is None else self._under._roles_beside(person)
        return under + self._roles_here(person)

    def _roles_here(self, person: Entry) -> list[Entry]:
        if self._roles_by_person is None:
            self._roles_by_person = {}
            for entry in self._roles:
                assert isinstance(entry.resource, PractitionerRole)
                name = self.identity(entry.resource.practitioner, entry)
                if name is not None:
                    self._roles_by_person.setdefault(name, []).append(entry)
        return self._roles_by_person.get(identity_of(person) or "", [])

    def _at(self, address: str) -> Entry | None:
        found = self._by_address.get(address)
        return self._under._at(address) if found is None and self._under is not None else found

    def _local(self, container: int, name: str) -> Entry | None:
        found = self._contained.get((container, name))
        return self._under._local(container, name) if found is None and self._under is not None else found

    def _identified(self, said: Identified) -> Entry | None:
        """The one entry that has the identifier, and is of the type that the reference says."""
        found = [
            entry
            for entry in self._with_identifier(_said(said.identifier))
            if said.identifier.value and said.kind in (None, entry.kind)
        ]
        return found[0] if len(found) == 1 else None

    def _with_identifier(self, said: str) -> list[Entry]:
        found = self._by_identifier.get(said, [])
        return self._under._with_identifier(said) if not found and self._under is not None else found


class Identified(msgspec.Struct, frozen=True):
    """What a reference says in place of an address: an identifier, and of what type of resource."""

    identifier: Identifier
    kind: str | None


def identifier_of(reference: Reference) -> Identified | None:
    """The identifier by which a reference names its target, also as a search (``Practitioner?identifier=...``)."""
    address = reference.reference
    if not address:
        return None if reference.identifier is None else Identified(reference.identifier, reference.type)
    before, asks, query = address.partition("?")
    if not asks:
        return None
    value = next((value for key, value in parse_qsl(query) if key == "identifier"), None)
    if value is None:
        return None
    system, barred, rest = value.partition("|")
    known = Identifier(system=system or None, value=rest) if barred else Identifier(value=value)
    return Identified(known, before.rsplit("/", 1)[-1] or None)


def identity_of(entry: Entry) -> str | None:
    """What tells an entry from others, as ``Index.identity`` of a reference to it says it."""
    if entry.container is not None:
        return f"{id(entry.container)}#{entry.resource.id}"
    if entry.resource.id:
        return f"{entry.kind}/{entry.resource.id}"
    if entry.full_url and not entry.full_url.startswith("urn:"):
        return tail(entry.full_url)
    return entry.full_url


def relative(address: str) -> str:
    """``Type/id`` of an address, or the address itself where it is a ``urn:`` and has none."""
    return address if address.startswith("urn:") else tail(address)


def is_type_and_id(name: str) -> bool:
    """Whether a name is that of a resource, by which people may know it (``Claim/1``), and no address."""
    return _TYPE_AND_ID.fullmatch(name) is not None


def tail(address: str) -> str:
    """``Type/id`` of a relative, absolute or versioned address."""
    parts = address.split("/_history/", 1)[0].rsplit("/", 2)
    return "/".join(parts[-2:])


def same(one: str | None, other: str | None) -> bool | None:
    """Whether two identities are the same; ``None`` where that cannot be told.

    Two that differ are of two things only where they are told in one way: two addresses, two identifiers of
    one system, two resources of one container.
    """
    if one is None or other is None:
        return None
    if one == other:
        return True
    return False if _way(one) == _way(other) else None


def _said(identifier: Identifier) -> str:
    return f"{identifier.system or ''}|{identifier.value}"


def _way(identity: str) -> str:
    """How an identity tells a thing from others."""
    for mark in ("|", "#"):
        before, marked, _ = identity.partition(mark)
        if marked:
            return f"{mark}{before}"
    return "urn" if identity.startswith("urn:") else "address"
