"""Feedback to cards: what is taken, and what is refused by place."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from fhir_massage.errors import Unreadable
from fhir_massage.hooks.feedback import Outcome, read_feedback

Json = dict[str, Any]
ACCEPTED: Json = {
    "card": "4e0a3a1e-8bc3-40a7-940e-2d657d13eb01",
    "outcome": "accepted",
    "acceptedSuggestions": [{"id": "s1"}, {"id": "s2"}],
    "outcomeTimestamp": "2026-11-24T11:00:00.5+01:00",
}
OVERRIDDEN: Json = {
    "card": "c2",
    "outcome": "overridden",
    "overrideReason": {"reason": {"code": "documented", "system": "urn:x"}, "userComment": "Seen."},
    "outcomeTimestamp": "2026-11-24T10:00:00Z",
}


def read(*feedback: Any) -> list[Outcome]:
    return read_feedback(json.dumps({"feedback": feedback}).encode())


@pytest.mark.conforms("hooks-55", "hooks-56", "hooks-57", "hooks-58", "hooks-59", "hooks-60", "hooks-61", "hooks-62")
def test_what_became_of_a_card_is_read() -> None:
    accepted, overridden = read(ACCEPTED, OVERRIDDEN)
    assert (accepted.outcome, accepted.suggestions) == ("accepted", ("s1", "s2"))
    assert accepted.at == datetime(2026, 11, 24, 10, 0, 0, 500_000, tzinfo=UTC)
    assert (overridden.reason, overridden.system, overridden.comment) == ("documented", "urn:x", "Seen.")
    assert read() == []


@pytest.mark.conforms("hooks-62")
@pytest.mark.parametrize("given", [None, {"userComment": "Seen."}, {"reason": {"code": "c"}}])
def test_an_override_may_give_a_reason_a_comment_or_neither(given: Json | None) -> None:
    content = {key: value for key, value in OVERRIDDEN.items() if key != "overrideReason"}
    assert read({**content, **({"overrideReason": given} if given else {})})[0].outcome == "overridden"


@pytest.mark.conforms("hooks-55", "hooks-56", "hooks-57", "hooks-58", "hooks-59", "hooks-60", "hooks-61")
@pytest.mark.parametrize(
    ("good", "change", "place"),
    [
        (ACCEPTED, {"card": None}, "card"),
        (ACCEPTED, {"card": ""}, "card"),
        (ACCEPTED, {"card": "c" * 101}, "card"),
        (ACCEPTED, {"outcome": "ignored"}, "outcome"),
        (ACCEPTED, {"acceptedSuggestions": None}, "acceptedSuggestions"),
        (ACCEPTED, {"acceptedSuggestions": []}, "acceptedSuggestions"),
        (ACCEPTED, {"acceptedSuggestions": ["s1"]}, "acceptedSuggestions[0]"),
        (ACCEPTED, {"acceptedSuggestions": [{"id": 1}]}, "acceptedSuggestions[0].id"),
        (ACCEPTED, {"outcomeTimestamp": "2026-11-24"}, "outcomeTimestamp"),
        (ACCEPTED, {"outcomeTimestamp": "2026-11-24T10:00:00"}, "outcomeTimestamp"),
        (ACCEPTED, {"outcomeTimestamp": "2026-13-24T10:00:00Z"}, "outcomeTimestamp"),
        (ACCEPTED, {"outcomeTimestamp": "0001-01-01T00:00:00+14:00"}, "outcomeTimestamp"),
        (OVERRIDDEN, {"overrideReason": "no"}, "overrideReason"),
        (OVERRIDDEN, {"overrideReason": {}}, "overrideReason"),
        (OVERRIDDEN, {"overrideReason": {"userComment": 1}}, "overrideReason.userComment"),
        (OVERRIDDEN, {"overrideReason": {"reason": "documented"}}, "overrideReason.reason"),
        (OVERRIDDEN, {"overrideReason": {"reason": {"system": "s"}}}, "overrideReason.reason.code"),
        (OVERRIDDEN, {"overrideReason": {"reason": {"code": "c", "system": 1}}}, "overrideReason.reason.system"),
    ],
)
def test_what_is_wrong_is_named(good: Json, change: Json, place: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read(OVERRIDDEN, {**good, **change})
    assert refused.value.place == f"feedback[1].{place}"


@pytest.mark.parametrize("content", [b"[]", b"{}", b'{"feedback": {}}', b'{"feedback": [], "feedback": []}', b"{"])
def test_what_is_no_feedback_is_refused(content: bytes) -> None:
    with pytest.raises(Unreadable):
        read_feedback(content)
