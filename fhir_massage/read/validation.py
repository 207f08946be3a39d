"""How ``$validate`` is called: with which mode and profile, and on which resource (FHIR R4, Resource/$validate)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from fhir_massage.errors import Unreadable
from fhir_massage.read.read import Arrival, objects

#: FHIR's ``resource-validation-mode``.
MODES = ("create", "update", "delete", "profile")
_BASE = "http://hl7.org/fhir/StructureDefinition/"


class Call(msgspec.Struct, frozen=True):
    """One call. ``id`` is that of the address, where one instance is meant (``/Claim/c1/$validate``)."""

    kind: str
    id: str | None = None
    mode: str | None = None
    profile: str | None = None


class Remark(msgspec.Struct, frozen=True):
    """What is to be said of the call itself: ``severity`` and ``code`` are FHIR's."""

    severity: str
    code: str
    text: str
    place: str | None = None


def call_of(kind: str, id: str | None, content: Any, query: Mapping[str, str]) -> Call:
    """The call, by its address and its ``Parameters``; what these do not say, the query may.

    Raises ``Unreadable`` for a mode that FHIR does not have.
    """
    given = {"mode": query.get("mode"), "profile": query.get("profile"), **_parameters(content)}
    if given["mode"] is not None and given["mode"] not in MODES:
        raise Unreadable(f"expected one of {', '.join(MODES)}", place="mode")
    return Call(kind, id, given["mode"], given["profile"])


def _parameters(content: Any) -> dict[str, str]:
    if not isinstance(content, Mapping) or content.get("resourceType") != "Parameters":
        return {}
    found: dict[str, str] = {}
    for parameter in objects(content.get("parameter")):
        name = parameter.get("name")
        values = [value for key, value in parameter.items() if key.startswith("value") and isinstance(value, str)]
        if name in ("mode", "profile") and values:
            found.setdefault(name, values[0])
    return found


def remarks(call: Call, arrival: Arrival) -> list[Remark]:
    """What has to be said of a call beside the review of what it brought."""
    found = []
    if call.mode in ("update", "delete") and call.id is None:
        found.append(
            Remark(
                "information",
                "informational",
                f"Mode {call.mode} is about one instance: call {call.kind}/[id]/$validate. "
                "What was sent was reviewed as it is.",
            )
        )
    if call.mode == "update" and call.id is not None and not _names(call, arrival):
        found.append(
            Remark("error", "invalid", "An update bears the id of the address that it goes to.", f"{call.kind}.id")
        )
    if call.profile and call.profile.split("|")[0] != f"{_BASE}{call.kind}":
        # FHIR R4: a server that cannot validate against the nominated profile SHALL return an error.
        found.append(
            Remark(
                "error",
                "not-supported",
                "The profile that was asked for is not checked here; "
                f"only FHIR's own structure of {call.kind} and the billing are.",
            )
        )
    return found


def _names(call: Call, arrival: Arrival) -> bool:
    return any(entry.kind == call.kind and entry.resource.id == call.id for entry in arrival.entries)
