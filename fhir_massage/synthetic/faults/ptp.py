"""Faults of NCCI pairs."""

from __future__ import annotations

import copy

from fhir_massage.facts.rows import Pair
from fhir_massage.synthetic.choices import Choices
from fhir_massage.synthetic.faults.registry import fault
from fhir_massage.synthetic.faults.tools import (
    DISTINCT,
    add_line,
    drop_modifier,
    encounter,
    is_held_to_ncci,
    lines,
    modifiers,
    orders,
    policy_of,
    room_in_day,
)
from fhir_massage.synthetic.made import Made
from fhir_massage.synthetic.market import Market, Setting
from fhir_massage.synthetic.plan import Shape
from fhir_massage.synthetic.repertoire import EVALUATIONS, charge

PAIR = Shape(pair=True, days=1)
#: Codes that are often one half of a pair that a modifier separates, and of one that none does.
PAIRING = {"98940", "97164", "97168"}
INSEPARABLE = ("97140", *EVALUATIONS["physical"], *EVALUATIONS["occupational"])
REGIONS = Shape(pair=True, days=1, codes=("98940", "98941", "98942"))


def _ncci(setting: Setting) -> bool:
    return is_held_to_ncci(setting.policy)


def _manipulates(setting: Setting) -> bool:
    return _ncci(setting) and {"98940", "97140"} <= set(setting.codes)


def _met(made: Made, market: Market) -> tuple[int, int, Pair] | None:
    """The pair that the claim's only two lines make: the positions of its column-one and column-two lines."""
    if len(made.plan.services) != 2 or len(made.plan.days) != 1:
        return None
    one, two = made.plan.services
    pair = market.pair(policy_of(made, market, one), one.code, two.code, one.day)
    if pair is None or pair.indicator != "1" or not pair.in_force(one.day):
        return None
    return (0, 1, pair) if pair.column_one == one.code else (1, 0, pair)


@fault("ptp-modifier-missing", suits=lambda s: _ncci(s) and PAIRING & set(s.codes) != set(), shape=PAIR)
def the_distinct_modifier_left_off(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Leave off the modifier that keeps a pair apart."""
    met = _met(made, market)
    if met is None:
        return None
    item = made.claim["item"][met[1]]
    for modifier in DISTINCT & set(modifiers(item)):
        drop_modifier(item, modifier)
    return [f"Claim.item[{met[1]}].modifier"]


@fault("ptp-same-region", suits=_manipulates, shape=REGIONS, restored=False)
def the_manipulated_region_again(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Say that the manual work was on a region that was manipulated."""
    met = _met(made, market)
    if met is None or met[2].apart != "region":
        return None
    one, two = made.claim["item"][met[0]], made.claim["item"][met[1]]
    if "bodySite" not in one:
        return None
    two["bodySite"] = copy.deepcopy(choices.choice([one["bodySite"], *one.get("subSite", [])]))
    return [f"Claim.item[{met[1]}]"]


@fault("ptp-not-separable", suits=lambda s: _ncci(s) and s.day.year >= 2020, shape=Shape(codes=INSEPARABLE, lines=1))
def two_that_are_never_paid_together(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Bill a service besides that is never paid beside one of the others."""
    for index, _, service in lines(made):
        policy, profession, day = policy_of(made, market, service), made.plan.profession, service.day
        for code in market.codes(made.plan.payer, profession, day):
            pair = market.facts.ptp_pairs.find((service.code, code), day)
            others = [each for each in encounter(made, index) if each is not service]
            if pair is None or pair.indicator != "0" or not is_held_to_ncci(policy):
                continue
            if any(each.code == code or market.pair(policy, each.code, code, day) for each in others):
                continue
            complaints = market.complaints(policy, code, day)
            if not any(made.plan.complaints[place] in complaints for place in service.complaints):
                continue
            asked = policy.referral(code, profession)
            if (asked and not orders(made, code)) or not room_in_day(made, market, index, code, 1):
                continue
            discipline = [m for m in service.modifiers if m not in DISTINCT]
            return [f"Claim.item[{add_line(made, code, index, charge(code, 100), discipline)}]"]
    return None
