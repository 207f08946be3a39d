"""Feedback to cards: checked against CDS Hooks, and read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from fhir_massage.errors import Unreadable
from fhir_massage.read.plain import refuse_what_cannot_be_kept
from fhir_massage.read.read import parse, refuse_duplicate_keys

#: RFC 3339, section 5.6: a date with time and offset.
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")
LONGEST_ID = 100


class Outcome(msgspec.Struct, frozen=True):
    """What became of a card, and when (in UTC). ``suggestions`` are those accepted, by uuid.

    The ``reason`` is a code of ``system``; ``comment`` is what the user wrote, which may speak of the patient.
    """

    card: str
    outcome: Literal["accepted", "overridden"]
    at: datetime
    suggestions: tuple[str, ...] = ()
    reason: str | None = None
    system: str | None = None
    comment: str | None = None


def read_feedback(content: bytes) -> list[Outcome]:
    """The outcomes of a feedback request. Raises ``Unreadable`` naming the element at fault."""
    request = parse(content)
    refuse_duplicate_keys(content)
    refuse_what_cannot_be_kept(content, request)
    if not isinstance(request, Mapping):
        raise Unreadable("expected a JSON object")
    given = request.get("feedback")
    if not isinstance(given, list):
        raise Unreadable("expected an array", place="feedback")
    return [_outcome(each, f"feedback[{position}]") for position, each in enumerate(given)]


def _outcome(each: Any, place: str) -> Outcome:
    if not isinstance(each, Mapping):
        raise Unreadable("expected an object", place=place)
    outcome = each.get("outcome")
    if outcome not in ("accepted", "overridden"):
        raise Unreadable("expected 'accepted' or 'overridden'", place=f"{place}.outcome")
    reason, system, comment = _override(each.get("overrideReason"), f"{place}.overrideReason")
    return Outcome(
        card=_text(each.get("card"), f"{place}.card", "the card's UUID as a string"),
        outcome=outcome,
        at=_moment(each.get("outcomeTimestamp"), f"{place}.outcomeTimestamp"),
        suggestions=_accepted(each, outcome, place),
        reason=reason,
        system=system,
        comment=comment,
    )


def _accepted(each: Mapping[str, Any], outcome: str, place: str) -> tuple[str, ...]:
    place = f"{place}.acceptedSuggestions"
    given = each.get("acceptedSuggestions")
    if given is None and outcome == "overridden":
        return ()
    if not isinstance(given, list) or not given:
        raise Unreadable("expected an array of the suggestions that were accepted", place=place)
    ids = []
    for position, suggestion in enumerate(given):
        if not isinstance(suggestion, Mapping):
            raise Unreadable("expected an object", place=f"{place}[{position}]")
        ids.append(_text(suggestion.get("id"), f"{place}[{position}].id", "the suggestion's UUID as a string"))
    return tuple(ids)


def _override(given: Any, place: str) -> tuple[str | None, str | None, str | None]:
    if given is None:
        return None, None, None
    if not isinstance(given, Mapping):
        raise Unreadable("expected an object", place=place)
    reason, comment = given.get("reason"), given.get("userComment")
    if reason is None and comment is None:
        raise Unreadable("expected a reason, a userComment, or both", place=place)
    if comment is not None and not isinstance(comment, str):
        raise Unreadable("expected a string", place=f"{place}.userComment")
    if reason is None:
        return None, None, comment
    if not isinstance(reason, Mapping):
        raise Unreadable("expected a Coding", place=f"{place}.reason")
    system = reason.get("system")
    if system is not None and not isinstance(system, str):
        raise Unreadable("expected a string", place=f"{place}.reason.system")
    return _text(reason.get("code"), f"{place}.reason.code", "a code"), system, comment


def _moment(value: Any, place: str) -> datetime:
    try:
        if isinstance(value, str) and _MOMENT.fullmatch(value):
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Unreadable("expected a date with time and offset, such as 2026-11-10T10:00:00Z", place=place)


def _text(value: Any, place: str, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise Unreadable(f"expected {what}", place=place)
    if len(value) > LONGEST_ID:
        raise Unreadable(f"longer than {LONGEST_ID} characters", place=place)
    return value
