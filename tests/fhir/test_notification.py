"""Which claims a Subscription's notification names, in the forms that servers send."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_massage.read.notification import claims_told, is_id

CLAIM = {"resourceType": "Claim", "id": "c1"}
FOCUS = {"reference": "http://ehr.example.org/fhir/Claim/c1"}


def bundle(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "history", "entry": list(entries)}


STATUS = {
    "resourceType": "Parameters",
    "parameter": [
        {"name": "type", "valueCode": "event-notification"},
        {"name": "notification-event", "part": [{"name": "focus", "valueReference": FOCUS}]},
    ],
}


@pytest.mark.parametrize(
    ("content", "claims"),
    [
        (CLAIM, ["c1"]),
        (bundle({"resource": CLAIM}, {"resource": {**CLAIM, "id": "c2"}}), ["c1", "c2"]),
        (bundle({"fullUrl": "http://ehr.example.org/fhir/Claim/c1/_history/3"}), ["c1"]),
        (bundle({"resource": STATUS}, {"fullUrl": "http://ehr.example.org/fhir/Claim/c1", "resource": CLAIM}), ["c1"]),
        ({"resourceType": "SubscriptionStatus", "notificationEvent": [{"focus": {"reference": "Claim/c1"}}]}, ["c1"]),
        (bundle({"resource": {"resourceType": "Parameters"}}), []),
        (bundle({"fullUrl": "urn:uuid:0f1e"}, {"fullUrl": "http://ehr.example.org/fhir/Patient/p1"}), []),
        ({"resourceType": "Patient", "id": "p1"}, []),
        ({"resourceType": "Claim", "id": "../Patient/p1"}, []),
        ({"resourceType": "Claim", "id": 7}, []),
        ({"resourceType": "Bundle", "entry": "all"}, []),
        (["Claim"], []),
        (None, []),
    ],
)
def test_the_claims_of_a_notification(content: Any, claims: list[str]) -> None:
    assert claims_told(content) == claims


def test_what_can_be_an_id() -> None:
    assert is_id("a-1.B")
    assert not any(is_id(each) for each in ("", ".", "..", "a/b", "a b", "x" * 65, None, 3))
