"""Who rendered, ordered or bills: reading providers and their professions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import msgspec

from fhir_massage.case.seen import Provider
from fhir_massage.facts.book import Facts
from fhir_massage.read import codes
from fhir_massage.read.elements import (
    CareTeam,
    CodeableConcept,
    HumanName,
    Identifier,
    Organization,
    Practitioner,
    PractitionerRole,
    Reference,
)
from fhir_massage.read.read import Entry
from fhir_massage.read.references import Index, identifier_of


class Described(msgspec.Struct, frozen=True):
    """What the records of a provider say: its professions by code and by words, and its identifiers given as NPI."""

    professions: tuple[str, ...] = ()
    in_words: tuple[str, ...] = ()
    npis: tuple[str, ...] = ()


_NOTHING = Described()
#: Roles of who referred or ordered, and of who supervises: HL7's and CARIN's words, and X12's qualifiers of box 17.
SUPERVISING = frozenset({"SUPERVISOR", "SUPERVISING", "DQ"})
REFERRING = frozenset({"REFERRING", "ORDERING", "REFERRER", "DN", "DK"})
#: Who may supervise an assistant, and works in the same field.
THERAPISTS = {
    "physical-therapist-assistant": "physical-therapist",
    "occupational-therapy-assistant": "occupational-therapist",
}


class Directory:
    """What the records that came along say of each provider, read once for all who refer to it."""

    def __init__(self, facts: Facts, index: Index, on: date) -> None:
        self._facts = facts
        self._on = on
        self._known: dict[tuple[int, int], Described] = {}
        self.index = index

    def described(self, entry: Entry, within: Entry) -> Described:
        """What is said of a practitioner (the roles that name them included), a role or an organization.

        ``within`` holds the reference to it: of a practitioner, the roles in its Bundle may be other ones.
        """
        key = id(entry), self.index.bundle_of(within)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._read(entry, within)
        return known

    def professions(self, concepts: Iterable[CodeableConcept | None]) -> tuple[str, ...]:
        """The professions that NUCC codes, or CMS's specialty codes, of the concepts name."""
        found: dict[str, None] = {}
        for concept in concepts:
            for taxonomy in codes.taxonomy_codes(concept):
                row = self._facts.professions.by_prefix(taxonomy, self._on)
                found[row.profession if row else "other"] = None
            for specialty in codes.specialty_codes(concept):
                word = self._facts.profession_words.find(("specialty", specialty), self._on)
                if word is not None:
                    found[word.profession] = None
        return tuple(found)

    def professions_in_words(self, concepts: Iterable[CodeableConcept | None]) -> tuple[str, ...]:
        """The professions that words and letters of the concepts name ("Licensed Massage Therapist", DPT)."""
        texts = [text for concept in concepts for text in (*codes.words(concept), *codes.degrees(concept))]
        return self._named_by(texts)

    def _named_by(self, texts: Iterable[str]) -> tuple[str, ...]:
        named = [self._facts.profession_in_words(text, self._on) for text in texts]
        found = dict.fromkeys([profession for profession in named if profession is not None])
        for assistant, therapist in THERAPISTS.items():
            if assistant in found:  # who is told to be an assistant works in the therapist's field
                found.pop(therapist, None)
        return tuple(found)

    def _read(self, entry: Entry, within: Entry) -> Described:
        named = entry.resource
        roles: list[CodeableConcept] = []
        npis: list[str] = []
        person = named if isinstance(named, Practitioner) else None
        if isinstance(named, PractitionerRole):
            roles = _concepts(entry)
            npis += _npis(named.identifier)
            person = self.index.resource(named.practitioner, entry, Practitioner)
        elif person is not None:
            roles = [concept for role in self.index.roles_of(entry, within) for concept in _concepts(role)]
        elif isinstance(named, Organization):
            npis += _npis(named.identifier)
        if person is not None:
            npis += _npis(person.identifier)
        licences = [] if person is None else [each.code for each in person.qualification]
        in_words = self.professions_in_words([*roles, *licences])
        if not in_words and person is not None:
            in_words = self._named_by([text for name in person.name for text in _suffixes(name)])
        return Described(self.professions(roles) or self.professions(licences), in_words, tuple(npis))


class People:
    """Reads the providers that one resource refers to."""

    def __init__(self, directory: Directory, within: Entry) -> None:
        self._directory = directory
        self._index = directory.index
        self._within = within
        self._npis_by_identity: dict[str, str] = {}

    def provider(
        self,
        reference: Reference | None,
        element: str,
        qualification: CodeableConcept | None = None,
    ) -> Provider:
        """The provider behind a reference, with the professions that the record names.

        Of a practitioner also the roles count that came along and name them.
        """
        entry = self._index.find(reference, self._within)
        said = _NOTHING if entry is None else self._directory.described(entry, self._within)
        named = None if reference is None else identifier_of(reference)
        beside = [] if reference is None else [reference.identifier, None if named is None else named.identifier]
        npis = (*_npis(beside), *said.npis)
        qualified = () if qualification is None else self._directory.professions([qualification])
        in_words = () if qualification is None else self._directory.professions_in_words([qualification])
        return Provider(
            key=self._key(reference, npis),
            element=element,
            professions=qualified or said.professions or in_words or said.in_words,
            npis=tuple(dict.fromkeys(npis)),
            resolved=entry is not None or named is not None or reference is None or not reference.reference,
            unfetched=entry is None and self._index.is_unfetched(reference),
            named=reference is not None,
        )

    def profession_of(self, concept: CodeableConcept | None) -> str | None:
        """The profession that a concept's code or words name, where they name just one."""
        found = self._directory.professions([concept]) or self._directory.professions_in_words([concept])
        return found[0] if len(found) == 1 else None

    def _key(self, reference: Reference | None, npis: tuple[str, ...]) -> str | None:
        """An NPI where one is known of whoever is referred to, else the reference itself."""
        identity = self._index.identity(reference, self._within) or (reference and reference.reference) or None
        if npis and identity is not None:
            self._npis_by_identity.setdefault(identity, npis[-1])
        if npis:
            return npis[-1]
        return identity if identity is None else self._npis_by_identity.get(identity, identity)


def rendering_member(team: Sequence[CareTeam], named: Sequence[int]) -> int | None:
    """The position of the care team member who rendered a line, given the sequences that the line names.

    Of several named, the primary one, else the responsible one, else the first. Of none named, the only
    member, else the responsible one. ``None`` where the team does not tell.
    """
    members = [i for i, member in enumerate(team) if member.sequence in named and member.provider] if named else []
    others = [i for i, member in enumerate(team) if not refers(member) and not _supervises(member)]
    if members:
        primary = (i for i in members if any(code == "primary" for _, code in codes.codes(team[i].role)))
        responsible = (i for i in members if team[i].responsible)
        return next(primary, next(responsible, members[0]))
    if len(others) == 1 and team[others[0]].provider:
        return others[0]
    return next((i for i in others if team[i].responsible and team[i].provider), None)


def _supervises(member: CareTeam) -> bool:
    return any(code.upper() in SUPERVISING for _, code in codes.codes(member.role))


def refers(member: CareTeam) -> bool:
    """Whether a care team member is who referred or ordered, as box 17 of the paper claim names them."""
    return any(code.upper() in REFERRING for _, code in codes.codes(member.role)) or any(
        "referring" in text.lower() for text in codes.words(member.role)
    )


def _suffixes(name: HumanName) -> list[str]:
    """What stands after a name: its suffixes, and what follows the first comma of its text."""
    _, _, after = (name.text or "").partition(",")
    return [*(suffix for suffix in name.suffix if suffix), *([after] if after else [])]


def _concepts(role: Entry) -> list[CodeableConcept]:
    """What a role says that its practitioner does."""
    assert isinstance(role.resource, PractitionerRole)
    return [*role.resource.code, *role.resource.specialty]


def _npis(identifiers: Iterable[Identifier | None]) -> list[str]:
    return [
        identifier.value.strip()
        for identifier in identifiers
        if identifier is not None and identifier.system in codes.NPI_SYSTEMS and identifier.value is not None
    ]
