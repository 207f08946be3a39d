"""What is billed twice: on one claim, and on two."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from fhir_massage import Finding, Report
from tests.claims import Json, claim, grave, line, resource, reviewed, the, varied, with_claim


def _offered(report: Report, finding: Finding, start: str) -> Json:
    """The claim with the correction whose label starts so."""
    [correction] = [c for c in finding.corrections if c.label.startswith(start)]
    assert correction.needs
    return report.corrected_by(finding, correction)


class TestLines:
    def test_a_service_on_two_lines(self) -> None:
        bundle = claim(line("97140"), line("97140"))
        report = reviewed(bundle)
        found = the(report, "duplicate-line")
        assert found.expression == ("Claim.item[1]",)
        assert found.message == "97140 (manual therapy) on 2026-11-02 stands on line 1 already."
        assert [c.label for c in found.corrections] == [
            "Bill line 1 with 2 units, and remove line 2",
            "Remove line 2",
        ]
        assert report.corrected == {}

    def test_one_line_has_the_units_the_minutes_and_the_charge_of_both(self) -> None:
        bundle = claim(line("97140", units=1, minutes=15), line("97140", units=2, minutes=30))
        report = reviewed(bundle)
        merged = _offered(report, the(report, "duplicate-line"), "Bill line 1")
        assert [item["quantity"]["value"] for item in merged["item"]] == [3]
        assert merged["item"][0]["net"]["value"] == 174
        assert merged["total"]["value"] == 174
        assert reviewed(with_claim(bundle, merged)).findings == ()

    def test_minutes_of_periods_are_added_too(self) -> None:
        bundle = claim(line("97140", at=("10:00", "10:15")), line("97140", at=("10:30", "10:45")), payer="commercial")
        report = reviewed(bundle)
        merged = _offered(report, the(report, "duplicate-line"), "Bill line 1")
        assert reviewed(with_claim(bundle, merged)).findings == ()

    def test_without_minutes_only_units_are_added(self) -> None:
        bundle = claim(line("97140", minutes=None), line("97140", minutes=None))
        report = reviewed(bundle)
        merged = _offered(report, the(report, "duplicate-line"), "Bill line 1")
        assert "informationSequence" not in merged["item"][0]

    def test_or_one_line_goes(self) -> None:
        bundle = claim(line("97140"), line("97140"), line("97110"))
        report = reviewed(bundle)
        left = _offered(report, the(report, "duplicate-line"), "Remove line 2")
        assert [item["sequence"] for item in left["item"]] == [1, 3]
        assert left["total"]["value"] == 116

    def test_modifiers_in_another_order_are_the_same(self) -> None:
        bundle = claim(
            line("97140", modifiers=("GP", "KX")), line("97140", modifiers=("KX", "GP")), payer="medicare-part-b"
        )
        the(reviewed(bundle), "duplicate-line")

    @pytest.mark.parametrize("repeat", ["76", "77", "91"])
    def test_a_repeat_that_is_marked_is_none(self, repeat: str) -> None:
        for first in ((), (repeat,)):
            bundle = claim(line("97140", modifiers=first), line("97140", modifiers=(repeat,)))
            assert "duplicate-line" not in grave(reviewed(bundle))

    def test_other_modifiers_or_days_make_another_service(self) -> None:
        other_modifier = claim(line("97140", modifiers=("GP",)), line("97140"))
        other_day = claim(line("97140"), line("97140", day="2026-10-26"))
        for bundle in (other_modifier, other_day):
            assert "duplicate-line" not in grave(reviewed(bundle))

    def test_three_of_a_kind_are_two_too_many(self) -> None:
        report = reviewed(claim(line("97140"), line("97140"), line("97140")))
        found = [f.expression[0] for f in report.findings if f.rule == "duplicate-line"]
        assert found == ["Claim.item[1]", "Claim.item[2]"]


def _two_claims(**second: Any) -> Json:
    """The same claim twice in a Bundle; the second one varied."""
    bundle = claim()
    twin = {**copy.deepcopy(resource(bundle, "Claim")), "id": "c2", **second}
    bundle["entry"].append({"fullUrl": "http://ehr.example.org/fhir/Claim/c2", "resource": twin})
    return bundle


def _duplicates(report: Report) -> list[tuple[str, str]]:
    return [(f.resource, f.expression[0]) for f in report.findings if f.rule == "duplicate-claim"]


class TestClaims:
    def test_the_one_created_later_is_the_duplicate(self) -> None:
        assert _duplicates(reviewed(_two_claims(created="2026-11-05"))) == [("Claim/c2", "Claim.item[0]")]
        assert _duplicates(reviewed(_two_claims(created="2026-11-02"))) == [("Claim/c1", "Claim.item[0]")]

    def test_of_one_day_the_later_in_the_document(self) -> None:
        report = reviewed(_two_claims())
        assert _duplicates(report) == [("Claim/c2", "Claim.item[0]")]
        assert "was billed by the same provider on Claim/c1 already" in the(report, "duplicate-claim").message

    def test_the_place_in_the_document_survives_a_correction(self) -> None:
        bundle = _two_claims()
        bundle["entry"][-1]["resource"]["total"]["value"] = 1
        report = reviewed(bundle)
        mended = {"Claim/c2": report.corrected["Claim/c2"]}
        bundle["entry"][-1]["resource"] = mended["Claim/c2"]
        assert _duplicates(reviewed(bundle)) == [("Claim/c2", "Claim.item[0]")]

    def test_a_claim_that_replaces_the_other_is_none(self) -> None:
        related = [{"claim": {"reference": "Claim/c1"}, "relationship": {"coding": [{"code": "prior"}]}}]
        assert _duplicates(reviewed(_two_claims(created="2026-11-05", related=related))) == []
        assert _duplicates(reviewed(_two_claims(related=related))) == []
        assert _duplicates(reviewed(_two_claims(created="2026-11-02", related=related))) == []

    def test_a_claim_that_is_only_associated_is_not_replaced(self) -> None:
        related = [{"claim": {"reference": "Claim/c1"}, "relationship": {"coding": [{"code": "associated"}]}}]
        assert _duplicates(reviewed(_two_claims(created="2026-11-05", related=related))) == [
            ("Claim/c2", "Claim.item[0]")
        ]

    def test_the_replaced_claim_may_be_named_by_its_number(self) -> None:
        number = {"system": "http://clinic.example.org/claims", "value": "4711"}
        related = [{"claim": {"identifier": number}}]
        bundle = varied(_two_claims(related=related), lambda c: c.update(identifier=[number]))
        assert _duplicates(reviewed(bundle)) == []

    @pytest.mark.parametrize(
        ("first", "second", "duplicate"),
        [
            ("2026-11-03T10:00:00Z", "2026-11-03T09:00:00Z", "Claim/c1"),
            ("2026-11-03T09:00:00Z", "2026-11-03T10:00:00Z", "Claim/c2"),
            ("2026-11-03T09:00:00-08:00", "2026-11-03T10:00:00-05:00", "Claim/c1"),
            ("2026-11-03T10:00:00Z", "2026-11-03", "Claim/c2"),
        ],
    )
    def test_of_one_day_the_hour_tells(self, first: str, second: str, duplicate: str) -> None:
        bundle = varied(_two_claims(created=second), lambda c: c.update(created=first))
        assert _duplicates(reviewed(bundle)) == [(duplicate, "Claim.item[0]")]

    def test_a_correction_does_not_make_a_claim_its_own_duplicate(self) -> None:
        bundle = varied(_two_claims(patient={"reference": "Patient/p2"}), lambda c: c["total"].update(value=1))
        report = reviewed(bundle)
        assert [f.rule for f in report.findings if f.resource == "Claim/c1"] == ["charge-mismatch"]
        assert the(report, "charge-mismatch").corrections

    def test_a_cancelled_claim_was_sent_all_the_same(self) -> None:
        bundle = _two_claims(created="2026-11-05")
        resource(bundle, "Claim")["status"] = "cancelled"
        assert _duplicates(reviewed(bundle)) == [("Claim/c2", "Claim.item[0]")]

    def test_a_question_beforehand_is_no_bill(self) -> None:
        assert _duplicates(reviewed(_two_claims(use="predetermination", created="2026-11-01"))) == []

    @pytest.mark.parametrize(
        "difference",
        [
            {"patient": {"reference": "Patient/p2"}},
            {"careTeam": [{"sequence": 1, "provider": {"reference": "Practitioner/other"}}]},
        ],
        ids=["another patient", "another provider"],
    )
    def test_another_patient_or_provider_is_another_service(self, difference: Json) -> None:
        assert _duplicates(reviewed(_two_claims(created="2026-11-05", **difference))) == []

    def test_another_day_or_code_is_another_service(self) -> None:
        for name, value in (("servicedDate", "2026-11-01"), ("productOrService", {"coding": [{"code": "97110"}]})):
            bundle = _two_claims(created="2026-11-05")
            bundle["entry"][-1]["resource"]["item"][0][name] = value
            assert _duplicates(reviewed(bundle)) == []

    def test_a_payers_answer_to_an_earlier_claim_counts_whichever_way_it_names_the_provider(self) -> None:
        bundle = claim()
        answered = {
            "resourceType": "ExplanationOfBenefit",
            "id": "e1",
            "status": "active",
            "patient": {"reference": "Patient/p1"},
            "created": "2026-11-20",
            "claim": {"reference": "Claim/long-ago"},
            "careTeam": [
                {
                    "sequence": 1,
                    "provider": {"identifier": {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893"}},
                }
            ],
            "item": [
                {"sequence": 1, "productOrService": {"coding": [{"code": "97140"}]}, "servicedDate": "2026-11-02"}
            ],
        }
        bundle["entry"].append({"resource": answered})
        assert _duplicates(reviewed(bundle)) == [("Claim/c1", "Claim.item[0]")]
        answered["claim"] = {"reference": "Claim/c1"}
        assert _duplicates(reviewed(bundle)) == [], "the answer to the claim itself is no other bill"

    def test_a_marked_repeat_is_none(self) -> None:
        bundle = varied(_two_claims(created="2026-11-05"), lambda c: None)
        bundle["entry"][-1]["resource"]["item"][0]["modifier"] = [{"coding": [{"code": "76"}]}]
        assert _duplicates(reviewed(bundle)) == []
