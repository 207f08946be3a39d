"""Finding what a reference means among everything that came along."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from fhir_massage.fhir.elements import Reference, Resource
from fhir_massage.fhir.read import Entry

R = TypeVar("R", bound=Resource)


class Index:
    """Every entry by full address, by ``Type/id``, and by ``#id`` within its container."""

    def __init__(self, entries: Iterable[Entry], unfetched: Iterable[str] = ()) -> None:
        """``unfetched`` are the ``Type/id`` of what may well be there, but could not be asked for."""
        self._unfetched = frozenset(unfetched)
        self._by_address: dict[str, Entry] = {}
        self._contained: dict[tuple[int, str], Entry] = {}
        for entry in entries:
            identifier = entry.resource.id
            if entry.container is not None:
                if identifier:
                    self._contained[id(entry.container), identifier] = entry
                continue
            if entry.full_url:
                self._by_address.setdefault(entry.full_url, entry)
            if identifier:
                self._by_address.setdefault(f"{entry.kind}/{identifier}", entry)

    def replacing(self, old: Entry, copies: Iterable[Entry]) -> Index:
        """An index in which the copies (an entry and what it contains) stand for ``old``."""
        index = Index(copies, self._unfetched)
        index._by_address = {**self._by_address, **index._by_address}
        index._contained = {**self._contained, **index._contained}
        return index

    def find(self, reference: Reference | None, within: Entry) -> Entry | None:
        """The entry that a reference in ``within`` means; ``None`` where it did not come along."""
        if reference is None or not reference.reference:
            return None
        address = reference.reference
        if address.startswith("#"):
            container = within.container or within
            return self._contained.get((id(container), address[1:]))
        found = self._by_address.get(address)
        if found is None:
            found = self._by_address.get(tail(address))
        return found

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

        ``None`` where the reference cannot be compared with others: an unresolved ``urn:uuid:``,
        or no address at all.
        """
        entry = self.find(reference, within)
        if entry is not None:
            return identity_of(entry)
        if reference is None or not reference.reference or reference.reference.startswith(("urn:", "#")):
            return None
        return tail(reference.reference)


def identity_of(entry: Entry) -> str | None:
    """What tells an entry from others, as ``Index.identity`` of a reference to it says it."""
    if entry.container is not None:
        return f"{id(entry.container)}#{entry.resource.id}"
    return f"{entry.kind}/{entry.resource.id}" if entry.resource.id else entry.full_url


def tail(address: str) -> str:
    """``Type/id`` of a relative, absolute or versioned address."""
    parts = address.split("/_history/", 1)[0].rsplit("/", 2)
    return "/".join(parts[-2:])


def same(one: str | None, other: str | None) -> bool | None:
    """Whether two identities are the same; ``None`` where one of them is not known."""
    if one is None or other is None:
        return None
    return one == other
