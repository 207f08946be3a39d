"""What every claim scrubber looks at first: codes read, form limits, places, who certified, disciplines, telehealth."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.claims import Json, claim, concept, line, resource, reviewed, supervising, the, varied

MEDICARE = "medicare-part-b"
POS = "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set"


def therapy(change: Callable[[Json], object] = lambda claim: None, *modifiers: str, **claims: object) -> Json:
    """A physical therapist's correct claim to Medicare, changed."""
    lines = line("97140", modifiers=("GP", *modifiers)), line("97110", modifiers=("GP",))
    return varied(claim(*lines, payer=MEDICARE, **claims), change)  # type: ignore[arg-type]


def rules_of(content: Json) -> set[str]:
    return {finding.rule for finding in reviewed(content).findings if finding.severity != "information"}


def test_a_correct_claim_is_met_with_silence() -> None:
    assert rules_of(therapy()) == set()


# --- codes and diagnoses that cannot be read -----------------------------------------------------------------


@pytest.mark.parametrize("service", [{"text": "exercise"}, {"text": "massage", "coding": [{"code": "387854002"}]}, {}])
def test_a_line_without_code_is_said(service: Json) -> None:
    found = the(reviewed(therapy(lambda c: c["item"][1].update(productOrService=service))), "code-not-read")
    assert (found.severity, found.expression) == ("warning", ("Claim.item[1].productOrService",))
    assert "None" not in found.message


def test_an_institutional_line_may_have_a_revenue_code_alone() -> None:
    def change(claim: Json) -> None:
        claim["type"] = concept("institutional")
        claim["item"][1]["productOrService"] = {"text": "supplies"}

    assert "code-not-read" not in rules_of(therapy(change))


@pytest.mark.parametrize(
    ("diagnosis", "told"),
    [
        ({"diagnosisCodeableConcept": concept("724.2", "http://hl7.org/fhir/sid/icd-9-cm")}, "ICD-9-CM code 724.2"),
        ({"diagnosisCodeableConcept": concept("81680005", "http://snomed.info/sct")}, "SNOMED CT"),
        ({"diagnosisCodeableConcept": {"text": "neck pain"}}, "words alone"),
        ({"diagnosisReference": {"reference": "Condition/nowhere"}}, "did not come along"),
    ],
)
def test_no_diagnosis_that_a_payer_takes(diagnosis: Json, told: str) -> None:
    content = therapy(lambda c: c.update(diagnosis=[{"sequence": 1, **diagnosis}]))
    found = the(reviewed(content), "diagnosis-not-coded")
    assert found.severity == "error"
    assert told in found.message
    assert found.denial is not None
    assert (found.denial.carc, found.denial.rarc) == ("16", ("M76",))


@pytest.mark.parametrize(("code", "exists"), [("M54.99", False), ("XYZ", False), ("M54.2", True), ("Z99.89", True)])
def test_a_code_that_never_was(code: str, exists: bool) -> None:
    assert ("diagnosis-not-coded" in rules_of(therapy(diagnoses=(code, "M62.830")))) is not exists


def test_icd_9_before_its_end() -> None:
    def change(claim: Json) -> None:
        claim["diagnosis"][0]["diagnosisCodeableConcept"] = concept("724.2", "http://hl7.org/fhir/sid/icd-9-cm")
        claim["created"] = "2015-09-30"
        for item in claim["item"]:
            item["servicedDate"] = "2015-09-29"

    assert "diagnosis-not-coded" not in rules_of(therapy(change))


@pytest.mark.parametrize("payer", ["self-pay", "hsa-fsa"])
def test_nobody_asks_for_a_diagnosis_where_the_patient_pays(payer: str) -> None:
    bare = claim(line("97124"), payer=payer, profession="massage-therapist", diagnoses=())
    for item in resource(bare, "Claim")["item"]:
        item.pop("diagnosisSequence", None)
    assert not {rule for rule in rules_of(bare) if rule.startswith("diagnosis")}


# --- the form -----------------------------------------------------------------------------------------------

CODES = [f"M{number}" for number in ("54.2", "54.6", "25.511", "25.512", "62.830", "54.50", "54.12", "54.16")]
MORE = [*CODES, "M79.1", "M53.3", "M25.551", "M25.552", "M25.561"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c["item"][0].update(diagnosisSequence=[1, 2, 3, 4, 5]), "points at 5 diagnoses"),
        (lambda c: c["item"][0]["modifier"].extend(concept(m) for m in ("KX", "CQ", "59", "76")), "has 5 modifiers"),
        (lambda c: c["diagnosis"].append({**c["diagnosis"][0], "sequence": 99}), "M54.2 stands on the claim twice"),
    ],
)
def test_more_than_the_form_holds(change: Callable[[Json], object], told: str) -> None:
    found = the(reviewed(therapy(change, diagnoses=tuple(CODES))), "claim-form-limit")
    assert told in found.message
    assert found.severity == "error"


def test_thirteen_diagnoses() -> None:
    assert "13 diagnoses" in the(reviewed(therapy(diagnoses=tuple(MORE))), "claim-form-limit").message
    assert "claim-form-limit" not in rules_of(therapy(diagnoses=tuple(MORE[:12])))


@pytest.mark.parametrize(("place", "good"), [("11", True), ("12", True), ("XX", False), ("47", False), ("11A", False)])
def test_places_of_service(place: str, good: bool) -> None:
    content = therapy(lambda c: c["item"][0].update(locationCodeableConcept=concept(place, POS)))
    assert ("place-of-service-invalid" in rules_of(content)) is not good


def test_a_place_of_another_system_is_not_judged() -> None:
    place = concept("AMB", "http://terminology.hl7.org/CodeSystem/v3-RoleCode")
    assert rules_of(therapy(lambda c: c["item"][0].update(locationCodeableConcept=place))) == set()


# --- who certified, who supervised, whose discipline ---------------------------------------------------------


def without_certifying(claim: Json) -> None:
    claim["careTeam"] = [member for member in claim["careTeam"] if "role" not in member]


def test_medicare_asks_who_certified() -> None:
    found = the(reviewed(therapy(without_certifying)), "referring-provider-missing")
    assert found.denial is not None
    assert (found.denial.carc, found.denial.rarc) == ("16", ("N285", "N286"))
    assert "NPI of the physician who certifies" in found.message


def test_a_referral_names_who_certified_too() -> None:
    assert rules_of(therapy(without_certifying, referral=True)) == set()


@pytest.mark.parametrize("change", [{"type": concept("institutional")}, {"use": "preauthorization"}])
def test_others_are_not_asked_who_certified(change: Json) -> None:
    assert "referring-provider-missing" not in rules_of(varied(therapy(without_certifying), lambda c: c.update(change)))


@pytest.mark.parametrize("payer", ["commercial", "auto", "workers-compensation", "veterans-affairs"])
def test_who_referred_in_box_17_is_a_referral(payer: str) -> None:
    content = claim(line("97124"), payer=payer, profession="massage-therapist", referral=False, authorization="1")
    referring = resource(therapy(), "Claim")["careTeam"][-1]
    assert "referral-missing" not in rules_of(varied(content, lambda c: c["careTeam"].append(referring)))
    rendered = reviewed(varied(content, lambda c: c["careTeam"].append(referring))).cases["Claim/c1"]
    assert rendered.lines[0].provider.profession == "massage-therapist"  # type: ignore[union-attr]


def test_vas_number_is_referral_and_authorization() -> None:
    content = claim(line("97124"), payer="veterans-affairs", profession="massage-therapist", referral=False)
    assert not rules_of(content) & {"referral-missing", "authorization-missing"}


def test_a_plan_that_wants_it_kept_says_no_more_than_a_note() -> None:
    content = claim(line("97124"), profession="massage-therapist", referral=False)
    resource(content, "Coverage")["payor"] = [{"display": "Regence BlueShield"}]
    assert the(reviewed(content), "referral-missing").severity == "information"


@pytest.mark.parametrize(
    ("payer", "severity"), [(MEDICARE, "error"), ("medicare-advantage", "warning"), ("commercial", "warning")]
)
def test_an_assistant_alone(payer: str, severity: str) -> None:
    content = claim(line("97140", modifiers=("GP", "CQ")), payer=payer, profession="physical-therapist-assistant")
    assert "provider-not-payable" not in rules_of(content)
    alone = varied(content, lambda c: c["careTeam"].remove(supervising(3, "physical-therapist-assistant")))
    assert the(reviewed(alone), "provider-not-payable").severity == severity


@pytest.mark.parametrize(
    ("profession", "code", "modifier", "own"),
    [
        ("occupational-therapist", "97140", "GP", "GO"),
        ("physical-therapist", "97140", "GO", "GP"),
        ("physician", "97161", "GO", "GP"),
        ("physician", "97165", "GP", "GO"),
    ],
)
def test_the_modifier_of_another_discipline(profession: str, code: str, modifier: str, own: str) -> None:
    content = claim(line(code, minutes=None, modifiers=(modifier,)), payer=MEDICARE, profession=profession)
    found = the(reviewed(content), "discipline-mismatch")
    assert found.severity == "error"
    assert [(c.label, c.certain) for c in found.corrections] == [(f"Put {own} in place of {modifier}", False)]


@pytest.mark.parametrize("modifier", ["95", "93", "GT"])
def test_hands_on_from_afar(modifier: str) -> None:
    found = the(reviewed(therapy(lambda c: None, modifier)), "telehealth-not-possible")
    assert [(c.label, c.certain) for c in found.corrections] == [(f"Drop {modifier}", False)]


@pytest.mark.parametrize("place", ["02", "10"])
def test_hands_on_at_a_place_of_telehealth(place: str) -> None:
    content = therapy(lambda c: c["item"][0].update(locationCodeableConcept=concept(place, POS)))
    assert the(reviewed(content), "telehealth-not-possible").expression == ("Claim.item[0].locationCodeableConcept",)


def test_exercise_may_be_given_by_telehealth() -> None:
    content = claim(line("97110", modifiers=("GP", "95")), payer=MEDICARE)
    assert "telehealth-not-possible" not in rules_of(content)


# --- chiropractors ------------------------------------------------------------------------------------------


def manipulation(code: str, *diagnoses: str, payer: str = MEDICARE) -> Json:
    pointers = tuple(range(1, len(diagnoses) + 1))
    lines = line(code, minutes=None, modifiers=("AT",), pointers=pointers)
    return claim(lines, payer=payer, profession="chiropractor", diagnoses=diagnoses)


def test_the_subluxation_comes_first() -> None:
    found = the(reviewed(manipulation("98940", "M54.2", "M99.01")), "subluxation-not-first")
    assert [(c.label, c.certain) for c in found.corrections] == [("Point line 1 at the subluxation first", False)]
    assert rules_of(manipulation("98940", "M99.01", "M54.2")) == set()


@pytest.mark.parametrize(
    ("code", "levels", "good"),
    [("98940", 1, True), ("98941", 1, False), ("98941", 2, False), ("98941", 3, True), ("98942", 4, False)],
)
def test_a_diagnosis_for_each_region(code: str, levels: int, good: bool) -> None:
    content = manipulation(code, *("M99.01", "M99.02", "M99.03", "M99.04")[:levels])
    assert ("manipulation-regions-unsupported" in rules_of(content)) is not good
