"""Prefetch templates, filled from a hook's context as a client fills them.

The simple grammar of CDS Hooks 2.0 is understood, and of 3.0's small FHIRPath what services use: a path
into the context, through Bundles by the type of their resources, and days reckoned from today.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

_TOKEN = re.compile(r"\{\{([^{}]*)\}\}")
_TODAY = re.compile(r"today\(\)(?:\s*([+-])\s*(\d{1,5})\s*days?)?")
_OF_TYPE = re.compile(r"entry\.resource\.ofType\((\w+)\)")
#: What a token may stand for: an id, a reference, or several of them. Anything else would write the query.
_VALUE = re.compile(r"(?:[A-Za-z]+/)?[A-Za-z0-9\-.]{1,64}")
_USERS = {
    "userPractitionerId": "Practitioner",
    "userPractitionerRoleId": "PractitionerRole",
    "userPatientId": "Patient",
    "userRelatedPersonId": "RelatedPerson",
}


def filled(template: str, context: Mapping[str, Any], today: date) -> str | None:
    """The template with its tokens replaced; ``None`` where the context lacks one or it is no id."""
    values = [_value(token.strip(), context, today) for token in _TOKEN.findall(template)]
    if any(value is None for value in values):
        return None
    replacing = iter(values)
    return _TOKEN.sub(lambda _: next(replacing) or "", template)


def _value(token: str, context: Mapping[str, Any], today: date) -> str | None:
    day = _TODAY.fullmatch(token)
    if day is not None:
        days = int(day[2] or 0) * (-1 if day[1] == "-" else 1)
        return (today + timedelta(days=days)).isoformat()
    if token in _USERS:
        kind, _, identifier = str(context.get("userId", "")).partition("/")
        found: list[Any] = [identifier] if kind == _USERS[token] else []
    else:
        path = _OF_TYPE.sub(r"\1", token)
        found = list(_walk(context, path.split(".")[1:])) if path.startswith("context.") else []
        if token != "context.userId" and token.endswith("Id"):  # some clients give a reference for an id
            found = [value.rsplit("/", 1)[-1] if isinstance(value, str) and _is_id(value) else None for value in found]
    if not found or not all(isinstance(value, str) and _is_id(value) for value in found):
        return None
    return ",".join(quote(value) for value in found)


def _is_id(value: str) -> bool:
    return _VALUE.fullmatch(value) is not None and value.rsplit("/", 1)[-1].strip(".") != ""


def _walk(part: Any, steps: list[str]) -> Iterator[Any]:
    """What a path leads to: through arrays item by item, and through a Bundle by the type of its resources."""
    if isinstance(part, list):
        for each in part:
            yield from _walk(each, steps)
    elif not steps:
        yield part
    elif isinstance(part, Mapping) and part.get("resourceType") == "Bundle":
        entries = part.get("entry")
        for entry in entries if isinstance(entries, list) else []:
            resource = entry.get("resource") if isinstance(entry, Mapping) else None
            if isinstance(resource, Mapping) and resource.get("resourceType") == steps[0]:
                yield from _walk(resource, steps[1:])
    elif isinstance(part, Mapping) and steps[0] in part:
        yield from _walk(part[steps[0]], steps[1:])
