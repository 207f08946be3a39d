"""Faults of diagnoses."""

from __future__ import annotations

import copy

from fhir_massage.rules.diagnosis.diagnosis_not_supporting import NO_PAYER_EDITS, SUBLUXATION_PAYERS
from fhir_massage.rules.tools import NO_INSURERS
from fhir_massage.synthetic.choices import Choices
from fhir_massage.synthetic.faults.registry import fault
from fhir_massage.synthetic.faults.tools import lines, policy_of
from fhir_massage.synthetic.made import Made
from fhir_massage.synthetic.market import Market, Setting
from fhir_massage.synthetic.plan import Shape
from fhir_massage.synthetic.repertoire import MANIPULATIONS


def _asks_for_at(setting: Setting) -> bool:
    return setting.policy.manipulation_modifier is not None and "98940" in setting.codes


@fault("diagnosis-missing")
def no_diagnosis(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Leave every diagnosis off."""
    if made.plan.policy.payer_class in NO_INSURERS:
        return None
    del made.claim["diagnosis"]
    for item in made.claim["item"]:
        del item["diagnosisSequence"]
    return ["Claim.diagnosis"]


@fault("diagnosis-pointer-missing")
def a_line_that_points_nowhere(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Leave off what a line treats."""
    index = choices.randint(0, len(made.claim["item"]) - 1)
    del made.claim["item"][index]["diagnosisSequence"]
    return [f"Claim.item[{index}].diagnosisSequence"]


@fault("diagnosis-pointer-invalid")
def a_pointer_to_nothing(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Point a line at a diagnosis that is not there."""
    index = choices.randint(0, len(made.claim["item"]) - 1)
    pointers = made.claim["item"][index]["diagnosisSequence"]
    made.claim["item"][index]["diagnosisSequence"] = choices.choice(([11], [*pointers, 11]))
    return [f"Claim.item[{index}].diagnosisSequence"]


@fault("diagnosis-retired")
def a_heading_for_a_diagnosis(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Code a diagnosis by its heading, which is not specific enough to be billed."""
    table = market.facts.diagnosis_codes
    for place, code in enumerate(made.plan.complaints):
        days = [service.day for service in made.plan.services if place in service.complaints]
        headings = [code[:length] for length in range(3, len(code)) if code[length - 1] != "."]
        wrong = [h for h in headings if h in table and not any(market.is_valid(h, day) for day in made.plan.days)]
        if wrong and days:
            written = choices.choice(wrong)
            coding = made.claim["diagnosis"][place]["diagnosisCodeableConcept"]["coding"][0]
            coding["code"] = written if "." in coding["code"] else written.replace(".", "")
            return [f"Claim.diagnosis[{place}]"]
    return None


@fault("diagnosis-not-supporting", suits=lambda s: s.policy.payer_class not in NO_PAYER_EDITS,
       shape=Shape(codes=("97124", "97140", *MANIPULATIONS)))  # fmt: skip
def a_diagnosis_of_another_kind(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Bill manual work for a cold."""
    if len(made.plan.complaints) != 1:
        return None
    judged = [
        (index, service) for index, _, service in lines(made)
        if service.code not in MANIPULATIONS or made.plan.policy.payer_class in SUBLUXATION_PAYERS
    ]  # fmt: skip
    foreign = [
        set(market.foreign_complaints(policy_of(made, market, s), s.code, s.day)) for _, s in judged
    ]  # fmt: skip
    asked = [(index, codes) for (index, _), codes in zip(judged, foreign, strict=True) if codes]
    common = sorted(set.intersection(*(codes for _, codes in asked))) if asked else []
    if not common:
        return None
    written = choices.choice(common)
    coding = made.claim["diagnosis"][0]["diagnosisCodeableConcept"]["coding"][0]
    coding["code"] = written if "." in coding["code"] else written.replace(".", "")
    return [f"Claim.item[{index}].diagnosisSequence" for index, _ in asked]


@fault("diagnosis-not-coded")
def words_for_diagnoses(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Give every diagnosis in words alone."""
    if made.plan.policy.payer_class in NO_INSURERS:
        return None
    for diagnosis in made.claim["diagnosis"]:
        diagnosis["diagnosisCodeableConcept"] = {"text": "neck pain"}
    return ["Claim.diagnosis"]


@fault("claim-form-limit")
def a_diagnosis_twice(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """List a diagnosis a second time."""
    again = copy.deepcopy(made.claim["diagnosis"][0])
    made.claim["diagnosis"].append({**again, "sequence": len(made.claim["diagnosis"]) + 1})
    return ["Claim.diagnosis"]


@fault("place-of-service-invalid")
def a_place_that_there_is_not(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Give a number that is no place of service."""
    index = choices.randint(0, len(made.claim["item"]) - 1)
    place = {"coding": [{"code": choices.choice(("00", "11A", "47", "90"))}]}
    made.claim["item"][index]["locationCodeableConcept"] = place
    return [f"Claim.item[{index}].locationCodeableConcept"]


@fault("subluxation-not-first", suits=_asks_for_at, shape=Shape(codes=MANIPULATIONS))
def the_complaint_before_the_subluxation(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Point a manipulation at something else before the subluxation."""
    for index, item, service in lines(made):
        if service.code not in MANIPULATIONS:
            continue
        other = "M54.9" if "M54.9" not in made.plan.complaints else "M54.2"
        number = len(made.claim["diagnosis"]) + 1
        made.claim["diagnosis"].append({"sequence": number, "diagnosisCodeableConcept": {"coding": [{"code": other}]}})
        item["diagnosisSequence"] = [number, *item["diagnosisSequence"]]
        return [f"Claim.item[{index}].diagnosisSequence"]
    return None
