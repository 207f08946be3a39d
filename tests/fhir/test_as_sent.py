"""Claims as real systems send them: the same findings, however the same thing is spelled."""

from __future__ import annotations

from typing import Any

import pytest

from tests.claims import Json, claim, grave, line, reviewed, the, varied

MEDICARE = "medicare-part-b"
CPT = "http://www.ama-assn.org/go/cpt"


def _rules(bundle: Json) -> list[tuple[str, str]]:
    return sorted((finding.rule, finding.severity) for finding in reviewed(bundle).findings)


def _wrong() -> Json:
    """Nine units on fifteen minutes to Medicare, without GP."""
    return claim(line("97140", units=9), payer=MEDICARE)


def _coded(bundle: Json, system: str | None, code: str) -> Json:
    coding = {"code": code, **({"system": system} if system else {})}
    return varied(bundle, lambda c: c["item"][0].update(productOrService={"coding": [coding]}))


@pytest.mark.parametrize(
    "system",
    [
        None,
        "http://www.ama-assn.org/go/cpt/",
        "https://www.ama-assn.org/go/cpt",
        "http://ama-assn.org/go/cpt",
        "urn:oid:2.16.840.1.113883.6.12",
        "2.16.840.1.113883.6.12",
        "urn:oid:2.16.840.1.113883.6.14",
        "https://bluebutton.cms.gov/resources/codesystem/hcpcs",
        "CPT",
        "http://clinic.example.org/fees",
    ],
)
def test_a_code_says_the_same_in_every_system(system: str | None) -> None:
    found = _rules(_coded(_wrong(), system, "97140"))
    assert found == _rules(_coded(_wrong(), CPT, "97140"))
    assert ("therapy-modifier-missing", "error") in found


def test_a_code_in_words_alone_is_read() -> None:
    bundle = varied(_wrong(), lambda c: c["item"][0].update(productOrService={"text": "97140"}))
    assert ("therapy-modifier-missing", "error") in _rules(bundle)


@pytest.mark.parametrize("code", ["97140-GP", "97140:GP", "97140 GP", "97140GP"])
def test_a_modifier_glued_to_the_code_is_a_modifier(code: str) -> None:
    assert grave(reviewed(_coded(claim(line("97140"), payer=MEDICARE), CPT, code))) == []


def test_a_modifier_in_words_alone_is_read() -> None:
    bundle = varied(claim(line("97140"), payer=MEDICARE), lambda c: c["item"][0].update(modifier=[{"text": "GP"}]))
    assert grave(reviewed(bundle)) == []


def test_a_modifier_beside_one_in_words_is_pointed_at_where_it_stands() -> None:
    modifiers = [{"text": "GP"}, {"coding": [{"code": "Z9"}]}]
    report = reviewed(varied(claim(line("97140"), payer=MEDICARE), lambda c: c["item"][0].update(modifier=modifiers)))
    assert the(report, "modifier-invalid").expression == ("Claim.item[0].modifier[1]",)


def test_a_coding_of_another_system_among_the_modifiers_is_none() -> None:
    ndc = {
        "coding": [{"system": "https://bluebutton.cms.gov/resources/variables/rev_cntr_ndc_qty_qlfr_cd", "code": "ML"}]
    }
    bundle = claim(line("97140", modifiers=("GP",)), payer=MEDICARE)
    assert grave(reviewed(varied(bundle, lambda c: c["item"][0]["modifier"].append(ndc)))) == []


def test_a_diagnosis_in_cms_own_spelling_is_read() -> None:
    coding = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "M545"}]}
    bundle = varied(claim(), lambda c: c["diagnosis"][0].update(diagnosisCodeableConcept=coding))
    assert "diagnosis-retired" in {rule for rule, _ in _rules(bundle)}


@pytest.mark.parametrize(("indicator", "asked"), [("MB", True), ("CI", False), ("AM", False)])
def test_the_claim_filing_indicator_tells_the_payer(indicator: str, asked: bool) -> None:
    coding = {"coding": [{"system": "https://codesystem.x12.org/005010/1032", "code": indicator}]}

    def change(coverage: Json) -> None:
        coverage.update(type=coding, payor=[{"display": "A plan nobody knows"}])

    bundle = varied(claim(line("97140"), payer=MEDICARE), change, kind="Coverage")
    assert ("therapy-modifier-missing" in {rule for rule, _ in _rules(bundle)}) is asked


def test_a_coverage_named_by_display_alone_tells_the_payer() -> None:
    bundle = varied(
        claim(line("97140"), payer=MEDICARE), lambda c: c["insurance"][0].update(coverage={"display": "Medicare"})
    )
    assert "therapy-modifier-missing" in {rule for rule, _ in _rules(bundle)}


def test_several_regions_in_one_text_are_each_a_region() -> None:
    manipulation = line("98941", minutes=None, region="cervical, thoracic and lumbar")
    bundle = claim(manipulation, line("97140", modifiers=("59",), region="cervical"), profession="chiropractor")
    assert "ptp-same-region" in {rule for rule, _ in _rules(bundle)}


@pytest.mark.parametrize(("name", "asked"), [("VA CCN OPTUM", True), ("VACCN", True), ("CHAMPVA", False)])
def test_the_va_network_asks_for_authorization_and_champva_does_not(name: str, asked: bool) -> None:
    def change(coverage: Json) -> None:
        coverage.pop("type", None)
        coverage["payor"] = [{"display": name}]

    bundle = varied(claim(payer="veterans-affairs", authorization="", referral=False), change, kind="Coverage")
    assert ("authorization-missing" in {rule for rule, _ in _rules(bundle)}) is asked


class TestKinds:
    def test_an_institutional_claim_has_no_pointers(self) -> None:
        def change(bill: Json) -> None:
            bill["type"] = {"coding": [{"code": "institutional"}]}
            del bill["item"][0]["diagnosisSequence"]

        assert grave(reviewed(varied(claim(line("97140", modifiers=("GP",)), payer=MEDICARE), change))) == []

    @pytest.mark.parametrize("use", ["preauthorization", "predetermination"])
    def test_a_request_asks_about_what_has_not_been_done(self, use: str) -> None:
        def change(bill: Json) -> None:
            bill["use"] = use
            bill["item"][0].pop("servicedDate", None)
            bill["item"][0].pop("servicedPeriod", None)
            bill["item"][0]["quantity"] = {"value": 12}

        assert grave(reviewed(varied(claim(line("97140", modifiers=("GP",)), payer=MEDICARE), change))) == []


class TestEarlierBills:
    @pytest.mark.parametrize(
        ("change", "counts"),
        [
            ({}, True),
            ({"status": "draft"}, False),
            ({"status": "entered-in-error"}, False),
            ({"status": "cancelled"}, False),
            ({"outcome": "error"}, False),
            ({"created": "2026-12-20"}, False),
        ],
    )
    def test_an_answer_counts_only_where_it_adjudicated_another_bill(self, change: Json, counts: bool) -> None:
        bundle = claim()
        answered: dict[str, Any] = {
            "resourceType": "ExplanationOfBenefit", "id": "e1", "status": "active", "outcome": "complete",
            "patient": {"reference": "Patient/p1"}, "created": "2026-11-02",
            "careTeam": [{"sequence": 1, "provider": {
                "identifier": {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893"}}}],
            "item": [{"sequence": 1, "productOrService": {"coding": [{"code": "97140"}]}, "servicedDate": "2026-11-02"}],
            **change,
        }  # fmt: skip
        bundle["entry"].append({"resource": answered})
        assert ("duplicate-claim" in {rule for rule, _ in _rules(bundle)}) is counts
