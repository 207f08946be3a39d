"""Facts that a reader of bills found wrong or missing, each as the claim on which it shows."""

from __future__ import annotations

import pytest

from tests.claims import Json, claim, grave, line, resource, reviewed


def found(content: Json, rule: str) -> list[str]:
    """What a rule said of a claim."""
    return [each.message for each in reviewed(content).findings if each.rule == rule]


def dated(day: str, *modifiers: str) -> Json:
    return claim(line("97140", modifiers=modifiers, day=day), profession="physical-therapist")


def test_a_modifier_is_taken_from_its_first_day_on() -> None:
    assert found(dated("2026-07-01", "AC"), "modifier-invalid") == []
    assert "starts on 2026-07-01" in found(dated("2026-06-30", "AC"), "modifier-invalid")[0]


def test_a_modifier_that_ended_is_taken_no_more() -> None:
    assert found(dated("2024-12-31", "MA"), "modifier-invalid") == []
    assert "ended on 2024-12-31" in found(dated("2025-01-01", "MA"), "modifier-invalid")[0]


@pytest.mark.parametrize(
    ("profession", "modifiers", "expected"),
    [
        ("physical-therapist-assistant", ("CQ",), ["modifier-conflict"]),
        ("physical-therapist", (), ["therapy-modifier-missing"]),
        ("physical-therapist-assistant", ("CQ", "GP"), []),
    ],
)
def test_one_cause_is_one_error(profession: str, modifiers: tuple[str, ...], expected: list[str]) -> None:
    content = claim(line("97140", modifiers=modifiers), payer="medicare-part-b", profession=profession)
    assert grave(reviewed(content)) == expected


@pytest.mark.parametrize(("payer", "conflicts"), [("medicare-part-b", 1), ("commercial", 0)])
def test_payment_is_not_expected_and_not_expected_at_once(payer: str, conflicts: int) -> None:
    content = claim(
        line("98940", modifiers=("AT", "GA"), minutes=None),
        payer=payer,
        profession="chiropractor",
        diagnoses=("M99.01", "M54.2"),
    )
    assert len(found(content, "modifier-conflict")) == conflicts


@pytest.mark.parametrize(
    ("code", "day", "retired"),
    [
        ("G20", "2026-11-02", True),
        ("G20.A1", "2026-11-02", False),
        ("G35", "2026-11-02", True),
        ("G35", "2025-09-30", False),
        ("G35.D", "2025-10-01", False),
        ("R10.2", "2026-11-02", True),
        ("R10.2", "2025-09-30", False),
        ("R10.24", "2026-11-02", False),
    ],
)
def test_diagnoses_that_were_divided_are_billed_no_more(code: str, day: str, retired: bool) -> None:
    content = claim(line("97140", day=day), diagnoses=(code,))
    assert bool(found(content, "diagnosis-retired")) is retired
    assert found(content, "diagnosis-not-coded") == []


@pytest.mark.parametrize(("state", "limited"), [("OH", True), ("IN", True), ("CA", False), (None, False)])
def test_anthem_pays_four_units_a_day_in_five_states(state: str | None, limited: bool) -> None:
    content = claim(line("97140", units=6, minutes=90), profession="physical-therapist")
    resource(content, "Coverage")["payor"] = [{"display": "Anthem BCBS"}]
    if state is not None:
        resource(content, "Organization")["address"] = [{"state": state}]
    assert bool(found(content, "units-exceed-policy")) is limited


def test_a_medicare_advantage_plan_may_pay_a_chiropractor_for_more() -> None:
    content = claim(line("97140", modifiers=("GP",)), payer="medicare-advantage", profession="chiropractor")
    assert "provider-not-payable" not in grave(reviewed(content))


@pytest.mark.parametrize("place", ["05", "06", "07", "08", "18", "66"])
def test_places_of_cms_list_are_taken(place: str) -> None:
    content = claim(line("97140"))
    system = "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set"
    resource(content, "Claim")["item"][0]["locationCodeableConcept"] = {"coding": [{"system": system, "code": place}]}
    assert found(content, "place-of-service-invalid") == []
