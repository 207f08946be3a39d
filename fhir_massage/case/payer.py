"""Which payer a Coverage means."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Literal

import msgspec

from fhir_massage.facts.book import Facts
from fhir_massage.facts.rows import PAYOR_WORD_KINDS, PayorWordKind
from fhir_massage.read import codes
from fhir_massage.read.elements import Coverage, CoverageClass, Identifier, Organization, Reference
from fhir_massage.read.read import Entry
from fhir_massage.read.references import Index, tail

#: A payer's name in place of an identifier has more letters than this; of fewer it may be a code.
_SHORTEST_NAME = 3


class Payer(msgspec.Struct, frozen=True):
    """A payer by id (a class, or a payer with a policy of its own), its class, and what to call it."""

    id: str
    payer_class: str
    title: str


class Told(msgspec.Struct, frozen=True):
    """What a Coverage tells of who pays: the payer where it is known, and what kind of words or code told it.

    A ``supplement`` follows another payer, a ``drug`` plan pays no services; ``""`` where nothing told.
    """

    payer: Payer | None
    kind: PayorWordKind | Literal[""]


class _Named(msgspec.Struct, frozen=True):
    """The payer that a name, a plan or a code means (none that we know where it is ``None``), and what kind told it."""

    payer: Payer | None
    kind: PayorWordKind


NOT_TOLD = Told(None, "")


def told_by(facts: Facts, index: Index, entry: Entry, on: date) -> Told:
    """What a Coverage tells: by its payor's identifier or name, the name of its plan, and ``Coverage.type``.

    An insurer sells plans of several classes, so where its plan's name or type names another class than
    ``commercial``, that tells. A payer is ``None`` where nothing does, or where it is none that we know.
    """
    coverage = entry.resource
    assert isinstance(coverage, Coverage)
    plan = _by_plan(facts, index, entry, coverage, on)
    code = _by_type(facts, coverage, on)
    named = _by_payor(facts, index, entry, coverage, on)
    found = _most_telling(named, plan, code)
    return NOT_TOLD if found is None else Told(found.payer, found.kind)


def payer_of(facts: Facts, index: Index, entry: Entry, on: date) -> Payer | None:
    """Return the payer that a Coverage tells; ``None`` where nothing does."""
    return told_by(facts, index, entry, on).payer


def payer_named(facts: Facts, coverage: Reference, on: date) -> Told:
    """Return what a reference to a coverage tells by its display, where the coverage itself did not come along."""
    named = _by_name(facts, coverage.display, on) if coverage.display else None
    return NOT_TOLD if named is None else Told(named.payer, named.kind)


def is_unfetched(facts: Facts, index: Index, entry: Entry, on: date) -> bool:
    """Whether a payor that could not be asked for may be the one that tells the payer.

    It may not where another payor, or its own name or identifier, or the plan's name tells already, nor where
    ``Coverage.type`` names a class in which no payer has a policy of its own.
    """
    coverage = entry.resource
    assert isinstance(coverage, Coverage)
    if not any(index.is_unfetched(payor) for payor in coverage.payor):
        return False
    named = _by_payor(facts, index, entry, coverage, on) or _by_plan(facts, index, entry, coverage, on)
    if named is not None:
        return False
    code = _by_type(facts, coverage, on)
    return code is None or any(
        history.file.payer_class == _class(code) and payer != _class(code) for payer, history in facts.policies.items()
    )


def payor_name(index: Index, entry: Entry) -> str:
    """The payer as its Coverage calls it; empty where it gives no name, or the patient pays."""
    coverage = entry.resource
    assert isinstance(coverage, Coverage)
    for payor in coverage.payor:
        if tail(payor.reference or "").startswith(("Patient/", "RelatedPerson/")):
            continue
        organization = index.resource(payor, entry, Organization)
        name = payor.display if organization is None else organization.name or payor.display
        if name:
            return name
    return ""


def _most_telling(named: _Named | None, plan: _Named | None, code: _Named | None) -> _Named | None:
    """Of what the payor's name, the plan's name and the type's code tell, the one that tells who pays."""
    for found in (plan, code):
        if found is not None and found.kind in ("supplement", "drug"):
            return found
    if plan is not None and plan.kind == "plan":
        return plan
    if code is not None and code.payer is None:
        return code
    if named is not None and not _sells_several(named):
        return named
    for found in (plan, code):
        if found is not None and not _sells_several(found) and _class(found) not in ("commercial", _class(named)):
            return found
    return next((found for found in (named, plan, code) if found is not None and found.payer), named or plan or code)


def _sells_several(named: _Named) -> bool:
    """Whether it is an insurer that sells plans of several classes, of which its plan or type may name another."""
    return named.kind in ("insurer", "type") or _class(named) == "commercial"


def _class(named: _Named | None) -> str | None:
    return None if named is None or named.payer is None else named.payer.payer_class


def _payer(facts: Facts, payer: str | None) -> Payer | None:
    if payer is None or payer not in facts.policies:
        return None
    file = facts.policies[payer].file
    return Payer(payer, file.payer_class, file.title)


def _by_payor(facts: Facts, index: Index, entry: Entry, coverage: Coverage, on: date) -> _Named | None:
    """Return the payer that a payor means: exactly, or else by the words in its names."""
    worded: _Named | None = None
    for payor in coverage.payor:
        identifiers, names = _called(index, entry, payor)
        for identifier in identifiers:
            for value in (f"{identifier.system}|{identifier.value}", identifier.value):
                found = facts.payor("identifier", value, on) if value else None
                if found is not None:
                    return _Named(_payer(facts, found), "program")
        for name in names:
            exact = facts.payor("name", name, on)
            if exact is not None:
                return _exactly(facts, exact, name, on)
            worded = worded or _by_words(facts, name, on)
    return worded


def _called(index: Index, entry: Entry, payor: Reference) -> tuple[list[Identifier], list[str]]:
    """A payor's identifiers and names, those of the organization it refers to among them."""
    identifiers = [payor.identifier] if payor.identifier else []
    names = [payor.display] if payor.display else []
    organization = index.resource(payor, entry, Organization)
    if organization is not None:
        identifiers += organization.identifier
        names += [name for name in (organization.name, *organization.alias) if name]
    return identifiers, names + [i.value for i in identifiers if i.value and _is_name(i.value)]


def _is_name(value: str) -> bool:
    """Whether an identifier's value is a name rather than a number: CMS sends its own name so."""
    return len(value) > _SHORTEST_NAME and not any(letter.isdigit() for letter in value)


def _exactly(facts: Facts, payer: str, name: str, on: date) -> _Named:
    """The payer whose exact name it is; words within the name only tell of which kind it is."""
    words = facts.payor_in_words(name, on)
    is_kind_told = words is not None and (words.kind == "supplement" or words.payer == payer)
    return _Named(_payer(facts, payer), words.kind if words is not None and is_kind_told else "program")


def _by_name(facts: Facts, name: str, on: date) -> _Named | None:
    exact = facts.payor("name", name, on)
    return _by_words(facts, name, on) if exact is None else _exactly(facts, exact, name, on)


def _by_words(facts: Facts, text: str, on: date, context: str = "") -> _Named | None:
    words = facts.payor_in_words(text, on, context)
    return None if words is None else _Named(_payer(facts, words.payer), words.kind)


def _by_plan(facts: Facts, index: Index, entry: Entry, coverage: Coverage, on: date) -> _Named | None:
    """Return the payer that the plan's name or the text of its type means, beside that of its payor."""
    texts = list(_plan_texts(coverage))
    if not texts:
        return None
    context = " ".join(name for payor in coverage.payor for name in _called(index, entry, payor)[1])
    found = [told for text in texts if (told := _by_plan_name(facts, text, on, context)) is not None]
    return min(found, key=lambda told: PAYOR_WORD_KINDS.index(told.kind), default=None)


def _by_plan_name(facts: Facts, text: str, on: date, context: str) -> _Named | None:
    """Return what a plan's name means; a group may be called as its employer is, so a name that is only exact is weak."""
    worded = _by_words(facts, text, on, context)
    exact = facts.payor("name", text, on) if worded is None else None
    return worded if exact is None else _Named(_payer(facts, exact), "insurer")


def _plan_texts(coverage: Coverage) -> Iterator[str]:
    """What the plan is called: its group and plan together (``Medicare``, ``Part B``), and the text of its type."""
    called = [text for each in coverage.class_ if _names_plan(each) for text in (each.value, each.name) if text]
    if called:
        yield " ".join(called)
    if coverage.type is not None and coverage.type.text:
        yield coverage.type.text


def _names_plan(each: CoverageClass) -> bool:
    """Whether a class of a coverage names the plan, or the group for which it is."""
    return any(code in ("plan", "subplan", "group", "subgroup") for _, code in codes.codes(each.type))


def _by_type(facts: Facts, coverage: Coverage, on: date) -> _Named | None:
    found = list(codes.codes(coverage.type))
    for system, code in found:
        if system in codes.TYPOLOGY_SYSTEMS or (not system and code.isdigit()):
            typology = facts.payment_typology.by_prefix(code, on)
            if typology is not None:
                return _Named(_payer(facts, typology.payer), typology.kind)
    for system, code in found:
        coverage_type = facts.coverage_types.find((system, code), on)
        if coverage_type is not None:
            return _Named(_payer(facts, coverage_type.payer), "plan")
    return None
