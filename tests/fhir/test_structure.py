"""FHIR's own structure, as ``$validate`` asks for it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from fhir_massage.read.structure import departures
from tests.claims import claim, resource

CLAIM: dict[str, Any] = resource(claim(), "Claim")


def places(content: dict[str, Any]) -> list[str | None]:
    return [error.place for error in departures("Claim", content)]


def test_a_correct_claim_departs_from_nothing() -> None:
    assert places(CLAIM) == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda c: c.pop("priority"), "Claim.priority"),
        (lambda c: c.update(prio=1), "Claim.prio"),
        (lambda c: c.update(created="2026-13-45"), "Claim.created"),
        (lambda c: c["item"][0].update(sequence=0), "Claim.item[0].sequence"),
        (lambda c: c.update(total=[]), "Claim.total"),
        (lambda c: c.update(contained=[{"resourceType": "Patient", "nick": "x"}]), "Claim.contained[0].nick"),
    ],
)
def test_a_departure_is_placed(change: Callable[[dict[str, Any]], object], place: str) -> None:
    content = copy.deepcopy(CLAIM)
    change(content)
    assert places(content) == [place]


def test_what_the_library_cannot_look_at_is_said_or_passed_over() -> None:
    assert (
        places({**CLAIM, "contained": [{"resourceType": "EffectEvidenceSynthesis"}, {"resourceType": "os"}, 3]}) == []
    )


def test_no_value_that_arrived_is_repeated() -> None:
    content = {**CLAIM, "created": "Pat Example", "status": {"Pat Example": 1}, "id": "Pat Example!"}
    assert "Pat" not in " ".join(error.reason for error in departures("Claim", content))
