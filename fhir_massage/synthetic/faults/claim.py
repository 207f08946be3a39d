"""Faults of dates, charges and duplicates."""

from __future__ import annotations

import copy
from datetime import date, timedelta

from fhir_massage.synthetic.choices import Choices
from fhir_massage.synthetic.faults.registry import fault
from fhir_massage.synthetic.faults.tools import encounter, lines, policy_of, room_for, sum_up
from fhir_massage.synthetic.made import Made
from fhir_massage.synthetic.market import LAST_DAY, Market
from fhir_massage.synthetic.plan import Shape

#: The last day on which a made-up claim is sent.
LAST_SENT = LAST_DAY + timedelta(days=10)


@fault("service-date-missing", shape=Shape(lines=1, days=1))
def no_day(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Leave off the day of the service, or name only its month."""
    if len(made.claim["item"]) > 1:
        return None
    item = made.claim["item"][0]
    for key in ("servicedDate", "servicedPeriod"):
        item.pop(key, None)
    made.claim.pop("billablePeriod", None)
    if choices.random() < 0.4:
        item["servicedDate"] = made.plan.days[0].isoformat()[:7]
    return ["Claim.item[0].servicedDate"]


@fault("service-date-invalid")
def billed_before_it_was_given(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Send the claim before the last visit."""
    created = made.plan.days[-1] - timedelta(days=1)
    made.claim["created"] = created.isoformat()
    found: dict[str, None] = {}
    for index, item, service in lines(made):
        if service.day > created:
            key = next((key for key in ("servicedDate", "servicedPeriod") if key in item), None)
            found[f"Claim.item[{index}].{key}" if key else "Claim.billablePeriod"] = None
    return list(found)


@fault("timely-filing-exceeded", suits=lambda s: s.policy.filing_limit is not None)
def sent_too_late(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Send the claim after the payer's time limit."""
    first = made.plan.days[0]
    limit = market.policy(made.plan.payer, first).filing_limit
    if limit is None:
        return None
    days = limit.days if limit.days is not None else 31 * (limit.months or 0)
    sent: date = first + timedelta(days=days + choices.randint(1, 60))
    if not days or sent > LAST_SENT:
        return None
    made.claim["created"] = sent.isoformat()
    return ["Claim.created"]


@fault("charge-mismatch")
def a_line_that_does_not_multiply(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Charge for a line what its units do not make."""
    index = choices.randint(0, len(made.claim["item"]) - 1)
    item = made.claim["item"][index]
    if "net" not in item:
        return None
    item["net"]["value"] += choices.choice((1, 7, 10))
    return [f"Claim.item[{index}].net"]


@fault("charge-mismatch")
def a_total_that_does_not_add_up(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Give a total that is not the sum of the lines."""
    if "total" not in made.claim or "net" not in made.claim["item"][0]:
        return None
    made.claim["total"]["value"] += choices.choice((1, 7, 10))
    return ["Claim.total"]


@fault("duplicate-line")
def a_line_twice(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Bill a line a second time."""
    for index, item, service in lines(made):
        policy = policy_of(made, market, service)
        counted = service.timed and made.plan.minutes != "absent" and policy.counting is not None
        if not room_for(made, market, index, service.units) or (counted and policy.counting.value == "cms"):  # type: ignore[union-attr]
            continue
        if made.plan.minutes == "period" or len(encounter(made, index)) > 1:
            continue
        again = copy.deepcopy(item)
        again["sequence"] = len(made.claim["item"]) + 1
        made.claim["item"].append(again)
        sum_up(made)
        return [f"Claim.item[{again['sequence'] - 1}]"]
    return None


@fault("duplicate-claim")
def sent_twice(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Let another claim, sent before, bill the same."""
    if "reference" not in made.claim["patient"] or "related" in made.claim:
        return None
    first = copy.deepcopy(made.claim)
    first["id"] = made.fresh_id()
    made.before.append(first)
    return [f"Claim.item[{index}]" for index, _, _ in lines(made)]
