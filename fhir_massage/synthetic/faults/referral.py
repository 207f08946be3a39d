"""Faults of referrals, where the payer asks for one."""

from __future__ import annotations

from datetime import date, timedelta

from fhir_massage.facts.policy import ReferralAsked
from fhir_massage.synthetic import parties
from fhir_massage.synthetic.choices import Choices
from fhir_massage.synthetic.faults.registry import fault
from fhir_massage.synthetic.faults.tools import policy_of
from fhir_massage.synthetic.made import Made
from fhir_massage.synthetic.market import Market, Setting
from fhir_massage.synthetic.parties import Json
from fhir_massage.synthetic.plan import Shape
from fhir_massage.synthetic.repertoire import TAXONOMIES

HERE = ["Claim.referral"]
ACUPUNCTURE = "97810"


def _asks(setting: Setting) -> bool:
    return any(setting.policy.referral(code, setting.profession) is not None for code in setting.codes)


def _asks_whose(setting: Setting) -> bool:
    asked = (setting.policy.referral(code, setting.profession) for code in setting.codes)
    return any(each is not None and each.referrers for each in asked)


def _asked(made: Made, market: Market) -> dict[date, ReferralAsked]:
    """The days on which some line needs the referral."""
    found = {}
    for service in made.plan.services:
        asked = policy_of(made, market, service).referral(service.code, made.plan.profession)
        if asked is not None:
            found[service.day] = asked
    return found


def _changeable(made: Made, market: Market) -> Json | None:
    """The referral that the payer asks for, to be changed."""
    if not _asked(made, market) or "referral" not in made.claim:
        return None
    return made.changeable("referral")


def _only_kept(made: Made, market: Market) -> bool:
    """Whether the payer only wants it kept on file; VA takes its own number for it."""
    found = [
        policy_of(made, market, service).referral(service.code, made.plan.profession) for service in made.plan.services
    ]
    return all(entry.on_file for entry in found if entry is not None)


@fault("referral-missing", suits=_asks)
def no_referral(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Leave the referral off."""
    asked = _asked(made, market)
    if not asked or made.plan.policy.payer_class == "veterans-affairs" or _only_kept(made, market):
        return None
    del made.claim["referral"]
    made.drop_contained("ServiceRequest")
    return HERE


@fault("referral-not-active", suits=_asks)
def a_referral_not_in_force(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Name a referral that is no order, or was withdrawn."""
    referral = _changeable(made, market)
    if referral is None:
        return None
    if choices.random() < 0.5:
        referral["status"] = choices.choice(("draft", "on-hold", "revoked"))
    else:
        referral["intent"] = choices.choice(("proposal", "plan"))
    return HERE


@fault("referral-out-of-date", suits=_asks)
def a_referral_of_another_time(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Name a referral that was written later, or had run out."""
    referral = _changeable(made, market)
    if referral is None:
        return None
    last = max(_asked(made, market))
    referral.pop("occurrencePeriod", None)
    if choices.random() < 0.5 or "quantityQuantity" not in referral:
        referral["authoredOn"] = (last + timedelta(days=choices.randint(1, 20))).isoformat()
        referral.setdefault("quantityQuantity", {"value": 12, "unit": "visits"})
    else:
        end = last - timedelta(days=choices.randint(1, 20))
        authored = min(end, date.fromisoformat(referral["authoredOn"]))
        referral["authoredOn"] = authored.isoformat()
        referral["occurrencePeriod"] = {"start": authored.isoformat(), "end": end.isoformat()}
    return HERE


@fault("referral-wrong-patient", suits=_asks)
def somebody_else_s_referral(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Name a referral that was written for somebody else."""
    if "reference" not in made.claim["patient"]:
        return None
    referral = _changeable(made, market)
    if referral is None:
        return None
    referral["subject"] = made.add(parties.patient(choices, made.fresh_id()))
    return HERE


@fault("referral-wrong-service", suits=_asks)
def a_referral_for_something_else(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Name a referral for acupuncture."""
    referral = _changeable(made, market)
    if referral is None:
        return None
    referral["code"] = parties.procedure_concept(ACUPUNCTURE)
    referral.pop("orderDetail", None)
    return HERE


@fault("referrer-not-qualified", suits=_asks_whose)
def a_referrer_who_may_not_refer(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Name a referral by somebody whose referral the payer does not take."""
    whose = [asked.referrers for asked in _asked(made, market).values() if asked.referrers]
    wrong = [p for p in TAXONOMIES if p != "other" and whose and all(p not in taken for taken in whose)]
    referral = _changeable(made, market) if wrong else None
    if referral is None:
        return None
    number = choices.randint(10**8, 2 * 10**8 - 1)
    referral.pop("contained", None)
    referral["requester"] = made.add(parties.practitioner(choices, made.fresh_id(), number, choices.choice(wrong)))
    return HERE


@fault("referral-visits-exhausted", suits=_asks, shape=Shape(days=2))
def more_visits_than_ordered(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Name a referral for fewer visits than the claim bills."""
    if len(made.plan.days) < 2 or max(made.plan.days) not in _asked(made, market):
        return None
    referral = _changeable(made, market)
    if referral is None:
        return None
    referral["quantityQuantity"] = {"value": len(made.plan.days) - 1, "unit": "visits"}
    return HERE


@fault("referral-incomplete", suits=_asks)
def a_referral_that_does_not_say_enough(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Name a referral without a reason, or without visits and period."""
    referral = _changeable(made, market)
    if referral is None:
        return None
    if choices.random() < 0.5:
        del referral["reasonCode"]
    else:
        referral.pop("quantityQuantity", None)
        referral.pop("occurrencePeriod", None)
    return HERE
