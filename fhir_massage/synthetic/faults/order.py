"""Faults of orders."""

from __future__ import annotations

from fhir_massage.synthetic import parties
from fhir_massage.synthetic.choices import Choices
from fhir_massage.synthetic.faults.registry import order_fault
from fhir_massage.synthetic.faults.tools import refused
from fhir_massage.synthetic.market import Market, Setting
from fhir_massage.synthetic.orders import MadeOrder
from fhir_massage.synthetic.repertoire import TAXONOMIES


@order_fault("order-diagnosis-missing")
def no_reason(made: MadeOrder, market: Market, choices: Choices) -> list[str] | None:
    """Leave off why it is ordered."""
    made.order.pop("reasonCode", None)
    made.order.pop("reasonReference", None)
    return ["ServiceRequest.reasonCode"]


@order_fault("order-quantity-missing")
def no_measure(made: MadeOrder, market: Market, choices: Choices) -> list[str] | None:
    """Leave off how much is ordered."""
    made.order.pop("quantityQuantity", None)
    made.order.pop("occurrencePeriod", None)
    return ["ServiceRequest.quantity"]


@order_fault("order-code-imprecise")
def only_words(made: MadeOrder, market: Market, choices: Choices) -> list[str] | None:
    """Order in words only."""
    policy = market.policy(made.setting.payer, made.day)
    for code in ("97124", "97140"):
        # What is asked of either service must be no more than what was asked of the one that was meant.
        if not market.is_paid(policy, code, made.setting.profession, made.day):
            return None
        if policy.referral(code, made.setting.profession) is not policy.referral(made.code, made.setting.profession):
            return None
    made.order["code"] = {"text": choices.choice(("Massage", "Manual therapy", "Massage or manual therapy"))}
    return ["ServiceRequest.code"]


def _asks_whose(setting: Setting) -> bool:
    asked = (setting.policy.referral(code, setting.profession) for code in ("97124", "97140"))
    return any(each is not None and each.referrers for each in asked)


@order_fault("order-orderer-not-qualified", suits=_asks_whose)
def ordered_by_one_who_may_not(made: MadeOrder, market: Market, choices: Choices) -> list[str] | None:
    """Let somebody order whose referral the payer does not take."""
    asked = market.policy(made.setting.payer, made.day).referral(made.code, made.setting.profession)
    wrong = [p for p in TAXONOMIES if asked is not None and asked.referrers and p not in (*asked.referrers, "other")]
    if not wrong:
        return None
    number = choices.randint(10**8, 2 * 10**8 - 1)
    person = parties.practitioner(choices, made.fresh_id(), number, choices.choice(wrong))
    made.order["requester"] = made.add(person)
    return ["ServiceRequest.requester"]


def _refuses(setting: Setting) -> bool:
    refusals = [entry for entry in setting.policy.payable_entries if entry.answer == "no"]
    return any(entry.covers_code(code) for entry in refusals for code in ("97124", "97140"))


@order_fault("order-performer-not-payable", suits=_refuses)
def ordered_from_one_who_is_not_paid(made: MadeOrder, market: Market, choices: Choices) -> list[str] | None:
    """Order it from somebody whom the payer does not pay for it."""
    policy = market.policy(made.setting.payer, made.day)
    wrong = [
        p for p in TAXONOMIES
        if refused(market, policy, made.code, p, made.day) and not _excluded(market, made, p)
        and policy.referral(made.code, p) in (None, policy.referral(made.code, made.setting.profession))
    ]  # fmt: skip
    if not wrong:
        return None
    made.order.pop("performer", None)
    made.order["performerType"] = parties.taxonomy(choices, choices.choice(wrong))
    return ["ServiceRequest.performerType"]


@order_fault("order-not-covered", suits=lambda s: any(e.answer == "no" for e in s.policy.coverage_entries))
def an_excluded_service(made: MadeOrder, market: Market, choices: Choices) -> list[str] | None:
    """Order what the plan does not cover from this profession."""
    policy = market.policy(made.setting.payer, made.day)
    excluded = [
        p for p in TAXONOMIES if _excluded(market, made, p) and not refused(market, policy, made.code, p, made.day)
    ]  # fmt: skip
    if not excluded:
        return None
    made.order.pop("performer", None)
    made.order["performerType"] = parties.taxonomy(choices, choices.choice(excluded))
    return ["ServiceRequest.code"]


def _excluded(market: Market, made: MadeOrder, profession: str) -> bool:
    covered = market.policy(made.setting.payer, made.day).covered(made.code, profession)
    return covered is not None and covered.answer == "no"


def _authorizes(setting: Setting) -> bool:
    return any(setting.policy.authorization(code, setting.profession) is not None for code in ("97124", "97140"))


@order_fault("order-authorization-needed", suits=_authorizes)
def not_authorized(made: MadeOrder, market: Market, choices: Choices) -> list[str] | None:
    """Order it before the payer has authorized it."""
    if market.policy(made.setting.payer, made.day).authorization(made.code, made.setting.profession) is None:
        return None
    made.order.pop("extension", None)
    return ["ServiceRequest.insurance"]
