"""Reviewing a part: the resources of each of its patients together, and what the review found, written down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from datetime import date
from functools import lru_cache
from itertools import islice
from typing import Any, Self

import msgspec

from fhir_massage.audit.routing import address_hash, route
from fhir_massage.audit.scatter import Record, Rejected, Spill
from fhir_massage.audit.tally import Tally, payer_of, provider_of
from fhir_massage.case.record import Record as PatientRecord
from fhir_massage.edit.finding import Finding
from fhir_massage.engine.report import Report
from fhir_massage.engine.run import review_arrival, under_review
from fhir_massage.errors import Unreadable
from fhir_massage.facts.book import Facts
from fhir_massage.read import dates
from fhir_massage.read.elements import Reference
from fhir_massage.read.read import Arrival, Entry, read
from fhir_massage.read.references import Index, identity_of, relative

#: How many resources of nobody (practitioners, organizations) a worker keeps at hand.
AT_HAND = 8192
#: How many roles of a practitioner count that stand loose, so that one who has very many holds up nothing.
MOST_ROLES = 64


class Together:
    """What came in one document, and the index by which its resources know each other."""

    def __init__(self, arrival: Arrival) -> None:
        self.entries = arrival.entries
        self.documents = [id(document) for document in arrival.documents()]
        self.index = Index(arrival.entries)


class Elsewhere:
    """Resources of other patients and of nobody, found by address in every spill."""

    def __init__(self, spills: Sequence[Spill]) -> None:
        self._spills = spills
        self.find = lru_cache(AT_HAND)(self._find)
        self._places_of_roles = lru_cache(AT_HAND)(self._find_roles)
        self._role = lru_cache(AT_HAND)(self._read_role)  # by itself, so that what is kept counts roles, not people

    def _find(self, address: str) -> Together | None:
        """The resource of that address (``Type/id``) with what it contains; ``None`` where none came."""
        wanted = address_hash(address)
        for spill in self._spills:
            for place in spill.addresses.of(wanted):
                content = spill.at(place).content
                if any(routed.address == address for routed in route(content)):  # two addresses may share a hash
                    return _read(content)
        return None

    def roles_of(self, person: str) -> list[Together]:
        """The roles that stand loose and name the practitioner of that address, in the order of the input."""
        roles = (self._role(spill, place) for spill, place in self._places_of_roles(person))
        return [role for role in roles if role is not None]

    def _find_roles(self, person: str) -> tuple[tuple[int, int], ...]:
        wanted = address_hash(person)
        places = (
            (number, place)
            for number, spill in enumerate(self._spills)
            for place in spill.roles.of(wanted)
            if any(routed.person == person for routed in route(spill.at(place).content))
        )
        return tuple(islice(places, MOST_ROLES))

    def _read_role(self, spill: int, place: int) -> Together | None:
        return _read(self._spills[spill].at(place).content)


class Beside:
    """Resources of other patients and of nobody that were brought beside a patient's own."""

    def __init__(self, contents: Iterable[tuple[str, bytes]], roles: Iterable[tuple[str, bytes]]) -> None:
        """``contents`` are by address; ``roles`` by the practitioner whom they name, in the order of the input."""
        self._contents = dict(contents)
        self._roles: dict[str, list[bytes]] = {}
        for person, content in roles:
            self._roles.setdefault(person, []).append(content)

    def find(self, address: str) -> Together | None:
        """The resource of that address with what it contains; ``None`` where none came."""
        content = self._contents.get(address)
        return None if content is None else _read(content)

    def roles_of(self, person: str) -> list[Together]:
        """The roles that stand loose and name the practitioner of that address, in the order of the input."""
        roles = (_read(content) for content in self._roles.get(person, []))
        return [role for role in roles if role is not None]


class Linked(Index):
    """An index of a patient's resources that looks first in the reference's own Bundle, and last elsewhere."""

    def __init__(self, loose: Iterable[Entry], bundles: Iterable[Arrival], elsewhere: Elsewhere | Beside) -> None:
        super().__init__(loose)
        self._own: dict[int, Index] = {}
        for bundle in bundles:
            self._add(Together(bundle))
        self._elsewhere = elsewhere
        self._far: dict[str, Entry | None] = {}
        self._far_roles: dict[str, list[Entry]] = {}
        self._met: dict[str, Entry | None] = {}

    def _add(self, together: Together) -> None:
        for document in together.documents:
            self._own[document] = together.index

    def find(self, reference: Reference | None, within: Entry) -> Entry | None:
        """The entry that a reference means, wherever in the whole input it stands."""
        if reference is None:
            return None
        address = reference.reference
        own = self._own.get(id(within.document))
        if own is not None:
            found = own.find(reference, within)
            if found is not None:
                return found
        elif address in self._met:
            return self._met[address]
        if not address or address.startswith("#"):
            return super().find(reference, within)
        if address not in self._met:
            found = super().find(reference, within)
            self._met[address] = self._from_elsewhere(address) if found is None else found
        return self._met[address]

    def replacing(self, old: Entry, copies: Iterable[Entry]) -> Self:
        """An index in which the copies stand for ``old``, in its Bundle where it came in one."""
        own = self._own.get(id(old.document))
        if own is None:
            over = super().replacing(old, copies)
            over._met = {}
            return over
        copies = list(copies)
        other = copy(self)
        other._own = {**self._own, **{id(each.document): own.replacing(old, copies) for each in copies}}
        return other

    def bundle_of(self, within: Entry) -> int:
        """Tells apart the Bundles whose own resources come first; nought for what stands loose."""
        document = id(within.document)
        return document if document in self._own else 0

    def roles_of(self, person: Entry, within: Entry) -> list[Entry]:
        """The roles that name the practitioner ``person``: those in the Bundle of ``within``, else those elsewhere."""
        own = self._own.get(id(within.document))
        found = [] if own is None else own.roles_of(person, within)
        return found or [*self._roles_beside(person), *self._roles_inside(person), *self._roles_elsewhere(person)]

    def _roles_inside(self, person: Entry) -> list[Entry]:
        """The roles that a practitioner from elsewhere contains."""
        own = self._own.get(id(person.document))
        return [] if own is None else own.roles_of(person, person)

    def _roles_elsewhere(self, person: Entry) -> list[Entry]:
        name = identity_of(person)
        if name is None or person.container is not None:
            return []
        if name not in self._far_roles:
            roles = self._elsewhere.roles_of(name)
            self._far_roles[name] = [role.entries[0] for role in roles]
            for role in roles:
                self._add(role)
        return self._far_roles[name]

    def _from_elsewhere(self, address: str) -> Entry | None:
        address = relative(address)
        if address not in self._far:
            together = self._elsewhere.find(address)
            self._far[address] = None if together is None else together.entries[0]
            if together is not None:
                self._add(together)
        return self._far[address]


class Reviewed(msgspec.Struct, frozen=True):
    """A finding with what a manager asks of it: whose claim, who pays, when, and where it stood in the input."""

    finding: Finding
    payer: str
    payer_class: str
    provider: str
    day: date | None
    record: Record


class Part(msgspec.Struct):
    """What the review of a part found."""

    findings: list[Reviewed]
    rejected: list[Rejected]
    corrected: list[tuple[str, dict[str, Any]]]
    tally: Tally


def review_part(
    records: Iterable[Record],
    *,
    facts: Facts,
    on: date,
    elsewhere: Elsewhere | Beside,
    any_claim: bool,
    corrected: bool = False,
) -> Part:
    """Review the records of whole patients. ``any_claim`` says whether the input holds a claim at all."""
    part = Part([], [], [], Tally())
    for group in _by_patient(records):
        review_patient(part, group, facts, on, elsewhere, any_claim=any_claim, corrected=corrected)
    return part


def _by_patient(records: Iterable[Record]) -> Iterator[list[Record]]:
    """The records of each patient; those of nobody are found by reference and need no review."""
    groups: dict[bytes, list[Record]] = {}
    for record in records:
        if record.owner:
            groups.setdefault(record.owner, []).append(record)
    yield from groups.values()


def review_patient(
    part: Part,
    records: list[Record],
    facts: Facts,
    on: date,
    elsewhere: Elsewhere | Beside,
    *,
    any_claim: bool,
    corrected: bool,
) -> None:
    """Review the records of one patient, and put what is found into ``part``."""
    loose, bundles = Arrival(), []
    origins: dict[int, Record] = {}
    for record in records:
        try:
            arrival = read(record.content)
        except Unreadable as error:
            part.rejected.append(Rejected(record.chunk, record.piece, record.line, str(error)))
            continue
        part.rejected += [Rejected(record.chunk, record.piece, record.line, str(each)) for each in arrival.unread]
        origins |= {id(document): record for document in arrival.documents()}
        if record.together:
            bundles.append(arrival)
        else:
            loose.extend(arrival)
    _leave_newest(loose, part.tally)
    everything = Arrival()
    everything.entries = [entry for arrival in (loose, *bundles) for entry in arrival.entries]
    index = Linked(loose.entries, bundles, elsewhere)
    of_patient = PatientRecord(facts, index, everything.entries, on)
    for arrival in (loose, *bundles):
        subjects = under_review(arrival.entries, index, facts=facts, on=on, any_claim=any_claim and arrival is loose)
        if subjects:
            report = review_arrival(everything, on=on, facts=facts, subjects=subjects, index=index, record=of_patient)
            _take(part, report, subjects, origins, corrected=corrected)


def _leave_newest(loose: Arrival, tally: Tally) -> None:
    """Of several copies of one loose resource leave the newest, of equally new ones the last; count the others."""
    copies: dict[str, list[Entry]] = {}
    for entry in loose.entries:
        if entry.container is None and entry.resource.id:
            copies.setdefault(f"{entry.kind}/{entry.resource.id}", []).append(entry)
    older: set[int] = set()
    for several in copies.values():
        if len(several) > 1:
            newest = max(reversed(several), key=_updated)
            older |= {id(entry.document) for entry in several if entry is not newest}
            if newest.kind == "Patient":
                tally.mixed += len({str(entry.json().get("birthDate")) for entry in several}) > 1
    if older:
        loose.entries = [entry for entry in loose.entries if id(entry.document) not in older]
        tally.copies += len(older)


def _updated(entry: Entry) -> float:
    """When the resource was last changed, by its ``meta``; 0 where it does not say."""
    meta = entry.json().get("meta")
    said = meta.get("lastUpdated") if isinstance(meta, dict) else None
    moment = dates.moment(said) if isinstance(said, str) else None
    return 0.0 if moment is None or moment.tzinfo is None else moment.timestamp()


def _take(
    part: Part, report: Report, subjects: Sequence[Entry], origins: dict[int, Record], *, corrected: bool
) -> None:
    records = {entry.name: origins[id(entry.document)] for entry in subjects}
    by_resource: dict[str, list[Finding]] = {name: [] for name in report.cases}
    for finding in report.findings:
        case = report.cases[finding.resource]
        by_resource[finding.resource].append(finding)
        part.findings.append(
            Reviewed(
                finding,
                payer_of(case),
                case.payer_class or "",
                provider_of(case),
                case.day,
                records[finding.resource],
            )
        )
    for name, findings in by_resource.items():
        part.tally.reviewed(report.cases[name], findings)
    if corrected:
        part.corrected += list(report.corrected.items())
    part.tally.failed += len(report.broken)
    part.tally.out_of_scope += len(report.out_of_scope)


def _read(content: bytes) -> Together | None:
    try:
        return Together(read(content))
    except Unreadable:
        return None


def part_of(spills: Sequence[Spill], number: int) -> Iterator[Record]:
    """The records of a part from every spill, in the order of the input."""
    for spill in spills:
        yield from spill.part(number)
