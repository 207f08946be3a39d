"""May it be billed: the answer, and that it is the one the review gives."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

import fhir_massage
from fhir_massage.cli import main as command_line
from fhir_massage.engine.answer import ASKED_ABOUT, SERVICES, Answer, answer, matrix
from fhir_massage.errors import FhirMassageError, UnknownQuestion
from fhir_massage.facts.book import shipped
from fhir_massage.rules.payment import PROFESSIONS
from fhir_massage.settings import Settings
from fhir_massage.web.app import create_app
from tests.claims import PAYORS, TAXONOMY, claim, line, reviewed

ON = date(2026, 11, 2)
REFUSALS = {"provider-not-payable", "service-not-covered"}
CONDITIONS = {
    "coverage-conditional",
    "referral-missing",
    "authorization-missing",
    "therapy-modifier-missing",
    "assistant-modifier-missing",
    "manipulation-modifier-missing",
}


def asked(code: str, payer: str, profession: str, on: date = ON) -> Answer:
    return answer(code, payer, profession, on, shipped())


def test_medicare_never_pays_a_massage_therapist() -> None:
    found = asked("97124", "medicare-part-b", "massage-therapist")
    assert found.verdict == "no"
    assert [reason.rule for reason in found.reasons] == ["provider-not-payable"]
    assert found.reasons[0].citations[0].url.startswith("https://")
    assert found.conditions == ()


def test_a_plan_pays_a_physical_therapist() -> None:
    found = asked("97140", "commercial", "physical-therapist")
    assert found.verdict == "yes"
    assert found.reasons


def test_conditions_come_with_the_rule_that_asks_for_them() -> None:
    found = asked("97124", "veterans-affairs", "massage-therapist")
    assert found.verdict == "conditional"
    assert {reason.rule for reason in found.reasons} == {
        "coverage-conditional",
        "referral-missing",
        "authorization-missing",
    }
    assert "a referral is on the claim" in found.conditions


def test_tricare_excludes_massage_by_itself() -> None:
    assert {r.rule for r in asked("97124", "tricare", "massage-therapist").reasons} == REFUSALS
    assert asked("97124", "tricare", "physical-therapist").verdict != "no"


def test_tricare_pays_therapists_for_prescribed_therapy_only() -> None:
    for code in SERVICES:
        found = asked(code, "tricare", "physical-therapist")
        assert found.verdict == "conditional"
        assert any("prescribed" in condition for condition in found.conditions)


@pytest.mark.parametrize(
    ("payer", "verdict"),
    [("medicare-part-b", "conditional"), ("commercial", "yes"), ("veterans-affairs", "conditional"), ("tricare", "no")],
)
def test_chiropractors_and_manipulation(payer: str, verdict: str) -> None:
    assert asked("98940", payer, "chiropractor").verdict == verdict


def test_psychotherapy_belongs_to_no_massage_therapist() -> None:
    for payer in shipped().policies:
        assert asked("90834", payer, "massage-therapist").verdict == "no"


def test_what_is_asked_for_on_the_line_is_a_condition() -> None:
    assert asked("98941", "medicare-part-b", "chiropractor").conditions == ("AT is on the line, for active treatment",)
    assistant = asked("97140", "medicare-part-b", "physical-therapist-assistant").conditions
    assert "GP, GO or GN is on the line" in assistant
    assert "CQ (physical therapy) or CO (occupational therapy) is on the line" in assistant


def test_the_library_says_it_of_today_by_the_shipped_facts() -> None:
    found = fhir_massage.answer("97124", "medicare-part-b", "massage-therapist")
    assert found.verdict == "no"
    assert found.on == date.today()


def test_every_door_gives_the_same_answer(tmp_path: Path) -> None:
    question = {"code": "97124", "payer": "veterans-affairs", "profession": "massage-therapist", "on": ON.isoformat()}
    said = fhir_massage.answer("97124", "veterans-affairs", "massage-therapist", ON).to_dict()
    options = [part for name, value in question.items() for part in (f"--{name}", value)]
    shown = CliRunner().invoke(command_line, ["answer", *options, "--format", "json"])
    assert json.loads(shown.stdout) == said
    app = create_app(Settings(data=tmp_path))
    assert app.test_client().get("/answers", query_string=question).json == said
    app.extensions["fhir_massage"].store.close()


def test_a_code_outside_a_profession_is_no_for_every_payer() -> None:
    for payer in PAYORS:
        found = asked("98940", payer, "massage-therapist")
        assert found.verdict == "no"
        assert found.reasons[0].rule == "provider-not-payable"


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("97014", "procedure-code-not-accepted"),
        ("97010", "hot-cold-pack-bundled"),
        ("97001", "procedure-code-retired"),
    ],
)
def test_codes_that_are_not_paid_at_all(code: str, rule: str) -> None:
    found = asked(code, "medicare-part-b", "physical-therapist")
    assert found.verdict == "no"
    assert rule in {reason.rule for reason in found.reasons}


def test_the_date_of_service_decides() -> None:
    assistant = "physical-therapist-assistant"
    assert asked("97140", "tricare", assistant, date(2020, 4, 15)).verdict == "no"
    assert asked("97140", "tricare", assistant, date(2020, 4, 16)).verdict != "no"


def test_a_named_payer_has_its_own_answer() -> None:
    assert (
        "it falls within about two weeks of the injury or illness"
        in asked("97124", "aetna", "physical-therapist").conditions
    )


def test_where_the_policy_is_silent_the_answer_is_no_guess() -> None:
    found = asked("97124", "commercial", "acupuncturist")
    assert found.verdict == "conditional"
    assert "does not say" in found.reasons[0].text


def test_the_shape_is_the_contracts() -> None:
    found = asked("97124", "medicare-part-b", "massage-therapist").to_dict()
    assert list(found) == ["verdict", "code", "payer", "profession", "on", "reasons", "conditions"]
    assert found["on"] == "2026-11-02"
    assert set(found["reasons"][0]) == {"text", "rule", "citations"}
    assert set(found["reasons"][0]["citations"][0]) == {"title", "url", "effective"}
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("code", "payer", "profession", "possible"),
    [
        ("97124", "medicare-part-b", "astrologer", "massage-therapist"),
        ("97124", "medicare-z", "massage-therapist", "medicare-part-b"),
        ("00000", "medicare-part-b", "massage-therapist", "97124"),
    ],
)
def test_what_is_not_known_is_named_with_what_is(code: str, payer: str, profession: str, possible: str) -> None:
    with pytest.raises(UnknownQuestion, match=possible) as raised:
        asked(code, payer, profession)
    assert isinstance(raised.value, FhirMassageError)
    assert isinstance(raised.value, ValueError)


def test_codes_are_read_as_people_write_them() -> None:
    assert asked(" g0283 ", "medicare-part-b", "physical-therapist").code == "G0283"


def test_the_matrix_holds_every_class_profession_and_service() -> None:
    answers = matrix(ON, shipped())
    assert list(dict.fromkeys(a.payer for a in answers))[: len(PAYORS)] == sorted(PAYORS), "the classes come first"
    assert {a.payer for a in answers} == set(shipped().policies)
    assert len(answers) == len(shipped().policies) * len(PROFESSIONS) * len(ASKED_ABOUT)
    assert {a.verdict for a in answers} == {"yes", "no", "conditional"}
    assert all(a.reasons for a in answers)


@pytest.mark.parametrize("payer", sorted(PAYORS))
def test_the_answer_is_the_one_that_the_review_gives(payer: str) -> None:
    for profession in TAXONOMY:
        for code in (*SERVICES, "97161", "98941"):
            report = reviewed(claim(line(code, minutes=None), payer=payer, profession=profession))
            refused = {finding.rule for finding in report.findings} & REFUSALS
            found = asked(code, payer, profession)
            assert {reason.rule for reason in found.reasons if found.verdict == "no"} == refused, (profession, code)


@pytest.mark.parametrize("payer", sorted(PAYORS))
def test_the_conditions_are_those_that_the_review_asks_for(payer: str) -> None:
    for profession in TAXONOMY:
        for code in SERVICES:
            found = asked(code, payer, profession)
            if found.verdict == "no":
                continue
            bare = claim(line(code), payer=payer, profession=profession, referral=False, authorization="")
            wanted = {finding.rule for finding in reviewed(bare).findings} & CONDITIONS
            assert {reason.rule for reason in found.reasons} & CONDITIONS == wanted, (profession, code)


@pytest.mark.parametrize(
    ("payer", "wanted"), [("medicare-part-b", True), ("unitedhealthcare", True), ("commercial", False)]
)
def test_modifiers_that_the_payer_asks_for_are_conditions(payer: str, wanted: bool) -> None:
    rules = {reason.rule for reason in asked("97140", payer, "physical-therapist").reasons}
    assert ("therapy-modifier-missing" in rules) is wanted
