"""Which claims the notification of a FHIR Subscription tells of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fhir_massage.read.read import objects
from fhir_massage.read.references import tail

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def is_id(text: object) -> bool:
    """Whether it can be the id of a resource."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None and bool(text.strip("."))


def claims_told(content: Any) -> list[str]:
    """The ids of the claims that a notification names, each once; none where it does not say which.

    It may be a Claim, or a Bundle (as the backport of R5's subscriptions has it) with claims, with their
    addresses, or with the events of a status.
    """
    return list(dict.fromkeys(each for each in _ids(content) if is_id(each)))


def _ids(content: Any) -> Iterator[Any]:
    if not isinstance(content, Mapping):
        return
    if content.get("resourceType") == "Claim":
        yield content.get("id")
    elif content.get("resourceType") == "Bundle":
        for entry in objects(content.get("entry")):
            yield from _ids(entry.get("resource"))
            yield _of_address(entry.get("fullUrl"))
    elif content.get("resourceType") in ("Parameters", "SubscriptionStatus"):
        yield from _of_status(content)


def _of_status(status: Mapping[str, Any]) -> Iterator[str | None]:
    for event in objects(status.get("notificationEvent")):
        yield _of_reference(event.get("focus"))
    for parameter in objects(status.get("parameter")):
        for part in objects(parameter.get("part")):
            if part.get("name") == "focus":
                yield _of_reference(part.get("valueReference"))


def _of_reference(reference: Any) -> str | None:
    return _of_address(reference.get("reference")) if isinstance(reference, Mapping) else None


def _of_address(address: Any) -> str | None:
    if not isinstance(address, str) or not tail(address).startswith("Claim/"):
        return None
    return tail(address).removeprefix("Claim/")
