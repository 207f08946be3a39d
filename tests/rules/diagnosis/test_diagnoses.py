"""Diagnoses: there, pointed at, valid on the date, and fit for the service."""

from __future__ import annotations

import pytest

from tests.claims import (
    PAYORS,
    Json,
    claim,
    concept,
    corrected,
    grave,
    line,
    resource,
    reviewed,
    the,
    varied,
    with_claim,
)

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
CONDITION = {
    "resourceType": "Condition",
    "id": "neck",
    "subject": {"reference": "Patient/p1"},
    "code": concept("M54.5", ICD),
}


def rules_of(content: Json) -> list[str]:
    """The rules of the diagnosis family that are found."""
    return [finding.rule for finding in reviewed(content).findings if finding.rule.startswith("diagnosis-")]


def coded(code: str, day: str = "2026-11-02") -> Json:
    """A claim with one diagnosis, created the day after."""
    content = claim(line("97140", day=day), diagnoses=(code,))
    return varied(content, lambda claim: claim.update(created=day))


# --- there, and pointed at -------------------------------------------------------------------------------


def test_a_claim_needs_a_diagnosis() -> None:
    found = the(reviewed(claim(line("97140", pointers=()), diagnoses=())), "diagnosis-missing")
    assert found.expression == ("Claim.diagnosis",)
    assert found.denial is not None
    assert (found.denial.carc, found.denial.rarc) == ("16", ("M76",))


def test_without_diagnoses_no_line_is_asked_to_point() -> None:
    assert rules_of(claim(line("97140", pointers=()), diagnoses=())) == ["diagnosis-missing"]


def test_the_only_diagnosis_is_what_a_line_points_at() -> None:
    content = claim(line("97140", pointers=()))
    report = reviewed(content)
    found = the(report, "diagnosis-pointer-missing")
    assert found.expression == ("Claim.item[0].diagnosisSequence",)
    assert [correction.certain for correction in found.corrections] == [True]
    assert corrected(report)["item"][0]["diagnosisSequence"] == [1]
    assert grave(reviewed(with_claim(content, corrected(report)))) == []


def test_of_several_diagnoses_a_person_chooses() -> None:
    found = the(
        reviewed(claim(line("97140", pointers=()), diagnoses=("M54.2", "M62.838"))), "diagnosis-pointer-missing"
    )
    assert [correction.label for correction in found.corrections] == [
        "Point line 1 at M54.2",
        "Point line 1 at M62.838",
    ]
    assert all(correction.needs for correction in found.corrections)


def test_a_pointer_must_lead_somewhere() -> None:
    found = the(reviewed(claim(line("97140"), line("97110", pointers=(1, 3, 4)))), "diagnosis-pointer-invalid")
    assert found.expression == ("Claim.item[1].diagnosisSequence",)
    assert "diagnoses 3 and 4" in found.message
    assert not found.corrections


# --- valid on the date -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "day", "valid"),
    [
        ("M54.5", "2021-09-30", True),
        ("M54.5", "2021-10-01", False),
        ("M545", "2021-10-01", False),
        ("M54.50", "2021-09-30", False),  # not yet
        ("M54.50", "2021-10-01", True),
        ("M62.85", "2024-09-30", False),
        ("M62.85", "2024-10-01", True),
        ("M25.51", "2026-11-02", False),  # a heading
        ("M25.511", "2026-11-02", True),
        ("S13.4", "2026-11-02", False),  # lacks its seventh character
        ("S13.4XXA", "2026-11-02", True),
        ("A00.0", "2026-11-02", True),  # not in the facts: nothing is said
    ],
)
def test_a_code_is_judged_by_its_date(code: str, day: str, valid: bool) -> None:
    assert ("diagnosis-retired" not in rules_of(coded(code, day))) is valid


def test_each_successor_is_an_option() -> None:
    found = the(reviewed(coded("M54.5")), "diagnosis-retired")
    assert found.expression == ("Claim.diagnosis[0]",)
    assert found.denial is not None
    assert found.denial.carc == "146"
    assert "since 2021-10-01" in found.message
    assert [correction.edits[0].value for correction in found.corrections] == ["M54.50", "M54.51", "M54.59"]
    assert not any(correction.certain for correction in found.corrections)
    assert str(found.at_risk) == "58.0"


def test_each_option_says_what_the_code_means() -> None:
    found = the(reviewed(coded("M54.5")), "diagnosis-retired")
    assert [correction.label for correction in found.corrections] == [
        "Code M54.50 (Low back pain, unspecified) in place of M54.5",
        "Code M54.51 (Vertebrogenic low back pain) in place of M54.5",
        "Code M54.59 (Other low back pain) in place of M54.5",
    ]


def test_an_option_whose_words_are_not_held_is_offered_by_its_code() -> None:
    found = the(reviewed(coded("M25.51")), "diagnosis-retired")
    assert found.corrections[0].label == "Code M25.511 in place of M25.51"


def test_the_dot_stays_away_where_it_was_away() -> None:
    found = the(reviewed(coded("M545")), "diagnosis-retired")
    assert [correction.edits[0].value for correction in found.corrections] == ["M5450", "M5451", "M5459"]


def test_the_words_of_the_old_code_go() -> None:
    content = varied(
        coded("M54.5"),
        lambda claim: claim["diagnosis"][0]["diagnosisCodeableConcept"]["coding"][0].update(display="Low back pain"),
    )
    edits = the(reviewed(content), "diagnosis-retired").corrections[0].edits
    place = "/diagnosis/0/diagnosisCodeableConcept/coding/0"
    assert [(edit.op, edit.path) for edit in edits] == [("replace", f"{place}/code"), ("remove", f"{place}/display")]


def test_the_icd_coding_is_the_one_that_is_mended() -> None:
    snomed = {"system": "http://snomed.info/sct", "code": "279039007"}
    content = varied(
        coded("M54.5"), lambda claim: claim["diagnosis"][0]["diagnosisCodeableConcept"]["coding"].insert(0, snomed)
    )
    edit = the(reviewed(content), "diagnosis-retired").corrections[0].edits[0]
    assert edit.path == "/diagnosis/0/diagnosisCodeableConcept/coding/1/code"


def test_headings_are_followed_down_to_what_may_be_billed() -> None:
    found = the(reviewed(coded("M25.5")), "diagnosis-retired")
    options = [correction.edits[0].value for correction in found.corrections]
    assert options[:2] == ["M25.50", "M25.59"]
    assert "M25.511" in options
    assert len(options) == 23, "each of them"


def test_a_condition_behind_the_claim_is_not_edited_from_here() -> None:
    def by_reference(claim: Json) -> None:
        claim["diagnosis"][0] = {"sequence": 1, "diagnosisReference": {"reference": "Condition/neck"}}

    content = varied(claim(line("97140")), by_reference)
    content["entry"].append({"resource": CONDITION})
    found = the(reviewed(content), "diagnosis-retired")
    assert "M54.5 was not valid" in found.message
    assert not found.corrections


def test_each_date_of_the_lines_that_point_at_it_counts() -> None:
    content = claim(
        line("97140", day="2021-10-04", pointers=(2,)),
        line("97140", day="2021-09-27", pointers=(1,)),
        diagnoses=("M54.5", "M54.2"),
    )
    assert "diagnosis-retired" not in rules_of(content), "M54.5 is pointed at before the change alone"
    both = varied(content, lambda claim: [item.update(diagnosisSequence=[1]) for item in claim["item"]])
    found = the(reviewed(both), "diagnosis-retired")
    assert found.message.startswith("M54.5 was not valid on 2021-10-04")
    assert found.corrections == (), "no successor is valid on both days"
    later = varied(both, lambda claim: claim["item"][1].update(diagnosisSequence=[2]))
    assert len(the(reviewed(later), "diagnosis-retired").corrections) == 3


# --- fit for the service -----------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["97124", "97140"])
@pytest.mark.parametrize(
    ("diagnosis", "supports"), [("M54.2", True), ("S13.4XXA", True), ("J02.9", False), ("E11.9", False)]
)
def test_massage_and_manual_therapy_want_a_diagnosis_that_supports_them(
    code: str, diagnosis: str, supports: bool
) -> None:
    content = claim(line(code), diagnoses=(diagnosis,))
    assert rules_of(content) == ([] if supports else ["diagnosis-not-supporting"])


def test_it_is_a_warning_at_the_line() -> None:
    found = the(reviewed(claim(line("97110"), line("97140"), diagnoses=("J02.9",))), "diagnosis-not-supporting")
    assert found.severity == "warning"
    assert found.expression == ("Claim.item[1].diagnosisSequence",)
    assert found.denial is not None
    assert found.denial.carc == "50"


def test_one_diagnosis_that_supports_is_enough() -> None:
    assert rules_of(claim(line("97140", pointers=(1, 2)), diagnoses=("J02.9", "M54.2"))) == []


def test_another_diagnosis_of_the_claim_is_offered() -> None:
    content = claim(line("97140"), diagnoses=("J02.9", "M54.2"))
    (offered,) = the(reviewed(content), "diagnosis-not-supporting").corrections
    assert (offered.edits[0].path, offered.edits[0].value) == ("/item/0/diagnosisSequence/-", 2)
    assert offered.needs


@pytest.mark.parametrize("payer", ["medicare-part-b", "medicare-advantage"])
@pytest.mark.parametrize(("diagnosis", "right"), [("M99.01", True), ("M99.05", True), ("M54.2", False)])
def test_medicare_wants_a_subluxation_for_manipulation(payer: str, diagnosis: str, right: bool) -> None:
    content = claim(
        line("98941", minutes=None, modifiers=("AT",)), payer=payer, profession="chiropractor", diagnoses=(diagnosis,)
    )
    if right:
        assert rules_of(content) == []
        return
    found = the(reviewed(content), "diagnosis-not-supporting")
    assert found.severity == "error"
    assert found.denial is not None
    assert found.denial.carc == "11"


@pytest.mark.parametrize("payer", ["commercial", "auto", "self-pay"])
def test_others_do_not_want_a_subluxation(payer: str) -> None:
    assert rules_of(claim(line("98941", minutes=None), payer=payer, profession="chiropractor")) == []


@pytest.mark.parametrize("payer", ["self-pay", "hsa-fsa"])
def test_who_pays_oneself_asks_for_no_support(payer: str) -> None:
    assert rules_of(claim(line("97124"), payer=payer, diagnoses=("J02.9",))) == []


@pytest.mark.parametrize(
    ("diagnoses", "pointers"),
    [(("M54.5",), (1,)), (("J02.9",), (1, 7)), (("J02.9", "M54.5"), (1, 2))],
    ids=["retired", "a pointer that leads nowhere", "one of two retired"],
)
def test_a_diagnosis_that_is_itself_wrong_is_not_judged(diagnoses: tuple[str, ...], pointers: tuple[int, ...]) -> None:
    assert "diagnosis-not-supporting" not in rules_of(claim(line("97140", pointers=pointers), diagnoses=diagnoses))


def test_a_diagnosis_in_another_system_is_no_icd_code() -> None:
    content = varied(
        claim(line("97140")),
        lambda claim: claim["diagnosis"][0].update(
            diagnosisCodeableConcept=concept("81680005", "http://snomed.info/sct")
        ),
    )
    assert rules_of(content) == ["diagnosis-not-coded"]


def test_an_unknown_payer_is_not_judged() -> None:
    content = claim(line("97140"), diagnoses=("J02.9",))
    resource(content, "Coverage").update(type={"text": "?"}, payor=[])
    assert rules_of(content) == []


@pytest.mark.parametrize("payer", sorted(PAYORS))
@pytest.mark.parametrize("diagnosis", ["M54.2", "M54.50", "M79.18", "M62.830", "G44.209", "S16.1XXA", "M75.01"])
def test_diagnoses_of_every_day_are_met_with_silence(payer: str, diagnosis: str) -> None:
    assert rules_of(claim(line("97140"), line("97124"), payer=payer, diagnoses=(diagnosis,))) == []
