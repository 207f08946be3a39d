"""What an EHR does with a suggestion, as the simulator does it."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_massage.errors import Unreadable
from fhir_massage.hooks.simulated import accept

Json = dict[str, Any]


def request(*resources: Json) -> Json:
    return {"context": {"draftOrders": {"resourceType": "Bundle", "entry": [{"resource": r} for r in resources]}}}


def drafts(content: Json) -> list[Json]:
    return [entry["resource"] for entry in content["context"]["draftOrders"]["entry"]]


ONE = {"resourceType": "Claim", "id": "c1", "status": "draft"}
TWO = {"resourceType": "Claim", "id": "c2", "status": "draft"}


def test_an_update_takes_the_place_of_the_resource() -> None:
    changed = {**ONE, "status": "active"}
    before = request(ONE, TWO)
    after = accept(before, {"actions": [{"type": "update", "resource": changed}]})
    assert drafts(after) == [changed, TWO]
    assert drafts(before) == [ONE, TWO]


def test_a_creation_is_added_to_the_drafts() -> None:
    made = {"resourceType": "DocumentReference", "status": "current"}
    assert drafts(accept(request(ONE), {"actions": [{"type": "create", "resource": made}]})) == [ONE, made]


def test_a_deletion_takes_it_out() -> None:
    assert drafts(accept(request(ONE, TWO), {"actions": [{"type": "delete", "resourceId": "Claim/c1"}]})) == [TWO]


def test_an_action_that_is_none_is_refused() -> None:
    with pytest.raises(Unreadable, match=r"actions\[0\]"):
        accept(request(ONE), {"actions": ["update"]})
