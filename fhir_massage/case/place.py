"""In which state a claim's services were given."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fhir_massage.case.people import rendering_member
from fhir_massage.read.elements import (
    Claim,
    Location,
    Organization,
    Patient,
    Practitioner,
    PractitionerRole,
    Reference,
    Resource,
)
from fhir_massage.read.read import Entry, objects
from fhir_massage.read.references import Index

#: A state by its postal letters, with or without the country (``FL``, ``US-FL``).
_STATE = re.compile(r"(?:US-)?([A-Z]{2})")


def state_of_service(index: Index, entry: Entry) -> str | None:
    """The state of the facility, of who bills, of who rendered, or else of the patient, whichever first tells one.

    ``None`` where none tells, or the first that tells names several.
    """
    for reference in _places(entry):
        states = _states(index, reference, entry)
        if states:
            return states.pop() if len(states) == 1 else None
    return None


def _places(entry: Entry) -> Iterator[Reference | None]:
    claim = entry.resource
    assert isinstance(claim, Claim)
    yield claim.facility
    yield claim.provider
    # A practitioner's own address is often a home, so it tells only after those of the practice.
    position = rendering_member(claim.care_team, ())
    if position is not None:
        yield claim.care_team[position].provider
    yield claim.patient


def _states(index: Index, reference: Reference | None, within: Entry) -> set[str]:
    found = index.find(reference, within)
    if found is not None and isinstance(found.resource, PractitionerRole):
        role = found.resource
        at_work = _of_address(index.resource(role.organization, found, Organization))
        return at_work or _of_address(index.resource(role.practitioner, found, Practitioner))
    return _of_address(None if found is None else found.resource)


def _of_address(resource: Resource | None) -> set[str]:
    if not isinstance(resource, Location | Organization | Practitioner | Patient):
        return set()
    addresses = objects([resource.address] if isinstance(resource.address, dict) else resource.address)
    said = [_STATE.fullmatch(str(address.get("state") or "").strip().upper()) for address in addresses]
    return {match[1] for match in said if match is not None}
