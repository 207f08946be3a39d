"""Modifiers that conflict, do not exist, or are asked for and missing."""

from __future__ import annotations

import pytest

from fhir_massage import Report
from tests.claims import Json, claim, concept, corrected, line, reviewed, the, varied, with_claim

MEDICARE = "medicare-part-b"


def _rules(bundle: Json) -> set[str]:
    return {finding.rule for finding in reviewed(bundle).findings}


def _modifiers(report: Report, item: int = 0) -> list[str]:
    return [coding["code"] for each in corrected(report)["item"][item].get("modifier", []) for coding in each["coding"]]


def _one(
    *modifiers: str, code: str = "97140", payer: str = "commercial", profession: str = "physical-therapist"
) -> Json:
    return claim(line(code, modifiers=modifiers), payer=payer, profession=profession)


class TestConflicts:
    def test_59_beside_an_x_modifier_is_redundant(self) -> None:
        bundle = claim(line("98940", minutes=None), line("97140", modifiers=("59", "XS")), profession="chiropractor")
        report = reviewed(bundle)
        found = the(report, "modifier-conflict")
        assert found.expression == ("Claim.item[1].modifier",)
        assert found.corrections[0].certain
        assert _modifiers(report, 1) == ["XS"]

    def test_two_disciplines_are_for_a_person(self) -> None:
        found = the(reviewed(_one("GP", "GO")), "modifier-conflict")
        assert [c.label for c in found.corrections] == ["Drop GO", "Drop GP"]
        assert all(c.needs for c in found.corrections)

    @pytest.mark.parametrize("pair", [("GA", "GZ"), ("GA", "GY"), ("GX", "GA"), ("GX", "GZ"), ("GZ", "GX")])
    def test_notices_that_contradict(self, pair: tuple[str, str]) -> None:
        found = the(reviewed(_one(*pair)), "modifier-conflict")
        assert {c.label for c in found.corrections} == {f"Drop {m}" for m in pair}

    def test_gx_with_gy_goes_together(self) -> None:
        assert "modifier-conflict" not in _rules(_one("GX", "GY"))

    def test_an_assistants_cq_gets_its_gp(self) -> None:
        report = reviewed(_one("CQ", profession="physical-therapist-assistant"))
        found = the(report, "modifier-conflict")
        assert [(c.label, c.certain) for c in found.corrections] == [("Add GP", True)]
        assert sorted(_modifiers(report)) == ["CQ", "GP"]

    def test_cq_of_somebody_else_is_for_a_person(self) -> None:
        found = the(reviewed(_one("CQ")), "modifier-conflict")
        assert [(c.label, c.certain) for c in found.corrections] == [("Add GP", False), ("Drop CQ", False)]


class TestInvalid:
    @pytest.mark.parametrize("modifier", ["QQQ", "5", "0?"])
    def test_nobody_knows_it(self, modifier: str) -> None:
        found = the(reviewed(_one("GP", modifier)), "modifier-invalid")
        assert found.expression == ("Claim.item[0].modifier[1]",)
        assert found.denial is not None
        assert found.denial.rarc == ("N519",)
        assert found.citations
        assert not found.corrections

    @pytest.mark.parametrize("given", [("GP", "GP"), ("GP", "GP", "GP")])
    def test_repeated(self, given: tuple[str, ...]) -> None:
        report = reviewed(_one(*given))
        found = [f for f in report.findings if f.rule == "modifier-invalid"]
        assert [f.expression[0] for f in found] == [f"Claim.item[0].modifier[{n}]" for n in range(1, len(given))]
        assert all(f.corrections[0].certain for f in found)
        assert _modifiers(report) == ["GP"]

    def test_two_codings_of_one_element(self) -> None:
        def together(resource: Json) -> None:
            resource["item"][0]["modifier"] = [{"coding": [{"code": "GP"}, {"code": "XX"}]}, concept("KX")]

        found = the(reviewed(varied(_one("GP"), together)), "modifier-invalid")
        assert found.expression == ("Claim.item[0].modifier[0]",)

    def test_before_the_list_nothing_is_known(self) -> None:
        bundle = claim(line("97140", modifiers=("GP",), day="2014-11-03"))
        assert "modifier-invalid" not in _rules(bundle)


class TestTherapy:
    @pytest.mark.parametrize(
        ("profession", "modifier"), [("physical-therapist", "GP"), ("occupational-therapist", "GO")]
    )
    def test_the_therapists_own(self, profession: str, modifier: str) -> None:
        bundle = _one(payer=MEDICARE, profession=profession)
        report = reviewed(bundle)
        found = the(report, "therapy-modifier-missing")
        assert found.expression == ("Claim.item[0].modifier",)
        assert found.corrections[0].certain
        assert _modifiers(report) == [modifier]
        assert "therapy-modifier-missing" not in _rules(with_claim(bundle, corrected(report)))

    @pytest.mark.parametrize("profession", ["physician", "advanced-practice", "chiropractor"])
    def test_others_must_know_the_plan(self, profession: str) -> None:
        (add,) = the(reviewed(_one(payer=MEDICARE, profession=profession)), "therapy-modifier-missing").corrections
        assert (add.label[:6], add.certain) == ("Add GP", False)

    def test_nobody_elses(self) -> None:
        assert not the(
            reviewed(_one(payer=MEDICARE, profession="massage-therapist")), "therapy-modifier-missing"
        ).corrections

    def test_not_where_the_payer_does_not_ask(self) -> None:
        assert "therapy-modifier-missing" not in _rules(_one())

    @pytest.mark.parametrize("modifier", ["GP", "GO", "GN"])
    def test_any_of_them_will_do(self, modifier: str) -> None:
        report = reviewed(_one(modifier, payer=MEDICARE))
        assert "therapy-modifier-missing" not in {f.rule for f in report.findings if f.severity == "error"}


class TestAssistants:
    @pytest.mark.parametrize(
        ("profession", "given", "after"),
        [
            ("physical-therapist-assistant", ("GP",), ["GP", "CQ"]),
            ("physical-therapist-assistant", (), ["GP", "CQ"]),
            ("occupational-therapy-assistant", ("GO",), ["GO", "CO"]),
            ("occupational-therapy-assistant", (), ["GO", "CO"]),
        ],
    )
    @pytest.mark.parametrize("payer", [MEDICARE, "tricare"])
    def test_the_modifier_is_added(self, profession: str, given: tuple[str, ...], after: list[str], payer: str) -> None:
        report = reviewed(_one(*given, payer=payer, profession=profession))
        assert the(report, "assistant-modifier-missing").corrections[0].certain
        assert _modifiers(report) == after

    def test_under_another_discipline_nothing_is_certain(self) -> None:
        report = reviewed(_one("GO", payer=MEDICARE, profession="physical-therapist-assistant"))
        assert not the(report, "assistant-modifier-missing").corrections

    def test_not_for_a_therapist_nor_where_nobody_asks(self) -> None:
        assert "assistant-modifier-missing" not in _rules(_one("GP", payer=MEDICARE))
        assert "assistant-modifier-missing" not in _rules(_one("GP", profession="physical-therapist-assistant"))


class TestThreshold:
    def _with_benefit(self, bundle: Json, used: float, **item: object) -> Json:
        money = {
            "type": concept("benefit"),
            "allowedMoney": {"value": 2480},
            "usedMoney": {"value": used, "currency": "USD"},
        }
        answer = {
            "resourceType": "CoverageEligibilityResponse", "id": "answer", "status": "active", "purpose": ["benefits"],
            "patient": {"reference": "Patient/p1"}, "created": "2026-11-01", "outcome": "complete",
            "insurance": [{"coverage": {"reference": "Coverage/cov"}, "item": [{"benefit": [money], **item}]}],
        }  # fmt: skip
        bundle["entry"].append(
            {"fullUrl": "http://ehr.example.org/fhir/CoverageEligibilityResponse/answer", "resource": answer}
        )
        return bundle

    @pytest.mark.parametrize(("used", "fires"), [(2479.99, False), (2480, True), (3100, True)])
    def test_above_the_years_amount(self, used: float, *, fires: bool) -> None:
        bundle = self._with_benefit(_one("GP", payer=MEDICARE), used)
        assert ("threshold-modifier-missing" in _rules(bundle)) is fires

    def test_kx_needs_the_record(self) -> None:
        report = reviewed(self._with_benefit(_one("GP", payer=MEDICARE), 2600, category=concept("PT")))
        (add,) = the(report, "threshold-modifier-missing").corrections
        assert add.label.startswith("Add KX")
        assert add.needs is not None

    def test_silent_with_kx_without_an_answer_and_for_other_benefits(self) -> None:
        assert "threshold-modifier-missing" not in _rules(self._with_benefit(_one("GP", "KX", payer=MEDICARE), 2600))
        assert "threshold-modifier-missing" not in _rules(_one("GP", payer=MEDICARE))
        other = self._with_benefit(_one("GP", payer=MEDICARE), 2600, productOrService=concept("99213"))
        assert "threshold-modifier-missing" not in _rules(other)

    def test_occupational_therapy_has_its_own_amount(self) -> None:
        bundle = _one("GO", payer=MEDICARE, profession="occupational-therapist")
        bundle = self._with_benefit(bundle, 100, category=concept("AD"))
        assert "threshold-modifier-missing" not in _rules(self._with_benefit(bundle, 2600, category=concept("AF")))


class TestManipulation:
    def _claim(self, *modifiers: str, payer: str = MEDICARE) -> Json:
        return claim(line("98941", minutes=None, modifiers=modifiers), payer=payer, profession="chiropractor")

    def test_at_needs_active_treatment(self) -> None:
        found = the(reviewed(self._claim()), "manipulation-modifier-missing")
        (add,) = found.corrections
        assert add.label.startswith("Add AT")
        assert add.needs is not None
        assert "active treatment" in add.needs

    @pytest.mark.parametrize("modifier", ["AT", "GA", "GY", "GZ"])
    def test_settled_by(self, modifier: str) -> None:
        assert "manipulation-modifier-missing" not in _rules(self._claim(modifier))

    def test_not_for_other_payers(self) -> None:
        assert "manipulation-modifier-missing" not in _rules(self._claim(payer="commercial"))


class TestNeverCovered:
    def test_gy_where_a_denial_is_wanted(self) -> None:
        report = reviewed(_one("GP", payer=MEDICARE, profession="chiropractor", code="97124"))
        found = the(report, "noncovered-modifier-missing")
        assert found.severity == "warning"
        (add,) = found.corrections
        assert add.label.startswith("Add GY")
        assert add.needs is not None

    def test_ga_speaks_of_something_else(self) -> None:
        """GA is for a covered service that is not covered this time; GY takes its place."""
        report = reviewed(_one("GA", payer=MEDICARE, profession="chiropractor", code="97124"))
        found = the(report, "noncovered-modifier-missing")
        (instead,) = found.corrections
        item = report.corrected_by(found, instead)["item"][0]
        assert item["modifier"] == [{"coding": [{"code": "GY"}]}]

    def test_who_cannot_enroll_sends_nothing_for_a_denial(self) -> None:
        report = reviewed(_one("GP", payer=MEDICARE, profession="massage-therapist", code="97124"))
        assert "noncovered-modifier-missing" not in {f.rule for f in report.findings}

    def test_a_line_sent_for_its_denial_is_right(self) -> None:
        bundle = _one("GY", "GP", payer=MEDICARE, profession="chiropractor", code="97140")
        assert not [f.rule for f in reviewed(bundle).findings if f.severity == "error"]

    @pytest.mark.parametrize("modifier", ["GX", "GY", "GZ"])
    def test_said_already(self, modifier: str) -> None:
        bundle = _one("GP", modifier, payer=MEDICARE, profession="massage-therapist")
        assert "noncovered-modifier-missing" not in _rules(bundle)

    def test_not_for_covered_services_nor_other_payers(self) -> None:
        assert "noncovered-modifier-missing" not in _rules(_one("GP", payer=MEDICARE))
        assert "noncovered-modifier-missing" not in _rules(
            _one("GP", payer="medicare-advantage", profession="massage-therapist")
        )


class TestSeveralFaultsOfOneLine:
    def test_a_redundant_59_among_repeated_modifiers(self) -> None:
        bundle = claim(
            line("98940", minutes=None), line("97140", modifiers=("59", "XS", "XS")), profession="chiropractor"
        )
        report = reviewed(bundle)
        assert the(report, "modifier-conflict").corrections[0].certain
        assert the(report, "modifier-invalid").corrections[0].certain
        assert _modifiers(report, 1) == ["XS"]

    def test_an_assistant_without_any_modifier(self) -> None:
        """Two rules ask for GP, and one of them for CQ besides: it is added once."""
        report = reviewed(_one(payer=MEDICARE, profession="physical-therapist-assistant"))
        assert {f.rule for f in report.findings if f.severity == "error"} == {
            "therapy-modifier-missing", "assistant-modifier-missing",
        }  # fmt: skip
        assert _modifiers(report) == ["GP", "CQ"]

    def test_an_assistants_modifier_under_the_other_discipline(self) -> None:
        """CO with GP: GO in its place, if the plan of care is one of occupational therapy."""
        report = reviewed(_one("CO", "GP", payer=MEDICARE, profession="occupational-therapy-assistant"))
        found = the(report, "modifier-conflict")
        (instead,) = found.corrections
        assert instead.label == "Put GO in place of GP"
        assert instead.needs == "that the plan of care is the one that GO names"
        item = report.corrected_by(found, instead)["item"][0]
        assert [c["coding"][0]["code"] for c in item["modifier"]] == ["CO", "GO"]

    @pytest.mark.parametrize("pair", [("GP", "GO"), ("GP", "GN"), ("GO", "GN"), ("GN", "GP")])
    def test_each_pair_of_disciplines(self, pair: tuple[str, str]) -> None:
        found = the(reviewed(_one(*pair)), "modifier-conflict")
        assert (found.severity, found.denial and found.denial.carc) == ("error", "4")
        assert {c.label for c in found.corrections} == {f"Drop {m}" for m in pair}

    @pytest.mark.parametrize("distinct", ["XE", "XP", "XS", "XU"])
    def test_59_beside_each_x_modifier(self, distinct: str) -> None:
        bundle = claim(
            line("98940", minutes=None), line("97140", modifiers=(distinct, "59")), profession="chiropractor"
        )
        assert _modifiers(reviewed(bundle), 1) == [distinct]

    def test_a_modifier_in_lower_case_is_the_same(self) -> None:
        assert the(reviewed(_one("GP", "gp")), "modifier-invalid").corrections[0].certain
