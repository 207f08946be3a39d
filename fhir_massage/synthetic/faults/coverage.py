"""Faults of coverage, authorization and benefits."""

from __future__ import annotations

from datetime import date, timedelta

from fhir_massage.synthetic import parties
from fhir_massage.synthetic.choices import Choices
from fhir_massage.synthetic.faults.registry import fault
from fhir_massage.synthetic.faults.tools import asks_alike, lines, policy_of, refused
from fhir_massage.synthetic.made import Made
from fhir_massage.synthetic.market import Market, Setting
from fhir_massage.synthetic.plan import Shape
from fhir_massage.synthetic.repertoire import TAXONOMIES

HERE = ["Claim.insurance[0].coverage"]
ACCIDENT_TYPE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


@fault("coverage-missing")
def no_insurance(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Leave the insurance off."""
    del made.claim["insurance"]
    made.drop_contained("Coverage")
    return ["Claim.insurance"]


@fault("coverage-not-active")
def a_coverage_not_in_force(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Bill a coverage that was cancelled, had ended, or had not begun."""
    coverage = made.changeable("coverage")
    if coverage is None:
        return None
    first, last = made.plan.days[0], made.plan.days[-1]
    what = choices.randint(0, 2)
    if what == 0:
        coverage["status"] = choices.choice(("cancelled", "draft", "entered-in-error"))
    elif what == 1:
        end = last - timedelta(days=choices.randint(1, 40))
        coverage["period"] = {"start": (end - timedelta(days=400)).isoformat(), "end": end.isoformat()}
    else:
        coverage["period"] = {"start": (first + timedelta(days=choices.randint(1, 40))).isoformat()}
    return HERE


@fault("coverage-wrong-patient")
def somebody_else_s_coverage(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Bill the coverage of somebody else."""
    if "reference" not in made.claim["patient"]:
        return None
    coverage = made.changeable("coverage")
    if coverage is None:
        return None
    coverage["beneficiary"] = made.add(parties.patient(choices, made.fresh_id()))
    return HERE


@fault("coverage-not-for-service")
def a_drug_plan(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Bill the patient's drug plan."""
    coverage = made.changeable("coverage")
    if coverage is None:
        return None
    coverage["payor"] = [
        {"display": choices.choice(("Medicare Part D", "SilverScript Choice (PDP)", "HUMANA MEDICARE PDP"))}
    ]
    coverage["type"] = parties.concept("122", "https://nahdo.org/sopt")
    return HERE


@fault("coverage-order")
def no_insurance_marked(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Mark none of the insurances as the one to be billed."""
    made.claim["insurance"][0]["focal"] = False
    return ["Claim.insurance"]


@fault("coverage-order")
def two_insurances_of_one_rank(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Give two insurances the same place in the order."""
    if len(made.claim["insurance"]) < 2:
        return None
    made.claim["insurance"][1]["sequence"] = 1
    return ["Claim.insurance[1].sequence"]


@fault("coverage-order", suits=lambda s: s.policy.payer_class in ("commercial", "medicaid", "medicare-part-b"))
def a_health_plan_ahead_after_an_accident(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Bill a health plan ahead of the auto insurance after an accident."""
    if len(made.claim["insurance"]) > 1 or made.plan.policy.payer_class not in (
        "commercial",
        "medicaid",
        "medicare-part-b",
    ):
        return None
    day = made.plan.days[0] - timedelta(days=choices.randint(3, 60))
    made.claim["accident"] = {"date": day.isoformat(), "type": parties.concept("MVA", ACCIDENT_TYPE)}
    auto = parties.coverage(
        choices, made.fresh_id(), made.addresses.of(made.cast.patient), choices.choice(market.names("auto")),
        {"display": "Auto insurance"}, made.plan.days[0], made.plan.days[-1],
    )  # fmt: skip
    made.claim["insurance"].append({"sequence": 2, "focal": False, "coverage": made.add(auto)})
    return ["Claim.insurance[0]"]


def _excludes(setting: Setting) -> bool:
    return any(entry.answer == "no" for entry in setting.policy.coverage_entries)


@fault("service-not-covered", suits=_excludes, shape=Shape(codes=("97124",)))
def a_service_that_is_excluded(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Bill what the plan does not cover from this profession."""
    if "careTeam" not in made.claim:
        return None
    services = [(index, s, policy_of(made, market, s)) for index, _, s in lines(made)]
    for profession in TAXONOMIES:
        if any(refused(market, policy, s.code, profession, s.day) for _, s, policy in services):
            continue
        excluded = [
            index for index, s, policy in services
            if (covered := policy.covered(s.code, profession)) is not None and covered.answer == "no"
        ]  # fmt: skip
        if excluded and asks_alike(made, market, profession) and not profession.endswith("assistant"):
            made.claim["careTeam"][0]["qualification"] = parties.taxonomy(choices, profession)
            return [f"Claim.item[{index}]" for index in excluded]
    return None


def _authorizes(setting: Setting) -> bool:
    return any(setting.policy.authorization(code, setting.profession) is not None for code in setting.codes)


@fault("authorization-missing", suits=_authorizes)
def no_authorization(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Leave the number of the authorization off."""
    asked = any(policy_of(made, market, s).authorization(s.code, made.plan.profession) for s in made.plan.services)
    if not asked:
        return None
    del made.claim["insurance"][0]["preAuthRef"]
    return ["Claim.insurance[0].preAuthRef"]


@fault("visit-limit-exceeded")
def a_visit_too_many(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Bring along the payer's answer that the year's visits are used."""
    coverage = made.cast.coverage
    reference = made.claim["insurance"][0]["coverage"]["reference"]
    if made.cast.benefits is not None or reference.startswith("#") or "reference" not in made.claim["patient"]:
        return None
    if made.shared:
        coverage = made.changeable("coverage") or coverage
    allowed = choices.randint(4, 30)
    answer = parties.eligibility(
        made.fresh_id(), made.addresses.of(made.cast.patient), made.addresses.of(coverage), made.plan.days[0],
        parties.visits_benefit(allowed, allowed),
    )  # fmt: skip
    made.add(answer)
    first: dict[date, int] = {}
    for index, _, service in lines(made):
        first.setdefault(service.day, index)
    return [f"Claim.item[{index}]" for index in first.values()]
