"""Everything that a review needs and that did not come along, from the EHR's own FHIR server.

What was fetched joins the request as though the client had prefetched it, so that it is read and checked
(whose patient it is, for one) like everything else that arrives.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from fhir_massage.case.followed import Unmet, unmet
from fhir_massage.ehr.deadline import Deadline
from fhir_massage.ehr.errors import NotReachable, NotThere
from fhir_massage.ehr.server import FhirServer
from fhir_massage.ehr.together import fetch_together
from fhir_massage.errors import NotFetched, Unreadable
from fhir_massage.hooks.prefetch import missing
from fhir_massage.hooks.request import order_references, take_in
from fhir_massage.hooks.services import Service
from fhir_massage.hooks.templates import filled
from fhir_massage.read.read import Arrival, Entry, read
from fhir_massage.read.references import Index, tail

Json = dict[str, Any]
Connect = Callable[[], FhirServer]
Chosen = Callable[[Arrival], list[Entry]]

#: The key under which what claims and orders refer to joins the prefetch.
FOLLOWED = "fhir-massage.followed"
#: References lead to others (claim, coverage, payer): how often what came is looked at again.
ROUNDS = 3
MOST_REFERENCES = 50
_REFERENCE = re.compile(
    r"(Claim|Condition|Coverage|Organization|Patient|Practitioner|PractitionerRole|Procedure|ServiceRequest)"
    r"/([A-Za-z0-9\-.]{1,64})"
)


def gather(
    service: Service,
    request: Mapping[str, Any],
    arrival: Arrival,
    *,
    connect: Connect,
    deadline: Deadline,
    chosen: Chosen,
    today: date,
) -> Arrival:
    """What the EHR's server gives beside what arrived; what it could not give stands in ``unread``.

    ``chosen`` tells the claims and orders that are reviewed and ours. Nothing is fetched for a request that holds
    nothing to review: what is not needed is not asked for.
    """
    subjects = chosen(arrival)
    if not _may_need(service, request, arrival, subjects):
        return Arrival()
    templates = _templates(service, request, today)
    try:
        server = connect()
    except NotFetched as reason:
        failed = Arrival()
        failed.unread += [_at(f"prefetch.{key}", reason) for key in templates]
        # Whether it is there stays unknown: nobody was asked for it.
        failed.unfetched |= {each.address for each in _unmet(subjects, arrival) if _REFERENCE.fullmatch(each.address)}
        return failed
    try:
        return _Gathering(service, request, arrival, _Following(server, deadline), chosen).all(templates)
    finally:
        server.close()


def follow(arrival: Arrival, subjects: Sequence[Entry], server: FhirServer, deadline: Deadline) -> list[NotFetched]:
    """Fetch what claims and orders refer to, and an order's patient's coverage, into the arrival itself."""
    gathering = _Following(server, deadline)
    for key, query in _coverage_of(subjects, arrival).items():
        _take(arrival, gathering.search({key: query}).values())
    for _ in range(ROUNDS):
        found = gathering.references(_unmet(subjects, arrival))
        if not found:
            break
        _take(arrival, found)
    arrival.unfetched |= gathering.unfetched
    return gathering.missing


class _Following:
    """Fetches from one server, each thing once, and keeps note of what could not be had."""

    def __init__(self, server: FhirServer, deadline: Deadline) -> None:
        self.server = server
        self.deadline = deadline
        self.missing: list[NotFetched] = []
        self.unfetched: set[str] = set()
        self._tried: set[str] = set()

    def references(self, wanted: Iterable[Unmet]) -> list[Json]:
        """The resources that references on this server mean, as far as they can be had."""
        by_name = {name: each for each in wanted if (name := self._name(each.address)) and name not in self._tried}
        by_name = dict(list(by_name.items())[: MOST_REFERENCES - len(self._tried)])
        self._tried |= set(by_name)
        found = fetch_together({name: self._reading(name) for name in by_name}, self.deadline)
        for name, resource in found.items():
            if isinstance(resource, NotFetched):
                self._note(by_name[name], name, resource)
        return [resource for resource in found.values() if not isinstance(resource, NotFetched)]

    def search(self, queries: Mapping[str, str]) -> dict[str, Json]:
        """What searches or reads find, each under its key; what fails is noted."""
        found = fetch_together({key: self._asking(query) for key, query in queries.items()}, self.deadline)
        for key, content in found.items():
            if isinstance(content, NotFetched):
                self.missing.append(_at(f"prefetch.{key}", content))
        return {key: content for key, content in found.items() if not isinstance(content, NotFetched)}

    @property
    def shut(self) -> bool:
        """Whether nothing that was asked for could be had because the server cannot be asked."""
        return bool(self.missing) and all(isinstance(each, NotReachable) for each in self.missing)

    def leave(self, wanted: Iterable[Unmet]) -> None:
        """Ask for none of it: whether it is there stays unknown."""
        self.unfetched |= {name for each in wanted if (name := self._name(each.address))}

    def _note(self, unmet: Unmet, name: str, reason: NotFetched) -> None:
        """A server that says it has no such thing leaves the reference wrong. Any other failure says nothing of it."""
        if not isinstance(reason, NotThere):
            self.unfetched.add(name)
            self.missing.append(_at(unmet.element, reason))

    def _name(self, address: str) -> str | None:
        """``Type/id`` of a reference that this server answers for."""
        if "://" in address:
            if not self._on_server(address):
                return None
            address = tail(address)
        return address if _REFERENCE.fullmatch(address) and address.rsplit("/", 1)[1].strip(".") else None

    def _on_server(self, address: str) -> bool:
        return address.rsplit("/", 2)[0] == self.server.url

    def _reading(self, name: str) -> Callable[[], Json]:
        kind, _, identifier = name.partition("/")
        return lambda: self.server.read(kind, identifier)

    def _asking(self, query: str) -> Callable[[], Json]:
        return self._reading(query) if _REFERENCE.fullmatch(query) else lambda: self.server.search(query)


class _Gathering:
    """The completion of one hook request."""

    def __init__(
        self,
        service: Service,
        request: Mapping[str, Any],
        arrival: Arrival,
        following: _Following,
        chosen: Chosen,
    ) -> None:
        self.service = service
        self.request = request
        self.arrival = arrival
        self.following = following
        self.chosen = chosen
        self.prefetch: Json = {}
        self.followed: list[Json] = []

    def all(self, templates: Mapping[str, str]) -> Arrival:
        """The templates first; then the orders that the context names, and what claims and orders refer to."""
        self.prefetch = self.following.search(templates)
        for _ in range(ROUNDS):
            together = self._together()
            wanted = [*self._named(together), *_unmet(self.chosen(together), together)]
            if self.following.shut:
                self.following.leave(wanted)
                break
            found = self.following.references(wanted)
            if not found:
                break
            self.followed += found
        fetched = self._fetched()
        fetched.unfetched |= self.following.unfetched
        fetched.unread += self.following.missing
        return fetched

    def _fetched(self) -> Arrival:
        """What was fetched, as though the client had prefetched it."""
        entries = [{"resource": resource} for resource in self.followed]
        more = {FOLLOWED: {"resourceType": "Bundle", "type": "collection", "entry": entries}} if entries else {}
        return read({"hook": self.service.hook, "prefetch": {**self.prefetch, **more}})

    def _together(self) -> Arrival:
        """What came and what was fetched, as it will be reviewed."""
        together = Arrival()
        together.extend(self.arrival)
        take_in(self.request, together, self._fetched())
        return together

    def _named(self, arrival: Arrival) -> list[Unmet]:
        """The orders, and their performer, that the context names and that did not come along."""
        addresses = [*_orders_named(self.service, self.request, arrival), self.request["context"].get("performer")]
        along = {f"{entry.kind}/{entry.resource.id}" for entry in arrival.entries}
        return [
            Unmet("context", address)
            for address in addresses
            if isinstance(address, str) and tail(address) not in along
        ]


def _may_need(service: Service, request: Mapping[str, Any], arrival: Arrival, chosen: Sequence[Entry]) -> bool:
    """Whether there is something to review, or the hook's claims and orders are still to be fetched."""
    return bool(chosen or _orders_named(service, request, arrival)) or "claims" in service.prefetch


def _orders_named(service: Service, request: Mapping[str, Any], arrival: Arrival) -> list[str]:
    """The orders of a kind that is reviewed here, which the context names without bringing them."""
    if service.orders not in ("dispatched", "booked"):
        return []
    named = order_references(service, request["context"], arrival)
    return [address for address in named if isinstance(address, str) and tail(address).startswith("ServiceRequest/")]


def _templates(service: Service, request: Mapping[str, Any], today: date) -> dict[str, str]:
    """The service's prefetch that did not come, or came as null or an error, ready to be asked for.

    By null a client says that it has no such data. Where its server can be asked it is asked once more,
    because some say so where their own query failed.
    """
    given, lacking = request.get("prefetch") or {}, missing(service, request)
    asked = {
        key: filled(template, request["context"], today)
        for key, template in service.prefetch.items()
        if key in lacking or given.get(key) is None
    }
    return {key: query for key, query in asked.items() if query is not None}


def _unmet(subjects: Sequence[Entry], arrival: Arrival) -> list[Unmet]:
    """What is referred to and not at hand. An order's coverage counts though the order does not name it."""
    ordered = any(entry.kind == "ServiceRequest" for entry in subjects)
    coverages = [entry for entry in arrival.entries if ordered and entry.kind == "Coverage"]
    return unmet([*subjects, *coverages], Index(arrival.entries))


def _at(place: str, reason: NotFetched) -> NotFetched:
    """Why something at that place could not be had."""
    return type(reason)(reason.reason, place=place)


def _coverage_of(subjects: Sequence[Entry], arrival: Arrival) -> dict[str, str]:
    """For orders, which seldom name a coverage: the search for their patients' active ones."""
    index = Index(arrival.entries)
    patients = {
        name
        for entry in subjects
        if entry.kind == "ServiceRequest" and (name := index.identity(getattr(entry.resource, "subject", None), entry))
    }
    queries = {f"Coverage of {name}": f"Coverage?patient={name}&status=active" for name in patients}
    return {key: query for key, query in queries.items() if re.search(r"=Patient/[A-Za-z0-9\-.]{1,64}&", query)}


def _take(arrival: Arrival, resources: Iterable[Json]) -> None:
    """Take in what was fetched. What cannot be read is set aside with its reason."""
    for resource in resources:
        try:
            arrival.extend(read(resource))
        except Unreadable as error:
            arrival.unread.append(error)
