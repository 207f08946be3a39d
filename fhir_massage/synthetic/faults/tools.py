"""What several faults do to a claim: change units, minutes, lines and who rendered, and keep the sums right."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from fhir_massage.facts.policy import Policy
from fhir_massage.rules.payment import refusal
from fhir_massage.rules.tools import follows_ncci
from fhir_massage.synthetic.claim import moment
from fhir_massage.synthetic.made import Made
from fhir_massage.synthetic.market import Market
from fhir_massage.synthetic.parties import UCUM, Json, procedure_concept
from fhir_massage.synthetic.plan import Service

DISTINCT = frozenset({"59", "XE", "XP", "XS", "XU"})


def lines(made: Made) -> Iterator[tuple[int, Json, Service]]:
    """Each line's position, its JSON, and the service that it was written from."""
    return zip(range(len(made.plan.services)), made.claim["item"], made.plan.services, strict=False)


def policy_of(made: Made, market: Market, service: Service) -> Policy:
    """The payer's policy on the day of a service."""
    return market.policy(made.plan.payer, service.day)


def modifiers(item: Json) -> list[str]:
    """The modifiers of a line."""
    return [coding["code"] for concept in item.get("modifier", []) for coding in concept["coding"]]


def add_modifier(item: Json, modifier: str) -> None:
    """Put a modifier after those that the line has."""
    item.setdefault("modifier", []).append({"coding": [{"code": modifier}]})


def drop_modifier(item: Json, modifier: str) -> None:
    """Take a modifier off a line."""
    for concept in list(item["modifier"]):
        concept["coding"] = [coding for coding in concept["coding"] if coding["code"] != modifier]
        if not concept["coding"]:
            item["modifier"].remove(concept)
    if not item["modifier"]:
        del item["modifier"]


def set_units(made: Made, index: int, units: int | Decimal) -> None:
    """Give a line other units, and let the sums follow."""
    item = made.claim["item"][index]
    item["quantity"]["value"] = units
    if "net" in item:
        item["net"]["value"] = item["unitPrice"]["value"] * units
    sum_up(made)


def set_minutes(made: Made, index: int, minutes: int) -> None:
    """Give a line other minutes, wherever the claim says them."""
    item, service = made.claim["item"][index], made.plan.services[index]
    for info in made.claim.get("supportingInfo", []):
        if info["sequence"] in item.get("informationSequence", []):
            info["valueQuantity"] = {"value": minutes, "unit": "min", "system": UCUM, "code": "min"}
    periods = [item["servicedPeriod"]] if made.plan.minutes == "period" else []
    for sequence in item.get("procedureSequence", []):
        reference = made.claim["procedure"][sequence - 1]["procedureReference"]
        periods += [each["performedPeriod"] for each in made.own if made.addresses.of(each) == reference["reference"]]
    for period in periods:
        period["end"] = moment(service.day, service.starts + minutes, period["start"][19:])


def sum_up(made: Made) -> None:
    """Make the claim's total the sum of its lines."""
    if "total" in made.claim:
        made.claim["total"]["value"] = sum(
            (item["unitPrice"]["value"] * item["quantity"]["value"] for item in made.claim["item"]), Decimal(0)
        )


def add_line(made: Made, code: str, like: int, price: Decimal, marked: list[str]) -> int:
    """Bill one unit of another code in the visit of the line ``like``; its position.

    It is given no minutes, so that nothing can be said of the units of other lines that was not so before.
    """
    made_like, service = made.claim["item"][like], made.plan.services[like]
    number = len(made.claim["item"]) + 1
    kept = ("sequence", "careTeamSequence", "diagnosisSequence", "servicedDate", "servicedPeriod")
    item = {key: copy.deepcopy(made_like[key]) for key in kept if key in made_like}
    item["sequence"] = number
    item["productOrService"] = procedure_concept(code)
    if "servicedPeriod" in item:
        item["servicedPeriod"] = {"start": service.day.isoformat(), "end": service.day.isoformat()}
    item["quantity"] = {"value": 1}
    item["unitPrice"] = {"value": price, "currency": "USD"}
    if "net" in made_like:
        item["net"] = {"value": price, "currency": "USD"}
    for modifier in marked:
        add_modifier(item, modifier)
    made.claim["item"].append(item)
    sum_up(made)
    return number - 1


def encounter(made: Made, index: int) -> list[Service]:
    """The services of the visit in which a line was given."""
    return [service for service in made.plan.services if service.day == made.plan.services[index].day]


def is_held_to_ncci(policy: Policy) -> bool:
    """Whether a broken NCCI edit is more than a note to the payer."""
    row = policy.follows_ncci
    return follows_ncci(policy) and (row is None or row.weighs)


def room_for(made: Made, market: Market, index: int, units: int) -> bool:
    """Whether a visit may have so many more units of the line's service, by every limit of the payer."""
    service = made.plan.services[index]
    policy = policy_of(made, market, service)
    if service.units + units > market.most_units(policy, service.code, service.day):
        return False
    return room_in_day(made, market, index, service.code, units)


def room_in_day(made: Made, market: Market, index: int, code: str, units: int) -> bool:
    """Whether a visit may have so many more units of a code, by the payer's daily limits."""
    service = made.plan.services[index]
    for limit in policy_of(made, market, service).daily_units:
        counted = [
            each.units for each in encounter(made, index)
            if limit.covers_code(each.code) or ("timed" in limit.codes and each.timed)
        ]  # fmt: skip
        counts = limit.covers_code(code) or ("timed" in limit.codes and market.is_timed(code, service.day))
        if counts and sum(counted) + units > limit.units:
            return False
    return True


def asks_alike(made: Made, market: Market, profession: str | None) -> bool:
    """Whether the payer asks of this profession nothing that it does not ask of the one that rendered."""
    for service in made.plan.services:
        policy = policy_of(made, market, service)
        for ask in (policy.referral, policy.authorization):
            wanted = ask(service.code, profession)
            if wanted is not None and wanted is not ask(service.code, made.plan.profession):
                return False
    return True


def refused(market: Market, policy: Policy, code: str, profession: str, day: date) -> bool:
    """Whether the profession is not paid for the code."""
    return refusal(market.facts, policy, code, profession, day) is not None


def orders(made: Made, code: str) -> bool:
    """Whether the claim's referral, if it has one, orders the code too."""
    referral = made.cast.referral
    if referral is None or "code" not in referral:
        return True
    concepts = [referral["code"], *referral.get("orderDetail", [])]
    said = [coding["code"] for each in concepts for coding in each.get("coding", [])]
    return not any(len(each) == 5 for each in said) or code in said
