"""Which payer a Coverage means."""

from __future__ import annotations

from datetime import date

import msgspec

from fhir_massage.facts.book import Facts
from fhir_massage.read import codes
from fhir_massage.read.elements import Coverage, Organization, Reference
from fhir_massage.read.read import Entry
from fhir_massage.read.references import Index, tail


class Payer(msgspec.Struct, frozen=True):
    """A payer by id (a class, or a payer with a policy of its own), its class, and what to call it."""

    id: str
    payer_class: str
    title: str


def payer_of(facts: Facts, index: Index, entry: Entry, on: date) -> Payer | None:
    """The payer of a Coverage: by its payor's identifier or name, then by ``Coverage.type``.

    An insurer sells plans of several classes, so where its plan's type names another class than
    ``commercial``, the type tells. ``None`` where nothing does.
    """
    coverage = entry.resource
    assert isinstance(coverage, Coverage)
    by_payor = _by_payor(facts, index, entry, coverage, on)
    by_type = _by_type(facts, coverage, on)
    if by_payor is None:
        return _payer(facts, by_type)
    named = _payer(facts, by_payor)
    if named is not None and by_type is not None and named.payer_class == "commercial":
        plan = _payer(facts, by_type)
        if plan is not None and plan.payer_class != named.payer_class:
            return plan
    return named


def payer_named(facts: Facts, coverage: Reference, on: date) -> Payer | None:
    """Return the payer that a reference to a coverage names, where the coverage itself did not come along."""
    return _payer(facts, facts.payor("name", coverage.display, on)) if coverage.display else None


def is_unfetched(facts: Facts, index: Index, entry: Entry, on: date) -> bool:
    """Whether a payor that could not be asked for may be the one that tells the payer.

    It may not where another payor, or its own name or identifier, tells already, nor where ``Coverage.type``
    names a class in which no payer has a policy of its own.
    """
    coverage = entry.resource
    assert isinstance(coverage, Coverage)
    if not any(index.is_unfetched(payor) for payor in coverage.payor):
        return False
    if _by_payor(facts, index, entry, coverage, on) is not None:
        return False
    plan = _payer(facts, _by_type(facts, coverage, on))
    return plan is None or any(
        history.file.payer_class == plan.payer_class and payer != plan.payer_class
        for payer, history in facts.policies.items()
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


def _payer(facts: Facts, payer: str | None) -> Payer | None:
    if payer is None or payer not in facts.policies:
        return None
    file = facts.policies[payer].file
    return Payer(payer, file.payer_class, file.title)


def _by_payor(facts: Facts, index: Index, entry: Entry, coverage: Coverage, on: date) -> str | None:
    for payor in coverage.payor:
        identifiers = [payor.identifier] if payor.identifier else []
        names = [payor.display] if payor.display else []
        organization = index.resource(payor, entry, Organization)
        if organization is not None:
            identifiers += organization.identifier
            names += [name for name in (organization.name, *organization.alias) if name]
        for identifier in identifiers:
            for value in (f"{identifier.system}|{identifier.value}", identifier.value):
                found = facts.payor("identifier", value, on) if value else None
                if found is not None:
                    return found
        for name in names:
            found = facts.payor("name", name, on)
            if found is not None:
                return found
    return None


def _by_type(facts: Facts, coverage: Coverage, on: date) -> str | None:
    found = list(codes.codes(coverage.type))
    for system, code in found:
        if system in codes.TYPOLOGY_SYSTEMS or (not system and code.isdigit()):
            typology = facts.payment_typology.by_prefix(code, on)
            if typology is not None:
                return typology.payer
    for system, code in found:
        coverage_type = facts.coverage_types.find((system, code), on)
        if coverage_type is not None:
            return coverage_type.payer
    return None
