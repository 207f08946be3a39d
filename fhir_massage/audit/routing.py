"""Whose a resource is: what brings a claim and all that belongs to its patient together."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import msgspec

from fhir_massage.errors import Unreadable
from fhir_massage.read.named import syntax_error
from fhir_massage.read.references import relative

#: Where the resources that rules see name their patient.
_OWNERS = ("patient", "subject", "beneficiary")


class _Header(msgspec.Struct):
    resourceType: str  # noqa: N815, as FHIR has it
    id: str | None = None
    patient: msgspec.Raw = msgspec.Raw(b"")
    subject: msgspec.Raw = msgspec.Raw(b"")
    beneficiary: msgspec.Raw = msgspec.Raw(b"")
    practitioner: msgspec.Raw = msgspec.Raw(b"")
    entry: msgspec.Raw = msgspec.Raw(b"")


class _Reference(msgspec.Struct):
    reference: str | None = None


class _BundleEntry(msgspec.Struct, rename="camel", omit_defaults=True):
    full_url: str | None = None
    resource: msgspec.Raw = msgspec.Raw(b"")


class Routed(msgspec.Struct, frozen=True):
    """A resource on its way: its kind, its address (``Type/id``), the patient it belongs to, and its bytes.

    ``patient`` is ``None`` for what belongs to nobody (a practitioner), and then has an address by which
    others find it. A Bundle is ``together``: its entries know each other by their own addresses. ``person`` is
    the practitioner whom a role names, by which the role is found from there.
    """

    kind: str
    address: str | None
    patient: str | None
    content: bytes
    together: bool = False
    person: str | None = None


_header = msgspec.json.Decoder(_Header)
_reference = msgspec.json.Decoder(_Reference)
_entries = msgspec.json.Decoder(list[_BundleEntry])


def route(content: bytes) -> Iterator[Routed]:
    """Where a resource belongs; a Bundle of several patients is parted by patient.

    Raises ``Unreadable`` for what is no FHIR resource in JSON.
    """
    header = _read_header(content)
    if header.resourceType == "Bundle":
        yield from _parted(header, content)
        return
    if header.resourceType == "Parameters":
        yield Routed("Parameters", None, f"#{address_hash(content)}", content, together=True)
        return
    address = f"{header.resourceType}/{header.id}" if header.id else None
    patient = address if header.resourceType == "Patient" else _owner(header)
    if patient is None and address is None:
        patient = f"#{address_hash(content)}"  # nothing can refer to it: it is reviewed by itself
    yield Routed(header.resourceType, address, patient, content, person=_person(header))


def address_hash(address: str | bytes) -> int:
    """64 bits of an address, the same in every process."""
    text = address.encode() if isinstance(address, str) else address
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")


def _read_header(content: bytes) -> _Header:
    try:
        return _header.decode(content)
    except msgspec.ValidationError as error:
        if "resourceType" in str(error):
            raise Unreadable("resourceType is missing: this is no FHIR resource") from None
        raise Unreadable(f"expected a FHIR resource as a JSON object: {_said(error)}") from None
    except RecursionError:
        raise Unreadable("nested too deeply") from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise syntax_error(content) from None


def _said(error: msgspec.ValidationError) -> str:
    """msgspec's words without the values that it may repeat."""
    return str(error).partition(" - at ")[0] if "`" in str(error) else "its elements are of other types"


def _owner(header: _Header) -> str | None:
    """The patient that a resource names, as ``Patient/id`` where it can be told."""
    for name in _OWNERS:
        address = _named(getattr(header, name))
        if address is not None:
            return address
    return f"{header.resourceType}/{header.id}" if header.resourceType in ("Claim", "ExplanationOfBenefit") else None


def _named(raw: msgspec.Raw) -> str | None:
    """Whom a reference names, as ``Type/id`` where it can be told; ``None`` where it names nobody outside itself."""
    if not bytes(raw).lstrip().startswith(b"{"):
        return None
    try:
        address = _reference.decode(raw).reference
    except msgspec.MsgspecError:
        return None
    return relative(address) if address and not address.startswith("#") else None


def _person(header: _Header) -> str | None:
    """The practitioner whom a role names, by the address that one who stands loose has too."""
    person = _named(header.practitioner) if header.resourceType == "PractitionerRole" else None
    return person if person is not None and person.startswith("Practitioner/") else None


def _parted(header: _Header, content: bytes) -> Iterator[Routed]:
    """The Bundle, or one a patient where it holds several, each with all that belongs to nobody."""
    try:
        entries = _entries.decode(header.entry) if bytes(header.entry) else []
        headers = [_header.decode(entry.resource) if bytes(entry.resource) else None for entry in entries]
    except (msgspec.MsgspecError, RecursionError):
        yield Routed(
            "Bundle", None, f"#{address_hash(content)}", content, together=True
        )  # its reader says what is wrong
        return
    names = {
        entry.full_url: f"Patient/{each.id}"
        for entry, each in zip(entries, headers, strict=True)
        if each is not None and each.resourceType == "Patient" and each.id and entry.full_url
    }
    owners = [_owner_in_bundle(entry, each, names) for entry, each in zip(entries, headers, strict=True)]
    patients = list(dict.fromkeys(owner for owner in owners if owner is not None))
    if len(patients) <= 1:
        patient = patients[0] if patients else f"#{address_hash(content)}"
        yield Routed("Bundle", None, patient, content, together=True)
        return
    for patient in patients:
        mine = [entry for entry, owner in zip(entries, owners, strict=True) if owner in (None, patient)]
        bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "collection", "entry": mine}
        yield Routed("Bundle", None, patient, msgspec.json.encode(bundle), together=True)


def _owner_in_bundle(entry: _BundleEntry, header: _Header | None, names: dict[str, str]) -> str | None:
    if header is None:
        return None
    if header.resourceType == "Patient":
        return f"Patient/{header.id}" if header.id else entry.full_url
    owner = _owner(header)
    return owner if owner is None else names.get(owner, owner)
