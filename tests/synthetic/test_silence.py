"""A correct claim gets silence, and one broken in one known way gets just the rule for it."""

from __future__ import annotations

import copy
from collections import Counter
from random import Random
from typing import get_args

import pytest
from hypothesis import assume, given

from fhir_massage.read.read import encode
from fhir_massage.read.structure import departures
from fhir_massage.rules import all_rules
from fhir_massage.synthetic import kinds
from fhir_massage.synthetic.faults import Fault, claim_faults, order_faults
from fhir_massage.synthetic.made import Made
from fhir_massage.synthetic.orders import MadeOrder
from fhir_massage.synthetic.plan import Shape
from tests.claims import Json, grave, reviewed
from tests.synthetic.made import (
    MAKER,
    Broken,
    as_read,
    break_one,
    broken,
    correct_claims,
    correct_orders,
    examples,
    graves,
    said,
)

#: What no fault breaks by itself: what is only information is no fault.
ONLY_INFORMATION = {
    "units-below-minutes",
    "minutes-missing",
    "distinct-modifier-unneeded",
    "coverage-conditional",
    "payer-unrecognised",
    "reference-unresolved",
    "letter-of-medical-necessity",
}


@examples(500, 5000)
@given(correct_claims())
def test_a_correct_claim_is_met_with_silence(made: Made) -> None:
    report = reviewed(encode(made.bundle()))
    assert graves(report) == []
    assert report.corrected == {}
    assert made.name in report.claims


@pytest.mark.parametrize("kind", get_args(kinds.Kind))
@examples(100, 1000)
@given(made=correct_claims())
def test_a_correct_claim_of_another_kind_is_met_with_silence(made: Made, kind: kinds.Kind) -> None:
    assume(kinds.can_be(made, kind))
    made.claim = copy.deepcopy(made.claim)
    kinds.make(made, kind)
    report = reviewed(encode(made.bundle()))
    assert [rule for rule, *_ in graves(report)] == []
    assert made.name in report.claims


@examples(500, 5000)
@given(correct_orders())
def test_a_correct_order_is_met_with_silence(made: MadeOrder) -> None:
    report = reviewed(encode(made.bundle()))
    assert graves(report) == []
    assert report.orders == (made.name,)


@examples(500, 5000)
@given(broken())
def test_what_is_broken_in_one_way_gets_the_rule_for_it_and_no_other(case: Broken) -> None:
    report = reviewed(case.document)
    assert graves(report) == case.answers
    mended = report.corrected.get(case.name)
    if mended is None:
        return
    mended = as_read(mended)
    assert grave(reviewed(_with(case, mended))) == []
    if isinstance(case.fault, Fault) and case.fault.restored:
        assert _unordered(mended) == _unordered(case.original)
    else:
        _only_lines_differ(case.broken, mended, case.answers)


@pytest.mark.parametrize("fault", [*claim_faults(), *order_faults()], ids=lambda fault: f"{fault.rule}: {fault.name}")
def test_every_fault_is_found(fault: Fault) -> None:
    found = 0
    for seed in range(8):
        case = break_one(fault, Random(seed))
        if case is not None:
            assert said(case.document) == case.answers
            found += 1
    assert found >= 4


def test_every_rule_has_its_fault() -> None:
    rules = {rule.id for rule in all_rules() if rule.id not in ONLY_INFORMATION}
    assert {fault.rule for fault in (*claim_faults(), *order_faults())} == rules


def test_correct_claims_are_of_every_kind() -> None:
    """Every payer, every profession that anybody pays, each year, each way of writing minutes and references."""
    payers, professions, years, codes, ways = (Counter[str]() for _ in range(5))
    for seed in range(1500):
        made = MAKER.claim(Random(seed))
        assert made is not None
        payers[made.plan.payer] += 1
        professions[made.plan.profession] += 1
        years[str(made.plan.days[0].year)] += 1
        codes.update(service.code for service in made.plan.services)
        ways.update([made.plan.minutes, made.addresses.style])
        ways.update(["contained"] * ("contained" in made.claim) + ["history"] * bool(made.before))
        ways.update(["authorized"] * ("preAuthRef" in made.claim["insurance"][0]))
        ways.update(["several coverages"] * (len(made.claim["insurance"]) > 1))
        ways.update(["referred"] * ("referral" in made.claim) + ["accident"] * ("accident" in made.claim))
    assert set(payers) == set(MAKER.market.facts.policies)
    assert set(professions) == {
        "massage-therapist", "physical-therapist", "physical-therapist-assistant", "occupational-therapist",
        "occupational-therapy-assistant", "chiropractor", "acupuncturist", "athletic-trainer", "physician",
        "advanced-practice",
    }  # fmt: skip
    assert set(years) == {str(year) for year in range(2018, 2027)}
    assert {"97124", "97140", "97110", "97112", "97530", "97035", "G0283", "97161", "97168", "98940", "98942"} <= set(
        codes
    )
    assert {
        "information", "period", "procedure", "absent", "relative", "absolute", "versioned", "uuid", "contained", "history",
        "authorized", "several coverages", "referred", "accident",
    } <= set(ways)  # fmt: skip
    assert min(ways.values()) >= 10


def test_a_made_pair_is_kept_apart_by_more_than_chance() -> None:
    """Without its modifier a made pair of manipulation and manual work is no longer correct."""
    setting = next(s for s in MAKER.market.settings if s.payer == "commercial" and s.profession == "chiropractor")
    made = MAKER.claim(Random(1), setting, Shape(pair=True, codes=("98940",), days=1))
    assert made is not None
    for item in made.claim["item"]:
        item.pop("modifier", None)
    assert {rule for _, rule, _ in said(encode(made.bundle()))} == {"ptp-modifier-missing"}


def test_what_is_made_has_the_structure_of_fhir() -> None:
    for seed in range(60):
        made, order = MAKER.claim(Random(seed)), break_one(order_faults()[seed % 4], Random(seed))
        assert made is not None
        resources = [entry["resource"] for entry in made.bundle()["entry"]]
        if order is not None:
            resources += [entry["resource"] for entry in as_read_bytes(order.document)["entry"]]
        for resource in resources:
            assert departures(resource["resourceType"], as_plain(resource)) == [], resource


def as_plain(resource: Json) -> Json:
    """A resource with its numbers as the structure's checker takes them."""
    return as_read(resource)


def as_read_bytes(document: bytes) -> Json:
    """A document decoded."""
    from fhir_massage.read.read import parse

    content: Json = parse(document)
    return content


def _with(case: Broken, mended: Json) -> Json:
    """The document with the mended resource in its place."""
    document = as_read_bytes(case.document)
    for entry in document["entry"]:
        if f"{entry['resource']['resourceType']}/{entry['resource'].get('id')}" == case.name:
            entry["resource"] = mended
    return document


def _unordered(claim: Json) -> Json:
    """The claim with the modifiers of each line in one order, whether in one element or in several."""
    plain = copy.deepcopy(claim)
    for item in plain["item"]:
        if "modifier" in item:
            item["modifier"] = sorted(coding["code"] for each in item["modifier"] for coding in each["coding"])
    return plain


def _only_lines_differ(before: Json, after: Json, answers: list[tuple[str, str, str]]) -> None:
    """The mended claim is the broken one, but for the lines that were found at fault, and for the total."""
    faulty = {int(element[11 : element.index("]")]) for _, _, element in answers if element.startswith("Claim.item[")}
    assert {k: v for k, v in before.items() if k not in ("item", "total")} == {
        k: v for k, v in after.items() if k not in ("item", "total")
    }
    kept = [item for index, item in enumerate(before["item"]) if index not in faulty]
    assert [item for item in after["item"] if item in kept] == kept
