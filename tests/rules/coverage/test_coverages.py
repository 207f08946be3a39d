"""Coverage: named, found, in force, in order, and what it covers, asks for and allows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.claims import (
    DAY,
    PAYORS,
    Json,
    claim,
    concept,
    corrected,
    grave,
    line,
    resource,
    reviewed,
    the,
    varied,
    with_claim,
)

CPT = "http://www.ama-assn.org/go/cpt"
MINE = {
    "coverage-missing",
    "coverage-not-for-service",
    "reference-unresolved",
    "coverage-not-active",
    "coverage-wrong-patient",
    "coverage-order",
    "service-not-covered",
    "authorization-missing",
    "visit-limit-exceeded",
    "payer-unrecognised",
}


def rules_of(content: Json) -> list[str]:
    """The rules of the coverage family that are found, conditions apart."""
    return [finding.rule for finding in reviewed(content).findings if finding.rule in MINE]


def covered(content: Json | None = None, **change: Any) -> Json:
    """A claim with its coverage changed."""
    return varied(content or claim(line("97140")), lambda coverage: coverage.update(change), "Coverage")


def without(content: Json, identifier: str) -> Json:
    """The bundle without the resource of that id."""
    content["entry"] = [entry for entry in content["entry"] if entry["resource"]["id"] != identifier]
    return content


def insured(*slots: Json, second_type: str = "95", accident: bool = False) -> Json:
    """A claim to a health plan, with a second coverage at hand, and these insurances."""
    content = claim(line("97140"))
    first = resource(content, "Coverage")
    second = {**first, "id": "second", "type": concept(second_type, "https://nahdo.org/sopt"), "payor": []}
    content["entry"].append({"resource": second})

    def change(claim: Json) -> None:
        claim["insurance"] = list(slots)
        if accident:
            claim["accident"] = {"date": "2026-09-30"}

    return varied(content, change)


def slot(sequence: int | None, coverage: str, *, focal: bool | None) -> Json:
    """One insurance of a claim."""
    found: Json = {"coverage": {"reference": f"Coverage/{coverage}"}}
    if sequence is not None:
        found["sequence"] = sequence
    if focal is not None:
        found["focal"] = focal
    return found


def told(content: Json, *items: Json, coverage: str = "cov") -> Json:
    """The bundle with the payer's answer on the benefits."""
    content["entry"].append(
        {
            "resource": {
                "resourceType": "CoverageEligibilityResponse",
                "id": "answer",
                "status": "active",
                "patient": {"reference": "Patient/p1"},
                "insurance": [{"coverage": {"reference": f"Coverage/{coverage}"}, "item": list(items)}],
            }
        }
    )
    return content


def benefit(code: str | None, allowed: int, used: int | None = None, **more: Any) -> Json:
    """Visits allowed, and used."""
    counts = {"allowedUnsignedInt": allowed} | ({} if used is None else {"usedUnsignedInt": used})
    item = {"benefit": [{"type": concept("visit"), **counts}], **more}
    return item if code is None else {"productOrService": concept(code, CPT), **item}


def earlier(number: int, day: str, code: str = "97124") -> Json:
    """An earlier claim of the same patient."""
    return {
        "resource": {
            "resourceType": "ExplanationOfBenefit",
            "id": f"e{number}",
            "patient": {"reference": "Patient/p1"},
            "item": [{"sequence": 1, "productOrService": concept(code, CPT), "servicedDate": day}],
        }
    }


# --- named and found --------------------------------------------------------------------------------------


def test_a_claim_names_its_coverage() -> None:
    content = claim(line("97140"))
    assert rules_of(varied(content, lambda claim: claim.pop("insurance"))) == ["coverage-missing"]
    bare = varied(content, lambda claim: claim["insurance"][0].pop("coverage"))
    assert rules_of(bare) == ["coverage-missing"]
    assert the(reviewed(bare), "coverage-missing").expression == ("Claim.insurance",)
    other = {"sequence": 2, "focal": False, "coverage": {"reference": "Coverage/cov"}}
    assert rules_of(varied(bare, lambda claim: claim["insurance"].append(other))) == ["coverage-missing"], "the billed"


@pytest.mark.parametrize(
    ("gone", "element"),
    [
        ("cov", "Claim.insurance[0].coverage"),
        ("p1", "Claim.patient"),
        ("therapist", "Claim.careTeam[0].provider"),
        ("referral", "Claim.referral"),
    ],
)
def test_what_the_claim_names_must_be_there(gone: str, element: str) -> None:
    content = without(claim(line("97124"), profession="massage-therapist"), gone)
    found = the(reviewed(content), "reference-unresolved")
    assert found.severity == "information" and found.at_risk is None
    assert found.expression == (element,)


@pytest.mark.parametrize("named", [{"identifier": {"system": "urn:ids", "value": "17"}}, {"display": "the usual one"}])
@pytest.mark.parametrize(
    ("key", "element"),
    [("patient", "Claim.patient"), ("referral", "Claim.referral"), ("coverage", "Claim.insurance[0].coverage")],
)
def test_what_is_named_without_an_address_must_be_found_too(key: str, element: str, named: Json) -> None:
    content = claim(line("97124"), payer="veterans-affairs", profession="massage-therapist")

    def change(claim: Json) -> None:
        (claim["insurance"][0] if key == "coverage" else claim)[key] = named

    report = reviewed(varied(content, change))
    assert grave(report) == [], "rules that need it stay silent"
    assert the(report, "reference-unresolved").expression == (element,)


def test_a_provider_may_be_named_by_number_alone() -> None:
    number = {"identifier": {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893"}}
    content = varied(claim(line("97140")), lambda claim: claim["careTeam"][0].update(provider=number))
    assert grave(reviewed(content)) == []


def test_a_payer_that_nothing_tells_is_said_to_be_unknown() -> None:
    content = covered(type={"text": "Plan"}, payor=[{"display": "Nobody Knows Us"}])
    found = the(reviewed(content), "payer-unrecognised")
    assert found.severity == "information"
    assert found.expression == ("Claim.insurance[0].coverage",)


def test_of_a_coverage_that_was_not_found_the_payer_is_not_asked() -> None:
    assert rules_of(without(claim(line("97140")), "cov")) == ["reference-unresolved"]


# --- in force ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "carc"),
    [
        ({"period": {"start": "2026-11-03"}}, "26"),
        ({"period": {"start": "2026-12"}}, "26"),
        ({"period": {"start": "2026-01-01", "end": "2026-11-01"}}, "27"),
        ({"period": {"end": "2026-10"}}, "27"),
        ({"status": "cancelled"}, "27"),
        ({"status": "entered-in-error"}, "27"),
    ],
)
def test_a_coverage_out_of_force_is_denied(change: Json, carc: str) -> None:
    found = the(reviewed(covered(**change)), "coverage-not-active")
    assert found.expression == ("Claim.insurance[0].coverage",)
    assert found.denial is not None
    assert (found.denial.group, found.denial.carc) == ("CO", carc)


@pytest.mark.parametrize("period", [{"start": DAY, "end": DAY}, {"start": "2026"}, {"end": "2026-11"}, {}])
def test_its_first_and_last_day_count(period: Json) -> None:
    assert rules_of(covered(period=period)) == []


def test_only_the_lines_out_of_force_are_at_risk() -> None:
    content = claim(line("97140", day="2026-10-30"), line("97140"), line("97124"))
    found = the(reviewed(covered(content, period={"start": "2026-11-01"})), "coverage-not-active")
    assert "2026-10-30" in found.message
    assert DAY not in found.message
    assert str(found.at_risk) == "58.0"


def test_it_is_the_patients_own() -> None:
    assert rules_of(covered(beneficiary={"reference": "Patient/other"})) == ["coverage-wrong-patient"]
    assert rules_of(covered(beneficiary={"reference": "http://elsewhere.example.org/Patient/p1"})) == []
    assert rules_of(covered(beneficiary={"display": "Pat"})) == []


# --- for the service ---------------------------------------------------------------------------------------

CMS = [{"identifier": {"value": "Centers for Medicare and Medicaid Services"}}]
SUBSIDIZED = concept("SUBSIDIZ", "http://terminology.hl7.org/CodeSystem/v3-ActCode")
DRUGS = concept("122", "https://nahdo.org/sopt")


def classed(**values: str) -> list[Json]:
    """What a Coverage says of its class: group, plan and the like."""
    system = "http://terminology.hl7.org/CodeSystem/coverage-class"
    return [{"type": concept(code, system), "value": value} for code, value in values.items()]


@pytest.mark.parametrize(
    "change",
    [
        {"type": DRUGS},
        {"type": DRUGS, "payor": CMS},
        {"type": DRUGS, "payor": [{"display": "Medicare"}]},
        {"type": SUBSIDIZED, "payor": CMS, "class": classed(group="Medicare", plan="Part D")},
        {"type": {}, "payor": [{"display": "Aetna"}], "class": classed(plan="Medicare Part D")},
        {"type": {}, "payor": [{"display": "SilverScript"}]},
        {"type": {"text": "Medicare PDP"}, "payor": [{"display": "Humana"}]},
    ],
)
def test_a_drug_plan_pays_no_therapy(change: Json) -> None:
    report = reviewed(covered(**change))
    found = the(report, "coverage-not-for-service")
    assert found.severity == "error"
    assert found.expression == ("Claim.insurance[0].coverage",)
    assert found.denial is not None
    assert (found.denial.group, found.denial.carc) == ("CO", "109")
    assert rules_of(covered(**change)) == ["coverage-not-for-service"], "and the payer is known well enough"


def test_a_drug_plan_beside_the_coverage_billed_is_no_fault() -> None:
    content = insured(slot(1, "cov", focal=True), slot(2, "second", focal=False), second_type="122")
    assert rules_of(content) == []


def test_a_drug_plan_that_is_only_named_is_known_too() -> None:
    named = varied(claim(line("97140")), lambda c: c["insurance"][0].update(coverage={"display": "Medicare Part D"}))
    assert "coverage-not-for-service" in grave(reviewed(named))


@pytest.mark.parametrize("plan", ["Part B", "MEDICARE PART B", "Part A, Part B"])
def test_medicare_is_known_by_the_plan_that_cms_names(plan: str) -> None:
    """As CMS's Blue Button sends a beneficiary's coverage."""
    content = covered(type=SUBSIDIZED, payor=CMS, **{"class": classed(group="Medicare", plan=plan)})
    assert "therapy-modifier-missing" in grave(reviewed(content))


# --- in order ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("focal", [None, False])
def test_the_only_insurance_is_the_one_billed(focal: bool | None) -> None:
    content = insured(slot(1, "cov", focal=focal))
    report = reviewed(content)
    (correction,) = the(report, "coverage-order").corrections
    assert correction.certain
    assert corrected(report)["insurance"][0]["focal"] is True
    assert grave(reviewed(with_claim(content, corrected(report)))) == []


@pytest.mark.parametrize("focal", [(True, True), (False, False), (None, None)])
def test_exactly_one_insurance_is_billed(focal: tuple[bool | None, bool | None]) -> None:
    content = insured(slot(1, "cov", focal=focal[0]), slot(2, "second", focal=focal[1]), second_type="5")
    found = the(reviewed(content), "coverage-order")
    assert found.expression == ("Claim.insurance",)
    assert found.denial is not None
    assert found.denial.carc == "22"
    assert [correction.certain for correction in found.corrections] == [False, False]


def test_no_two_insurances_share_a_place() -> None:
    content = insured(slot(1, "cov", focal=True), slot(1, "second", focal=False), second_type="5")
    found = the(reviewed(content), "coverage-order")
    assert found.expression == ("Claim.insurance[1].sequence",)
    assert [edit.value for edit in found.corrections[0].edits] == [1, 2]


@pytest.mark.parametrize("name", ["Medicare Supplement Plan G", "Mutual of Omaha Medigap", "TRICARE for Life"])
def test_a_supplement_is_not_billed_first(name: str) -> None:
    found = the(reviewed(covered(type={}, payor=[{"display": name}])), "coverage-order")
    assert found.severity == "warning"
    assert found.expression == ("Claim.insurance[0]",)


@pytest.mark.parametrize(("supplement_at", "warned"), [(2, False), (1, True)])
def test_a_supplement_follows_the_payer_ahead_of_it(supplement_at: int, warned: bool) -> None:
    first = slot(supplement_at, "cov", focal=True)
    content = insured(first, slot(3 - supplement_at, "second", focal=False), second_type="12")
    content = covered(content, type={}, payor=[{"display": "AARP Medicare Supplement"}])
    assert ("coverage-order" in rules_of(content)) is warned


@pytest.mark.parametrize(
    ("sequences", "second_type", "accident", "warned"),
    [
        ((1, 2), "95", True, True),
        ((1, 2), "96", True, True),
        ((2, 1), "95", True, False),
        ((1, 2), "95", False, False),
        ((1, 2), "5", True, False),
    ],
)
def test_after_an_accident_its_own_insurance_pays_first(
    sequences: tuple[int, int], second_type: str, accident: bool, warned: bool
) -> None:
    content = insured(
        slot(sequences[0], "cov", focal=True),
        slot(sequences[1], "second", focal=False),
        second_type=second_type,
        accident=accident,
    )
    assert rules_of(content) == (["coverage-order"] if warned else [])
    if warned:
        found = the(reviewed(content), "coverage-order")
        assert found.severity == "warning"
        assert found.expression == ("Claim.insurance[0]",)


# --- covered -------------------------------------------------------------------------------------------------


def test_tricare_does_not_cover_massage() -> None:
    found = the(
        reviewed(claim(line("97140"), line("97124"), payer="tricare", profession="massage-therapist")),
        "service-not-covered",
    )
    assert found.expression == ("Claim.item[1]",)
    assert found.denial is not None
    assert (found.denial.group, found.denial.carc) == ("PR", "204")
    assert found.message == "TRICARE does not cover 97124 (massage therapy)."


def test_where_coverage_hangs_on_a_profession_not_known_nothing_is_said() -> None:
    assert "service-not-covered" not in rules_of(claim(line("97124"), payer="tricare", profession=None))


def test_conditions_are_listed_line_by_line() -> None:
    found = [
        finding
        for finding in reviewed(claim(line("97124"), line("97140"), profession="massage-therapist")).findings
        if finding.rule == "coverage-conditional"
    ]
    assert [finding.expression[0] for finding in found] == ["Claim.item[0]", "Claim.item[1]"]
    assert {finding.severity for finding in found} == {"information"}
    assert "contract lists massage therapists" in found[0].message


def test_what_is_not_paid_at_all_has_no_conditions() -> None:
    report = reviewed(claim(line("97124"), payer="medicare-part-b", profession="massage-therapist"))
    assert "coverage-conditional" not in [finding.rule for finding in report.findings]


# --- asked for beforehand --------------------------------------------------------------------------------------


def test_va_wants_its_authorization() -> None:
    content = claim(line("97124"), payer="veterans-affairs", profession="massage-therapist", authorization="")
    found = the(reviewed(content), "authorization-missing")
    assert found.expression == ("Claim.insurance[0].preAuthRef",)
    assert found.denial is not None
    assert found.denial.carc == "197"


@pytest.mark.parametrize("number", [[], [""], ["  "]])
def test_an_empty_number_is_none(number: list[str]) -> None:
    content = claim(line("97124"), payer="veterans-affairs", profession="massage-therapist")
    content = varied(content, lambda claim: claim["insurance"][0].update(preAuthRef=number))
    assert rules_of(content) == ["authorization-missing"]


@pytest.mark.parametrize(
    ("item", "asked"),
    [
        ({"productOrService": concept("97140", CPT), "authorizationRequired": True}, True),
        ({"authorizationRequired": True}, True),
        ({"category": concept("30"), "authorizationRequired": True}, True),
        ({"productOrService": concept("97110", CPT), "authorizationRequired": True}, False),
        ({"category": concept("35"), "authorizationRequired": True}, False),  # dental care
        ({"productOrService": concept("97140", CPT), "authorizationRequired": False}, False),
    ],
)
def test_the_payers_own_answer_may_ask_for_it(item: Json, asked: bool) -> None:
    content = told(claim(line("97140")), item)
    assert rules_of(content) == (["authorization-missing"] if asked else [])
    given = varied(content, lambda claim: claim["insurance"][0].update(preAuthRef=["A1"]))
    assert rules_of(given) == []


def test_an_answer_on_another_coverage_does_not_count() -> None:
    assert rules_of(told(claim(line("97140")), {"authorizationRequired": True}, coverage="other")) == []


def test_an_answer_does_not_count_where_neither_coverage_was_found() -> None:
    content = told(without(claim(line("97140")), "cov"), {"authorizationRequired": True})
    assert rules_of(content) == ["reference-unresolved"]


# --- allowed -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "beyond"),
    [
        (benefit("97140", 20, 20), True),
        (benefit("97140", 20, 25), True),
        (benefit("97140", 20, 19), False),
        (benefit(None, 20, 20), True),
        (benefit("97110", 20, 20), False),
        (benefit(None, 20, 20, category=concept("F6")), False),  # vision
        (benefit("97140", 4, 4, term=concept("day")), False),  # a day's units
    ],
)
def test_the_visits_that_the_payer_counts_are_believed(item: Json, beyond: bool) -> None:
    content = told(claim(line("97140")), item)
    assert rules_of(content) == (["visit-limit-exceeded"] if beyond else [])


def test_the_visits_of_the_claim_use_up_what_is_left() -> None:
    days = [line("97140", day=day) for day in ("2026-10-30", "2026-11-01", "2026-11-01", "2026-11-02")]
    content = told(claim(*days), benefit("97140", 20, 18))
    found = the(reviewed(content), "visit-limit-exceeded")
    assert found.expression == ("Claim.item[3]",)
    assert found.denial is not None
    assert (found.denial.group, found.denial.carc) == ("PR", "119")
    assert "20 visits by its answer on the benefits (18 used)" in found.message


def test_where_the_payer_counts_none_the_visits_at_hand_are_counted() -> None:
    content = told(claim(line("97140")), benefit("97140", 2))
    assert rules_of(content) == []
    content["entry"] += [earlier(1, "2026-03-02", "97140"), earlier(2, "2026-05-04", "97140")]
    assert rules_of(content) == ["visit-limit-exceeded"]


def answered(content: Json, *items: Json, **more: Any) -> Json:
    """The bundle with the payer's answer on the benefits, dated or bound to a period."""
    content = told(content, *items)
    period = more.pop("benefitPeriod", None)
    answer = resource(content, "CoverageEligibilityResponse")
    answer.update(more)
    if period is not None:
        answer["insurance"][0]["benefitPeriod"] = period
    return content


@pytest.mark.parametrize(
    ("earlier_day", "beyond"),
    [
        ("2026-10-20", True),  # the payer could not know of it when it answered
        ("2026-10-01", False),  # nor is it said that it did not
        ("2026-09-20", False),
    ],
)
def test_visits_after_the_answer_add_to_those_that_it_counts(earlier_day: str, beyond: bool) -> None:
    content = answered(claim(line("97124")), benefit("97124", 12, 11), created="2026-10-01T09:00:00Z")
    content["entry"].append(earlier(1, earlier_day))
    assert ("visit-limit-exceeded" in rules_of(content)) is beyond


@pytest.mark.parametrize(
    ("more", "beyond"),
    [
        ({"created": "2026-01-05"}, True),
        ({"created": "2025-12-30"}, False),
        ({"created": "2025-12-30", "benefitPeriod": {"start": "2025-07-01", "end": "2026-12-31"}}, True),
        ({"benefitPeriod": {"start": "2026-01-01", "end": "2026-10-31"}}, False),
        ({"benefitPeriod": {"start": "2026"}}, True),
        ({"status": "entered-in-error"}, False),
    ],
)
def test_an_answer_speaks_of_its_period_or_year(more: Json, beyond: bool) -> None:
    content = answered(claim(line("97124")), benefit("97124", 12, 12), **more)
    assert ("visit-limit-exceeded" in rules_of(content)) is beyond


@pytest.mark.parametrize(("kind", "beyond"), [("visit", True), ("benefit", True), ("room", False), (None, True)])
def test_a_count_of_something_else_is_no_visit(kind: str | None, beyond: bool) -> None:
    item = benefit("97124", 12, 12)
    item["benefit"][0].pop("type")
    if kind:
        item["benefit"][0]["type"] = concept(kind)
    assert ("visit-limit-exceeded" in rules_of(told(claim(line("97124")), item))) is beyond


def public_employee(*earlier_days: str) -> Json:
    """A massage for a member of a plan that allows 24 massage visits in a calendar year."""
    content = claim(line("97124"), profession="massage-therapist")
    content = without(covered(content, payor=[{"display": "Uniform Medical Plan"}]), "payor")
    content["entry"] += [earlier(number, day) for number, day in enumerate(earlier_days)]
    return content


def test_the_plans_own_limit_counts_the_calendar_year() -> None:
    this_year = [f"2026-{month:02}-{day:02}" for month in range(1, 9) for day in (5, 12, 19)]
    found = the(reviewed(public_employee(*this_year)), "visit-limit-exceeded")
    assert (
        found.message
        == f"Uniform Medical Plan (Washington public employees) allows 24 visits in 2026; the visit of {DAY} is beyond them."
    )
    assert found.citations
    assert rules_of(public_employee(*this_year[1:])) == []
    assert rules_of(public_employee(*this_year[1:], "2025-12-15")) == [], "last year's"
    assert rules_of(public_employee(*this_year[1:], "2026-12-15")) == [], "later ones"
    assert rules_of(public_employee(*this_year[1:], this_year[1])) == [], "one day is one visit"


# --- right claims ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("payer", sorted(PAYORS))
@pytest.mark.parametrize(
    "profession", ["physical-therapist", "occupational-therapist", "physician", "advanced-practice"]
)
def test_right_claims_are_met_with_silence(payer: str, profession: str) -> None:
    assert rules_of(claim(line("97140"), line("97124"), payer=payer, profession=profession)) == []
