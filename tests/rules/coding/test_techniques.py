"""The technique that the record names, against the code that the claim bills."""

from __future__ import annotations

import pytest

from tests.claims import Json, claim, grave, line, reviewed, the, varied

CPT = "http://www.ama-assn.org/go/cpt"


def _said(code: str, text: str | None = None, display: str | None = None, snomed: str | None = None) -> Json:
    def change(claim: Json) -> None:
        concept = claim["item"][0]["productOrService"]
        if text:
            concept["text"] = text
        if display:
            concept["coding"][0]["display"] = display
        if snomed:
            concept["coding"].append({"system": "http://snomed.info/sct", "code": snomed})

    return varied(claim(line(code)), change)


@pytest.mark.parametrize(
    ("code", "text", "other"),
    [
        ("97124", "Myofascial release, right shoulder", "97140"),
        ("97124", "Soft tissue mobilization", "97140"),
        ("97124", "Manual traction of the neck", "97140"),
        ("97124", "Manual lymphatic drainage", "97140"),
        ("97140", "Swedish massage", "97124"),
        ("97140", "Effleurage and petrissage", "97124"),
        ("97140", "Relaxation massage", "97124"),
    ],
)
def test_a_technique_of_the_other_code(code: str, text: str, other: str) -> None:
    report = reviewed(_said(code, text))
    found = the(report, "technique-code-mismatch")
    assert found.severity == "warning"
    assert found.expression == ("Claim.item[0].productOrService",)
    [correction] = found.corrections
    assert correction.needs == "that the record of the visit describes this technique"
    item = report.corrected_by(found, correction)["item"][0]
    assert item["productOrService"]["coding"] == [{"system": CPT, "code": other}]
    assert found.citations


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("97140", "Joint mobilization, then effleurage"),
        ("97124", "Effleurage and myofascial release"),
        ("97124", "Massage, neck"),
        ("97140", "Hands-on work"),
        ("97110", "Exercise after myofascial release"),
    ],
)
def test_its_own_technique_or_none_is_no_mismatch(code: str, text: str) -> None:
    assert grave(reviewed(_said(code, text))) == []


def test_what_was_done_goes_before_what_the_code_is_called() -> None:
    report = reviewed(_said("97124", "Myofascial release", display="Massage therapy"))
    found = the(report, "technique-code-mismatch")
    coding = report.corrected_by(found, found.corrections[0])["item"][0]["productOrService"]["coding"]
    assert coding == [{"system": CPT, "code": "97140"}], "the display of the old code goes"


def test_the_codes_display_counts_where_nothing_else_is_said() -> None:
    the(reviewed(_said("97124", display="Manual therapy techniques")), "technique-code-mismatch")
    assert grave(reviewed(_said("97140", display="Manual therapy techniques"))) == []


def test_a_snomed_code_on_the_line() -> None:
    found = the(reviewed(_said("97140", snomed="387854002")), "technique-code-mismatch")
    assert found.message == ("The SNOMED CT code on the line is 97124 (massage therapy), not 97140 (manual therapy).")
    assert grave(reviewed(_said("97124", snomed="387854002"))) == []


def test_the_words_of_the_procedure_behind_the_line() -> None:
    bundle = claim(line("97124"))
    bundle["entry"].append(
        {"resource": {"resourceType": "Procedure", "id": "done", "code": {"text": "Myofascial release of the neck"}}}
    )

    def of_procedure(claim: Json) -> None:
        claim["procedure"] = [{"sequence": 1, "procedureReference": {"reference": "Procedure/done"}}]
        claim["item"][0]["procedureSequence"] = [1]

    the(reviewed(varied(bundle, of_procedure)), "technique-code-mismatch")


@pytest.mark.parametrize(
    ("code", "text", "other"),
    [
        ("97124", "Massage therapy: myofascial release of the upper trapezius", "97140"),
        ("97140", "Manual therapy (Swedish massage)", "97124"),
    ],
)
def test_the_name_of_the_service_is_no_technique(code: str, text: str, other: str) -> None:
    (correction,) = the(reviewed(_said(code, text)), "technique-code-mismatch").corrections
    assert other in correction.label


def test_the_name_counts_where_no_technique_is_named() -> None:
    the(reviewed(_said("97140", "Massage therapy")), "technique-code-mismatch")
    assert grave(reviewed(_said("97124", "Massage therapy"))) == []
