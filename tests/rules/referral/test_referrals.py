"""Referrals: asked for by policy, in force, in time, for this patient and service, and not used up."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from fhir_massage import review
from fhir_massage.facts.book import Facts, read_facts
from tests.claims import (
    DAY,
    PAYORS,
    TAXONOMY,
    TODAY,
    Json,
    claim,
    concept,
    grave,
    line,
    resource,
    reviewed,
    the,
    varied,
)

CPT = "http://www.ama-assn.org/go/cpt"
SNOMED = "http://snomed.info/sct"
ASKING = ("veterans-affairs", "workers-compensation", "auto")
NO_NUMBER = ""


def massage(*lines: Json, plan: str = "Uniform Medical Plan", **change: Any) -> Json:
    """A massage therapist's claim to a plan that asks for a referral in its own words, with its referral changed."""
    content = claim(*(lines or (line("97124"),)), profession="massage-therapist")
    name_plan(content, plan)
    resource(content, "ServiceRequest").update(change)
    return content


def name_plan(content: Json, name: str) -> None:
    """Name the plan that the claim is sent to."""
    resource(content, "Coverage")["payor"] = [{"display": name}]


def rules_of(content: Json) -> list[str]:
    """The rules of the referral family that are found."""
    return [finding.rule for finding in reviewed(content).findings if finding.rule.startswith("referr")]


def answer(number: int, day: str, *, code: str = "97124", referral: str = "referral", **change: Any) -> Json:
    """The payer's answer to an earlier claim."""
    return {
        "resourceType": "ExplanationOfBenefit",
        "id": f"answer-{number}",
        "status": "active",
        "use": "claim",
        "patient": {"reference": "Patient/p1"},
        "referral": {"reference": f"ServiceRequest/{referral}"},
        "claim": {"reference": f"Claim/earlier-{number}"},
        "item": [{"sequence": 1, "productOrService": concept(code, CPT), "servicedDate": day}],
        **change,
    }


def with_earlier(content: Json, *earlier: Json) -> Json:
    """The bundle with further resources."""
    content["entry"] += [{"resource": resource} for resource in earlier]
    return content


# --- asked for --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("payer", ASKING)
def test_a_referral_that_is_asked_for_must_be_named(payer: str) -> None:
    content = claim(line("97140"), payer=payer, profession="massage-therapist", referral=False, authorization=NO_NUMBER)
    found = the(reviewed(content), "referral-missing")
    assert found.expression == ("Claim.referral",)
    assert found.denial is not None
    assert (found.denial.group, found.denial.carc) == ("CO", "288")
    assert found.citations
    assert str(found.at_risk) == "58.0"


def test_a_health_plan_asks_for_a_massage_therapist_alone() -> None:
    assert rules_of(claim(line("97124"), profession="massage-therapist", referral=False)) == ["referral-missing"]
    assert rules_of(claim(line("97124"), profession="physical-therapist", referral=False)) == []


def test_only_what_needs_it_is_at_risk() -> None:
    content = claim(
        line("97124"), line("99070", price="9.00"), payer="auto", profession="massage-therapist", referral=False
    )
    assert str(the(reviewed(content), "referral-missing").at_risk) == "58.0"


@pytest.mark.parametrize("payer", ["workers-compensation", "auto"])
@pytest.mark.parametrize("profession", ["physician", "advanced-practice", "chiropractor"])
def test_who_may_refer_needs_no_referral_for_their_own_treatment(payer: str, profession: str) -> None:
    assert rules_of(claim(line("97140"), payer=payer, profession=profession, referral=False)) == []


@pytest.mark.parametrize("payer", ["medicare-part-b", "medicare-advantage", "tricare", "hsa-fsa", "self-pay"])
def test_where_none_is_asked_for_a_bad_one_does_not_matter(payer: str) -> None:
    content = claim(line("97140", modifiers=("GP",)), payer=payer, referral=True)
    resource(content, "ServiceRequest").update(
        status="draft", subject={"reference": "Patient/other"}, reasonCode=[], occurrencePeriod={"end": "2026-10-31"}
    )
    assert rules_of(content) == []


def test_where_the_profession_decides_and_is_not_known_nothing_is_said() -> None:
    assert rules_of(claim(line("97124"), profession=None, referral=False)) == []


@pytest.mark.parametrize("payer", sorted(PAYORS))
@pytest.mark.parametrize("profession", sorted(TAXONOMY))
def test_a_right_referral_is_met_with_silence(payer: str, profession: str) -> None:
    assert rules_of(claim(line("97140"), line("97124"), payer=payer, profession=profession)) == []


# --- in force -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "intent", "good"),
    [
        ("active", "order", True),
        ("completed", "original-order", True),
        ("active", "instance-order", True),
        ("draft", "order", False),
        ("revoked", "order", False),
        ("entered-in-error", "order", False),
        ("active", "proposal", False),
        ("active", "plan", False),
        ("active", "filler-order", False),
    ],
)
def test_a_referral_is_an_order_in_force(status: str, intent: str, good: bool) -> None:
    assert rules_of(massage(status=status, intent=intent)) == ([] if good else ["referral-not-active"])


def test_both_faults_are_told_in_one() -> None:
    found = the(reviewed(massage(status="draft", intent="proposal")), "referral-not-active")
    assert (
        found.message == "The referral is not in force: its status is draft and its intent is proposal, not an order."
    )


# --- in time ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"authoredOn": "2026-11-03", "occurrencePeriod": {}}, "before it was written on 2026-11-03"),
        ({"occurrencePeriod": {"start": "2026-11-03"}}, "before its period began on 2026-11-03"),
        ({"occurrencePeriod": {"end": "2026-11-01"}}, "after its period ended on 2026-11-01"),
        ({"occurrencePeriod": {"end": "2026-10"}}, "after its period ended on 2026-10-31"),
    ],
)
def test_the_service_lies_in_the_referrals_time(change: Json, told: str) -> None:
    found = the(reviewed(massage(**change)), "referral-out-of-date")
    assert f"{DAY} came {told}" in found.message


@pytest.mark.parametrize(
    "change",
    [
        {"authoredOn": DAY},
        {"authoredOn": "2026-11"},
        {"occurrencePeriod": {"start": DAY, "end": DAY}},
        {"occurrencePeriod": {"start": DAY}, "authoredOn": "2020-01-01"},
    ],
)
def test_its_first_and_last_day_count(change: Json) -> None:
    assert rules_of(massage(**change)) == []


def test_all_days_that_it_does_not_reach_are_listed() -> None:
    content = massage(
        line("97124", day="2026-10-26"), line("97124", day="2026-11-02"), occurrencePeriod={"start": "2026-10-28"}
    )
    found = the(reviewed(content), "referral-out-of-date")
    assert "2026-10-26 came before" in found.message
    assert "2026-11-02" not in found.message
    assert str(found.at_risk) == "58.0"


@pytest.fixture
def twenty_days(tmp_path: Path) -> Facts:
    """Facts in which a referral to a health plan lives for twenty days."""
    (tmp_path / "commercial.toml").write_text(
        """
payer = "commercial"
title = "Our plan"
class = "commercial"
[sources.contract]
title = "Our contract"
[[referral]]
required = true
life_days = 20
effective = 2020-01-01
source = "contract"
section = "page 3"
checked = 2026-11-23
"""
    )
    return read_facts(tmp_path)


def test_a_policy_may_say_how_long_a_referral_lives(twenty_days: Facts) -> None:
    content = massage(plan="Evergreen Mutual Health", authoredOn="2026-10-12", occurrencePeriod={"start": "2026-10-12"})
    found = the(review(content, on=TODAY, facts=twenty_days), "referral-out-of-date")
    assert "after 2026-11-01, 20 days from when it was written" in found.message
    content = massage(plan="Evergreen Mutual Health", authoredOn="2026-10-13", occurrencePeriod={"start": "2026-10-12"})
    assert grave(review(content, on=TODAY, facts=twenty_days)) == []


@pytest.mark.parametrize(
    ("authored", "late"),
    [("2026-09", True), ("2026-10", False), ("2026", False), ("2025", True)],  # it may be of the month's last day
)
def test_a_day_that_is_not_said_is_taken_for_the_referral(authored: str, late: bool, twenty_days: Facts) -> None:
    content = massage(plan="Evergreen Mutual Health", authoredOn=authored, occurrencePeriod={"start": "2026-01-01"})
    report = review(content, on=TODAY, facts=twenty_days)
    assert grave(report) == (["referral-out-of-date"] if late else [])


# --- for whom and what ------------------------------------------------------------------------------------


def test_it_is_for_the_claims_patient() -> None:
    assert rules_of(massage(subject={"reference": "Patient/other"})) == ["referral-wrong-patient"]
    assert rules_of(massage(subject={"reference": "http://ehr.example.org/fhir/Patient/p1"})) == []
    assert rules_of(massage(subject={"display": "Pat Example"})) == [], "cannot be told"


@pytest.mark.parametrize(
    ("code", "billed", "good"),
    [
        (concept("97124", CPT), "97124", True),
        (concept("97140", CPT), "97124", False),
        (concept("97810", CPT), "97124", False),
        (concept("97161", CPT), "97124", True),  # evaluate and treat
        (concept("97124"), "97124", True),
        (concept("91251008", SNOMED), "97140", True),
        (concept("387854002", SNOMED), "97124", True),
        ({"coding": [{"system": SNOMED, "code": "44868003", "display": "Acupuncture"}]}, "97124", False),
        ({"coding": [{"system": SNOMED, "code": "1", "display": "Referral to physiotherapy"}]}, "97140", True),
        (concept("1", SNOMED), "97140", True),  # says nothing known
        (concept("MASSAGE", "http://example.org/orders"), "97124", True),
        ({"text": "Massage"}, "97124", True),
    ],
)
def test_it_orders_the_service(code: Json, billed: str, good: bool) -> None:
    assert rules_of(massage(line(billed), code=code)) == ([] if good else ["referral-wrong-service"])


def test_a_detail_of_the_order_counts() -> None:
    assert rules_of(massage(code=concept("97810", CPT), orderDetail=[concept("97124", CPT)])) == []


def test_what_was_ordered_and_what_was_billed_are_named() -> None:
    found = the(reviewed(massage(line("97124"), line("97140"), code=concept("97124", CPT))), "referral-wrong-service")
    assert found.severity == "warning"
    assert found.message == "The referral orders 97124 (massage therapy), and the claim bills 97140 (manual therapy)."


# --- by whom -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profession", "good"),
    [("physician", True), ("advanced-practice", True), ("chiropractor", True), ("massage-therapist", False)],
)
def test_not_everybodys_referral_is_taken(profession: str, good: bool) -> None:
    content = massage()
    code = concept(TAXONOMY[profession], "http://nucc.org/provider-taxonomy")
    resource(content, "ServiceRequest")["contained"][0]["qualification"] = [{"code": code}]
    assert rules_of(content) == ([] if good else ["referrer-not-qualified"])


def test_a_referrer_of_no_known_profession_is_taken() -> None:
    content = massage()
    del resource(content, "ServiceRequest")["contained"][0]["qualification"]
    assert rules_of(content) == []


# --- how often ---------------------------------------------------------------------------------------------


def two_visits(*lines: Json) -> Json:
    """A referral for two visits."""
    return massage(*lines, quantityQuantity={"value": 2})


def test_visits_beyond_the_referral_are_denied() -> None:
    content = with_earlier(two_visits(), answer(1, "2026-10-19"), answer(2, "2026-10-26"))
    found = the(reviewed(content), "referral-visits-exhausted")
    assert found.message == f"The referral orders 2 visits; {DAY} is beyond them."
    assert found.denial is not None
    assert found.denial.carc == "287"


def test_the_claims_own_dates_count_too() -> None:
    content = two_visits(*(line("97124", day=f"2026-11-0{day}") for day in (2, 2, 3, 4, 4)))
    found = the(
        reviewed(varied(content, lambda claim: claim.update(created="2026-11-05"))), "referral-visits-exhausted"
    )
    assert "2026-11-04 is beyond" in found.message
    assert str(found.at_risk) == "116.0"


@pytest.mark.parametrize(
    "earlier",
    [
        [answer(1, "2026-10-19")],
        [answer(1, "2026-10-19"), answer(2, "2026-10-19", code="97140")],  # one day is one visit
        [answer(1, "2026-10-19"), answer(2, "2026-10-26", referral="another")],
        [answer(1, "2026-10-19"), answer(2, "2026-10-26", patient={"reference": "Patient/other"})],
        [answer(1, "2026-10-19"), answer(2, "2026-10-26", use="preauthorization")],
        [answer(1, "2026-10-19"), answer(2, "2026-11-02", claim={"reference": "Claim/c1"})],  # its own answer
        [answer(1, "2026-11-09"), answer(2, "2026-11-06")],  # later visits are those claims' matter
    ],
)
def test_what_is_no_earlier_visit_is_not_counted(earlier: list[Json]) -> None:
    assert rules_of(with_earlier(two_visits(), *earlier)) == []


def test_a_claim_that_this_one_replaces_is_not_counted() -> None:
    content = with_earlier(two_visits(), answer(1, "2026-10-19"), answer(2, "2026-10-26"))
    content = varied(content, lambda claim: claim.update(related=[{"claim": {"reference": "Claim/earlier-2"}}]))
    assert rules_of(content) == []


def test_of_several_claims_only_the_last_is_beyond() -> None:
    content = two_visits()
    for number, day in ((2, "2026-10-19"), (3, "2026-10-26")):
        earlier = resource(two_visits(line("97124", day=day)), "Claim")
        content["entry"].append({"resource": {**earlier, "id": f"c{number}", "created": day}})
    found = [f for f in reviewed(content).findings if f.rule == "referral-visits-exhausted"]
    assert [f.resource for f in found] == ["Claim/c1"]


@pytest.mark.parametrize("unit", ["h", "wk", "months"])
def test_a_time_is_no_number_of_visits(unit: str) -> None:
    time = {"value": 2, "unit": unit}
    content = with_earlier(massage(quantityQuantity=time), answer(1, "2026-10-19"), answer(2, "2026-10-26"))
    assert rules_of(content) == []


def test_of_a_range_the_most_counts() -> None:
    content = massage(quantityRange={"low": {"value": 1}, "high": {"value": 2}})
    del resource(content, "ServiceRequest")["quantityQuantity"]
    assert rules_of(with_earlier(content, answer(1, "2026-10-19"))) == []
    assert rules_of(with_earlier(content, answer(2, "2026-10-26"))) == ["referral-visits-exhausted"]


def test_a_claim_for_other_services_is_related_and_counts_all_the_same() -> None:
    def related(claim: Json, relationship: str) -> None:
        earlier = {"reference": "Claim/earlier-1"}
        claim["related"] = [{"claim": earlier, "relationship": concept(relationship)}]

    content = with_earlier(two_visits(), answer(1, "2026-10-19"), answer(2, "2026-10-26"))
    assert rules_of(varied(content, lambda c: related(c, "prior"))) == []
    assert rules_of(varied(content, lambda c: related(c, "associated"))) == ["referral-visits-exhausted"]


# --- complete ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gone", "lacking"),
    [
        (["reasonCode"], "a reason"),
        (["quantityQuantity", "occurrencePeriod"], "a number of visits or a period"),
        (["reasonCode", "quantityQuantity", "occurrencePeriod"], "a reason and a number of visits or a period"),
    ],
)
def test_a_referral_says_why_and_how_much(gone: list[str], lacking: str) -> None:
    content = massage()
    for element in gone:
        del resource(content, "ServiceRequest")[element]
    found = the(reviewed(content), "referral-incomplete")
    assert found.severity == "warning"
    assert found.message == f"The referral lacks {lacking}."


@pytest.mark.parametrize(
    ("measure", "enough"),
    [
        ({"quantityQuantity": {"value": 6, "unit": "wk"}}, True),
        ({"quantityRange": {"high": {"value": 6}}}, True),
        ({"occurrenceTiming": {"repeat": {"count": 6}}}, True),
        ({"quantityQuantity": {"value": 60, "unit": "min"}}, False),
        ({"occurrenceDateTime": "2026-11-02"}, False),
    ],
)
def test_visits_or_a_period_may_be_said_otherwise(measure: Json, enough: bool) -> None:
    content = massage(**measure)
    for name in {"quantityQuantity", "occurrencePeriod"} - set(measure):
        del resource(content, "ServiceRequest")[name]
    assert rules_of(content) == ([] if enough else ["referral-incomplete"])


@pytest.mark.parametrize("gone", ["quantityQuantity", "occurrencePeriod"])
def test_visits_or_a_period_are_enough(gone: str) -> None:
    content = massage()
    del resource(content, "ServiceRequest")[gone]
    assert rules_of(content) == []


def test_a_reason_by_reference_is_a_reason() -> None:
    content = massage(reasonCode=[], reasonReference=[{"reference": "Condition/neck"}])
    assert rules_of(content) == []


def test_a_referral_that_was_not_found_is_not_judged() -> None:
    content = massage()
    content["entry"] = [e for e in content["entry"] if e["resource"]["resourceType"] != "ServiceRequest"]
    assert rules_of(content) == []
    assert "reference-unresolved" in [finding.rule for finding in reviewed(content).findings]


def test_today_does_not_matter_but_the_date_of_service() -> None:
    report = review(massage(occurrencePeriod={"end": "2026-11-02"}), on=date(2027, 1, 4))
    assert "referral-out-of-date" not in grave(report)
