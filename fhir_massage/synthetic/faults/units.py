"""Faults of units and minutes."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

from fhir_massage.rules.units.counting import allot, units_of
from fhir_massage.synthetic.choices import Choices
from fhir_massage.synthetic.claim import moment
from fhir_massage.synthetic.faults.registry import fault
from fhir_massage.synthetic.faults.tools import (
    encounter,
    is_held_to_ncci,
    lines,
    policy_of,
    room_for,
    set_minutes,
    set_units,
)
from fhir_massage.synthetic.made import Made
from fhir_massage.synthetic.market import Market, Setting
from fhir_massage.synthetic.plan import Shape


def _allotted(made: Made, market: Market, index: int, billed: int) -> list[tuple[int, int]]:
    """Each timed line of the visit with the units that it is allotted when the line bills so many."""
    timed = [
        (place, service) for place, service in enumerate(made.plan.services)
        if service.timed and service.day == made.plan.services[index].day
    ]  # fmt: skip
    policy = policy_of(made, market, made.plan.services[index])
    way = policy.counting.value if policy.counting is not None else "midpoint"
    units = [billed if place == index else service.units for place, service in timed]
    return list(zip([p for p, _ in timed], allot(way, [s.minutes for _, s in timed], units), strict=True))


def _allotted_as_planned(made: Made, market: Market, index: int, billed: int) -> bool:
    return all(made.plan.services[place].units == units for place, units in _allotted(made, market, index, billed))


@fault("units-exceed-minutes")
def units_too_many(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Bill two units for which there are no minutes: one could be right by those of a service without unit."""
    if made.plan.minutes == "absent":
        return None
    fitting = [
        index for index, _, service in lines(made)
        if service.timed and policy_of(made, market, service).counting is not None
        and room_for(made, market, index, 2) and _allotted_as_planned(made, market, index, service.units + 2)
    ]  # fmt: skip
    if not fitting:
        return None
    index = choices.choice(fitting)
    set_units(made, index, made.plan.services[index].units + 2)
    return [f"Claim.item[{index}].quantity"]


@fault("minutes-overlap", shape=Shape(minutes="period", lines=2))
def a_minute_billed_twice(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Let a one-on-one service begin before the one ahead of it has ended."""
    if made.plan.minutes != "period":
        return None
    placed = [
        (index, item, service) for index, item, service in lines(made)
        if (row := market.facts.timed_codes.find(service.code, service.day)) is not None and row.one_on_one
    ]  # fmt: skip
    for (_, before, first), (index, item, second) in pairwise(placed):
        if first.day == second.day and first.minutes >= 8 and second.minutes >= 8:
            early = second.starts - (first.starts + first.minutes) + choices.randint(1, 7)
            second.starts -= early
            zone = before["servicedPeriod"]["start"][19:]
            item["servicedPeriod"]["start"] = moment(second.day, second.starts, zone)
            item["servicedPeriod"]["end"] = moment(second.day, second.starts + second.minutes, zone)
            return [f"Claim.item[{index}].servicedPeriod"]
    return None


@fault("units-not-whole")
def no_units(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Leave the units off a line whose minutes make more than one."""
    if made.plan.minutes == "absent":
        return None
    fitting = [index for index, _, service in lines(made) if service.timed and units_of(service.minutes) > 1]
    if not fitting:
        return None
    index = choices.choice(fitting)
    del made.claim["item"][index]["quantity"]
    return [f"Claim.item[{index}].quantity"]


@fault("units-not-whole")
def half_a_unit(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Bill a fraction of a unit."""
    index = choices.randint(0, len(made.claim["item"]) - 1)
    set_units(made, index, Decimal("0.5"))
    return [f"Claim.item[{index}].quantity"]


@fault("units-not-whole")
def units_in_minutes(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Give the minutes of a timed line in place of its units."""
    fitting = [
        index for index, item, service in lines(made)
        if service.timed and set(item["quantity"]) == {"value"} and _allotted_as_planned(made, market, index, 0)
    ]  # fmt: skip
    if not fitting:
        return None
    index = choices.choice(fitting)
    made.claim["item"][index]["quantity"] = {"value": made.plan.services[index].minutes, "unit": "min"}
    return [f"Claim.item[{index}].quantity"]


def _follows_ncci(setting: Setting) -> bool:
    return is_held_to_ncci(setting.policy) and setting.day.year >= 2024


@fault("units-exceed-mue", suits=_follows_ncci, shape=Shape(lines=1, days=1))
def more_than_likely(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Bill more units of a code than its medically unlikely edit, with the minutes for them."""
    service = made.plan.services[0]
    policy = policy_of(made, market, service)
    edit = market.facts.mue.find(service.code, service.day)
    if edit is None or not edit.units or not is_held_to_ncci(policy) or len(made.plan.services) > 1:
        return None
    units = edit.units + choices.randint(1, 2)
    if any(limit.covers_code(service.code) or "timed" in limit.codes for limit in policy.daily_units):
        return None
    if service.timed:
        set_minutes(made, 0, 15 * units)
    set_units(made, 0, units)
    return ["Claim.item[0].quantity"]


@fault("units-exceed-policy", suits=lambda setting: bool(setting.policy.daily_units), shape=Shape(lines=1, days=1))
def more_than_the_payer_pays(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Bill more units than the payer pays a day, with the minutes for them."""
    service = made.plan.services[0]
    policy = policy_of(made, market, service)
    limits = [
        e.units for e in policy.daily_units if e.covers_code(service.code) or ("timed" in e.codes and service.timed)
    ]
    if len(limits) != 1 or len(encounter(made, 0)) > 1 or len(made.plan.services) > 1:
        return None
    edit = market.facts.mue.find(service.code, service.day) if is_held_to_ncci(policy) else None
    if edit is not None and 0 < edit.units <= limits[0]:
        return None
    set_minutes(made, 0, 15 * (limits[0] + 1))
    set_units(made, 0, limits[0] + 1)
    return ["Claim.item[0].quantity"]
