"""A correct claim gets silence, and a claim broken in one known way gets just the rule for it."""

from __future__ import annotations

import copy
import json
import os
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_massage.fhir.read import encode
from fhir_massage.rules.counting import allot
from tests.claims import claim, grave, line, resource, reviewed, with_claim

DEEP = os.environ.get("FHIR_MASSAGE_TESTS") == "deep"
many = settings(
    max_examples=5000 if DEEP else 500, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
some = settings(
    max_examples=1500 if DEEP else 100, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)

#: Who is paid for massage and manual therapy by each class, by the rule book's payer policies.
PAID = {
    "medicare-part-b": ["physical-therapist", "occupational-therapist", "physician", "advanced-practice"],
    "medicare-advantage": ["physical-therapist", "occupational-therapist", "physician"],
    "medicaid": ["physical-therapist", "occupational-therapist", "massage-therapist"],
    "commercial": ["physical-therapist", "occupational-therapist", "massage-therapist", "chiropractor", "physician"],
    "veterans-affairs": ["massage-therapist", "physical-therapist", "chiropractor"],
    "tricare": ["physical-therapist", "occupational-therapist", "physician"],
    "workers-compensation": ["physical-therapist", "massage-therapist"],
    "auto": ["physical-therapist", "massage-therapist", "chiropractor"],
    "hsa-fsa": ["massage-therapist", "physical-therapist"],
    "self-pay": ["massage-therapist", "chiropractor"],
}
BY_ALL_MINUTES = {"medicare-part-b", "medicare-advantage", "medicaid", "tricare", "veterans-affairs"}
THERAPY_MODIFIED = {"medicare-part-b", "medicare-advantage"}
DIAGNOSES = ["M54.2", "M54.50", "M54.6", "M62.830", "M79.18", "M25.511", "M54.16"]


@st.composite
def correct_claims(draw: st.DrawFn) -> dict[str, Any]:
    """A claim as it should be: payer, profession, one or two services that make no pair, minutes and units."""
    payer = draw(st.sampled_from(sorted(PAID)))
    profession = draw(st.sampled_from(PAID[payer]))
    codes = [draw(st.sampled_from(["97124", "97140"]))]
    if profession in ("physical-therapist", "physician") and draw(st.booleans()):
        codes.append("97110")
    minutes = [draw(st.integers(min_value=8, max_value=52)) for _ in codes]
    way = "cms" if payer in BY_ALL_MINUTES else "midpoint"
    units = allot(way, minutes, [0 for _ in codes])
    discipline = "GO" if profession.startswith("occupational") else "GP"
    modifiers = (discipline,) if payer in THERAPY_MODIFIED else ()
    day = draw(st.sampled_from(["2026-11-02", "2026-10-20", "2026-10-30"]))
    lines = [
        line(
            code,
            units=unit,
            minutes=minute,
            modifiers=modifiers,
            day=day,
            price=draw(st.sampled_from(["58.00", "41.25"])),
        )
        for code, unit, minute in zip(codes, units, minutes, strict=True)
        if unit
    ]
    made = claim(*lines, payer=payer, profession=profession, diagnoses=(draw(st.sampled_from(DIAGNOSES)),))
    return _encoded(draw, made)


def _encoded(draw: st.DrawFn, bundle: dict[str, Any]) -> dict[str, Any]:
    """The same claim as another EHR would write it."""
    if draw(st.booleans()):
        for concept in resource(bundle, "Claim")["diagnosis"]:
            coding = concept["diagnosisCodeableConcept"]["coding"][0]
            coding["code"] = coding["code"].replace(".", "")
    if draw(st.booleans()):
        resource(bundle, "Claim")["extension"] = [{"url": "http://example.org/x", "valueDecimal": 1.5}]
    if draw(st.booleans()):
        text = json.dumps(bundle)
        for entry in bundle["entry"]:
            name = f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
            text = text.replace(f'"reference": "{name}"', f'"reference": "{entry["fullUrl"]}"')
        bundle = json.loads(text)
    return bundle


@many
@given(correct_claims())
def test_a_correct_claim_is_met_with_silence(bundle: dict[str, Any]) -> None:
    report = reviewed(bundle)
    assert grave(report) == []
    assert report.corrected == {}


def _one_unit_more(claim: dict[str, Any]) -> None:
    item = claim["item"][0]
    item["quantity"]["value"] += 1
    item["net"]["value"] = round(item["unitPrice"]["value"] * item["quantity"]["value"], 2)
    claim["total"]["value"] = round(sum(each["net"]["value"] for each in claim["item"]), 2)


def _wrong_total(claim: dict[str, Any]) -> None:
    claim["total"]["value"] = round(claim["total"]["value"] + 7, 2)


def _no_pointer(claim: dict[str, Any]) -> None:
    del claim["item"][0]["diagnosisSequence"]


BREAKS = {
    "units-exceed-minutes": _one_unit_more,
    "charge-mismatch": _wrong_total,
    "diagnosis-pointer-missing": _no_pointer,
}


@some
@given(correct_claims(), st.sampled_from(sorted(BREAKS)))
def test_a_claim_broken_in_one_way_is_mended_and_nothing_else_changes(bundle: dict[str, Any], rule: str) -> None:
    broken = copy.deepcopy(bundle)
    BREAKS[rule](resource(broken, "Claim"))
    report = reviewed(broken)
    assert set(grave(report)) == {rule}
    mended = json.loads(encode(report.corrected["Claim/c1"]))
    assert grave(reviewed(with_claim(broken, mended))) == []
    assert mended == resource(bundle, "Claim")
