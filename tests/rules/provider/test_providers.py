"""Who rendered: paid or not by each payer, known or not, and with a right identifier."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_massage.rules.provider.npi_invalid import is_npi
from tests.claims import (
    NPI_THERAPIST,
    PAYORS,
    TAXONOMY,
    Json,
    bundle,
    claim,
    concept,
    line,
    resource,
    reviewed,
    the,
    varied,
)

NUCC = "http://nucc.org/provider-taxonomy"


def rules_of(content: Json) -> list[str]:
    """The rules of the provider family that are found."""
    mine = {"provider-not-payable", "provider-unknown", "npi-invalid"}
    return [finding.rule for finding in reviewed(content).findings if finding.rule in mine]


# --- who is paid -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["97124", "97140", "97110", "97010"])
def test_medicare_pays_a_massage_therapist_for_nothing(code: str) -> None:
    found = the(
        reviewed(claim(line(code), payer="medicare-part-b", profession="massage-therapist")), "provider-not-payable"
    )
    assert found.severity == "error"
    assert found.expression == ("Claim.item[0].careTeamSequence",)
    assert found.denial is not None
    assert (found.denial.group, found.denial.carc) == ("CO", "170")
    assert found.message.startswith(f"Medicare Part B does not pay a massage therapist for {code}")
    assert found.citations
    assert str(found.at_risk) == "58.0"
    assert not found.corrections


@pytest.mark.parametrize(("code", "paid"), [("98940", True), ("98942", True), ("97140", False), ("98943", False)])
def test_medicare_pays_a_chiropractor_for_spinal_manipulation_alone(code: str, paid: bool) -> None:
    content = claim(
        line(code, modifiers=("AT",)), payer="medicare-part-b", profession="chiropractor", diagnoses=("M99.01",)
    )
    assert ("provider-not-payable" not in rules_of(content)) is paid


def test_each_line_that_is_not_paid_is_told_of() -> None:
    content = claim(line("98941"), line("97140"), line("97124"), payer="medicare-part-b", profession="chiropractor")
    places = [f.expression[0] for f in reviewed(content).findings if f.rule == "provider-not-payable"]
    assert places == ["Claim.item[1].careTeamSequence", "Claim.item[2].careTeamSequence"]


@pytest.mark.parametrize("payer", sorted(PAYORS))
@pytest.mark.parametrize("code", ["90834", "98940", "97161"])
def test_a_code_outside_the_profession_is_paid_by_nobody(payer: str, code: str) -> None:
    content = claim(line(code), line("97124"), payer=payer, profession="massage-therapist")
    refused = [f for f in reviewed(content).findings if f.rule == "provider-not-payable" and code in f.message]
    assert len(refused) == 1 and refused[0].citations


def test_a_code_outside_the_profession_is_seen_without_any_payer() -> None:
    content = claim(line("98940"), profession="massage-therapist")
    content = varied(content, lambda coverage: coverage.update(type={"text": "?"}, payor=[]), "Coverage")
    found = the(reviewed(content), "provider-not-payable")
    assert "lies outside what a massage therapist may bill" in found.message


def test_the_line_is_named_where_it_names_no_member() -> None:
    content = claim(line("97124"), payer="medicare-part-b", profession="massage-therapist")
    content = varied(content, lambda claim: claim["item"][0].pop("careTeamSequence"))
    assert the(reviewed(content), "provider-not-payable").expression == ("Claim.item[0]",)


@pytest.mark.parametrize(("modifier", "group"), [("GY", "PR"), ("GX", "PR"), ("GA", "PR"), ("GZ", "CO"), ("GP", "CO")])
def test_the_patient_owes_what_they_were_told_of(modifier: str, group: str) -> None:
    content = claim(line("97124", modifiers=(modifier,)), payer="medicare-part-b", profession="massage-therapist")
    denial = the(reviewed(content), "provider-not-payable").denial
    assert denial is not None
    assert denial.group == group


@pytest.mark.parametrize("payer", sorted(PAYORS))
def test_a_physical_therapist_is_paid_by_everybody(payer: str) -> None:
    assert rules_of(claim(line("97140"), line("97124"), payer=payer)) == []


def test_two_professions_on_record_are_not_guessed_between() -> None:
    content = claim(line("97124"), payer="medicare-part-b", profession="massage-therapist")

    def another(claim: Json) -> None:
        claim["careTeam"][0]["qualification"]["coding"].append({"system": NUCC, "code": TAXONOMY["physician"]})

    assert rules_of(varied(content, another)) == []


def test_the_profession_is_read_from_the_practitioner_where_the_claim_is_silent() -> None:
    content = claim(line("97124"), payer="medicare-part-b", profession=None)
    known = varied(
        content,
        lambda person: person.update(qualification=[{"code": concept(TAXONOMY["massage-therapist"], NUCC)}]),
        "Practitioner",
    )
    assert rules_of(known) == ["provider-not-payable"]


# --- who it was ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payer", "depends"),
    [
        ("medicare-part-b", True),
        ("commercial", True),
        ("workers-compensation", True),
        ("hsa-fsa", False),
        ("self-pay", False),
    ],
)
def test_the_profession_is_asked_for_where_the_policy_depends_on_it(payer: str, depends: bool) -> None:
    content = claim(line("97124"), line("97140"), payer=payer, profession=None)
    assert rules_of(content) == (["provider-unknown"] if depends else [])


def test_one_question_for_one_provider() -> None:
    found = the(reviewed(claim(line("97124"), line("97140"), profession=None)), "provider-unknown")
    assert found.severity == "warning"
    assert found.expression == ("Claim.careTeam[0].provider",)
    assert "97124 and 97140" in found.message


def test_the_biller_is_asked_for_where_there_is_no_care_team() -> None:
    content = varied(claim(line("97124"), profession=None), lambda claim: claim.pop("careTeam"))
    assert the(reviewed(content), "provider-unknown").expression == ("Claim.provider",)


def test_a_provider_who_was_not_found_is_reported_as_that() -> None:
    content = claim(line("97124"), profession=None)
    content["entry"] = [e for e in content["entry"] if e["resource"]["id"] != "therapist"]
    found = [finding.rule for finding in reviewed(content).findings]
    assert "reference-unresolved" in found
    assert "provider-unknown" not in found


# --- identifiers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("npi", "right"),
    [
        ("1234567893", True),  # the example of the final rule
        ("1987654328", True),
        ("1234567890", False),
        ("1234567983", False),  # two digits changed places
        ("2234567892", False),
        ("3234567892", False),
        ("123456789", False),
        ("12345678930", False),
        ("12345678X3", False),
        ("١٢٣٤٥٦٧٨٩٣", False),
        ("", False),
    ],
)
def test_an_npi_is_ten_digits_and_their_check(npi: str, right: bool) -> None:
    assert is_npi(npi) is right


def test_just_one_last_digit_is_the_check_digit() -> None:
    for start in ("123456789", "200000000", "198765432"):
        assert sum(is_npi(f"{start}{digit}") for digit in "0123456789") == 1


def npi(content: Json, value: Any) -> Json:
    """The therapist's NPI changed."""
    return varied(content, lambda person: person["identifier"][0].update(value=value), "Practitioner")


@pytest.mark.parametrize(
    ("value", "carc", "told"),
    [("1234567890", "207", "fails its check digit"), ("555", "207", "is not ten digits"), ("", "206", "left empty")],
)
def test_a_wrong_npi_is_an_error_at_its_provider(value: str, carc: str, told: str) -> None:
    found = the(reviewed(npi(claim(line("97140")), value)), "npi-invalid")
    assert found.expression == ("Claim.careTeam[0].provider",)
    assert found.denial is not None
    assert found.denial.carc == carc
    assert told in found.message


def test_identifiers_of_other_kinds_are_left_alone() -> None:
    content = varied(
        claim(line("97140")),
        lambda person: person.update(identifier=[{"system": "http://example.org/staff", "value": "17"}]),
        "Practitioner",
    )
    assert rules_of(content) == []


def test_an_npi_is_told_of_once_wherever_it_stands() -> None:
    content = npi(claim(line("97140")), "1234567890")
    content = varied(content, lambda claim: claim.update(provider={"reference": "Practitioner/therapist"}))
    assert rules_of(content) == ["npi-invalid"]


def test_the_npi_of_a_clinic_and_of_who_referred_are_checked_too() -> None:
    content = claim(line("97124"), profession="massage-therapist")
    resource(content, "ServiceRequest")["contained"][0]["identifier"][0]["value"] = "1987654321"
    clinic = next(e["resource"] for e in content["entry"] if e["resource"]["id"] == "clinic")
    clinic["identifier"] = [{"system": "http://hl7.org/fhir/sid/us-npi", "value": NPI_THERAPIST[::-1]}]
    found = [f.expression[0] for f in reviewed(content).findings if f.rule == "npi-invalid"]
    assert found == ["Claim.provider", "Claim.referral"]


def test_a_claim_all_by_itself_brings_no_fault() -> None:
    assert rules_of(bundle(resource(claim(line("97140")), "Claim"))) == []
