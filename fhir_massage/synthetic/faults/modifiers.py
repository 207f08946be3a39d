"""Faults of modifiers."""

from __future__ import annotations

from fhir_massage.synthetic.choices import Choices
from fhir_massage.synthetic.faults.registry import fault
from fhir_massage.synthetic.faults.tools import add_modifier, drop_modifier, lines, modifiers, policy_of
from fhir_massage.synthetic.made import Made
from fhir_massage.synthetic.market import Market, Setting
from fhir_massage.synthetic.plan import Shape
from fhir_massage.synthetic.repertoire import MANIPULATIONS

ASSISTANTS = {"physical-therapist-assistant": "CQ", "occupational-therapy-assistant": "CO"}
DISCIPLINES = ("GP", "GO")
NOT_MODIFIERS = ("ZZ", "0X", "GPX", "5")


def _is_assistant(setting: Setting) -> bool:
    return setting.profession in ASSISTANTS and setting.policy.assistant_modifier is not None


def _manipulation(setting: Setting) -> bool:
    return setting.policy.manipulation_modifier is not None and "98940" in setting.codes


@fault("modifier-conflict", suits=lambda s: "98940" in s.codes, shape=Shape(pair=True, codes=MANIPULATIONS))
def fifty_nine_beside_xs(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Put 59 beside XS, which says it already."""
    for index, item, _ in lines(made):
        if "XS" in modifiers(item):
            add_modifier(item, "59")
            return [f"Claim.item[{index}].modifier"]
    return None


@fault("modifier-conflict", suits=lambda s: "therap" in s.profession)
def two_disciplines(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Claim a second discipline for the same line."""
    for index, item, _ in lines(made):
        if len(set(DISCIPLINES) & set(modifiers(item))) == 1:
            add_modifier(item, "GO" if "GP" in modifiers(item) else "GP")
            return [f"Claim.item[{index}].modifier"]
    return None


@fault("modifier-conflict", suits=_is_assistant)
def an_assistant_without_discipline(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Leave CQ without GP, or CO without GO, where the payer asks only for the former."""
    for index, item, service in lines(made):
        found = modifiers(item)
        asked = market.asks(policy_of(made, market, service).therapy_modifier, service.code, made.plan.profession)
        if asked or not {"CQ", "CO"} & set(found):
            continue
        drop_modifier(item, "GP" if "CQ" in found else "GO")
        return [f"Claim.item[{index}].modifier"]
    return None


@fault("modifier-conflict", suits=lambda s: s.payer == "medicare-part-b")
def two_notices_of_liability(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Say both that a required notice is on file and that none is."""
    index = choices.randint(0, len(made.claim["item"]) - 1)
    item = made.claim["item"][index]
    if {"AT", "KX"} & set(modifiers(item)) or len(modifiers(item)) > 2:
        return None
    for modifier in choices.choice((("GA", "GZ"), ("GA", "GY"), ("GY", "GZ"))):
        add_modifier(item, modifier)
    return [f"Claim.item[{index}].modifier"]


@fault("modifier-invalid")
def a_modifier_twice(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Repeat a modifier."""
    for index, item, _ in lines(made):
        found = modifiers(item)
        if found:
            place = len(item["modifier"])
            add_modifier(item, choices.choice(found))
            return [f"Claim.item[{index}].modifier[{place}]"]
    return None


@fault("modifier-invalid")
def a_modifier_that_nobody_knows(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Put something on a line that is no modifier."""
    index = choices.randint(0, len(made.claim["item"]) - 1)
    item = made.claim["item"][index]
    unknown = [m for m in NOT_MODIFIERS if market.facts.modifiers.find(m, made.plan.services[index].day) is None]
    place = len(item.get("modifier", []))
    add_modifier(item, choices.choice(unknown))
    return [f"Claim.item[{index}].modifier[{place}]"]


@fault("therapy-modifier-missing", suits=lambda s: s.policy.therapy_modifier is not None and s.day.year >= 2020)
def no_discipline(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Leave off GP or GO where the payer asks for it."""
    if made.plan.profession in ASSISTANTS:
        return None
    fitting = [
        (index, item) for index, item, service in lines(made)
        if set(DISCIPLINES) & set(modifiers(item))
        and market.facts.always_therapy.find(service.code, service.day) is not None
        and market.asks(policy_of(made, market, service).therapy_modifier, service.code, made.plan.profession)
    ]  # fmt: skip
    if not fitting:
        return None
    index, item = choices.choice(fitting)
    drop_modifier(item, "GP" if "GP" in modifiers(item) else "GO")
    return [f"Claim.item[{index}].modifier"]


@fault("assistant-modifier-missing", suits=_is_assistant)
def no_sign_of_the_assistant(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Leave off CQ or CO where an assistant rendered."""
    modifier = ASSISTANTS.get(made.plan.profession)
    fitting = [(index, item) for index, item, _ in lines(made) if modifier in modifiers(item)]
    if modifier is None or not fitting:
        return None
    index, item = choices.choice(fitting)
    drop_modifier(item, modifier)
    return [f"Claim.item[{index}].modifier"]


@fault("threshold-modifier-missing", suits=lambda s: s.policy.threshold_modifier is not None and s.day.year >= 2020,
       shape=Shape(therapy_used=True))  # fmt: skip
def above_the_threshold_without_saying_so(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Leave off KX although the year's therapy amount is used."""
    fitting = [(index, item) for index, item, _ in lines(made) if "KX" in modifiers(item)]
    if not fitting or made.cast.benefits is None:
        return None
    index, item = choices.choice(fitting)
    drop_modifier(item, "KX")
    return [f"Claim.item[{index}].modifier"]


@fault("manipulation-modifier-missing", suits=_manipulation, shape=Shape(codes=MANIPULATIONS))
def no_active_treatment(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Leave off AT, so that the manipulation counts as maintenance."""
    for index, item, _ in lines(made):
        if "AT" in modifiers(item):
            drop_modifier(item, "AT")
            return [f"Claim.item[{index}].modifier"]
    return None


def _therapist(setting: Setting) -> bool:
    return setting.policy.therapy_modifier is not None and setting.profession in (
        "physical-therapist",
        "occupational-therapist",
    )


@fault("discipline-mismatch", suits=_therapist)
def the_other_discipline(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Bill a line under the plan of the other discipline."""
    for index, item, service in lines(made):
        said = set(DISCIPLINES) & set(modifiers(item))
        asked = market.asks(policy_of(made, market, service).therapy_modifier, service.code, made.plan.profession)
        if len(said) != 1 or not asked or len(made.claim["item"]) > 1:
            continue
        (own,) = said
        drop_modifier(item, own)
        add_modifier(item, "GO" if own == "GP" else "GP")
        return [f"Claim.item[{index}].modifier"]
    return None


@fault("telehealth-not-possible")
def hands_on_from_afar(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Say that manual work was done by telehealth."""
    for index, item, service in lines(made):
        if service.code in market.facts.hands_on and len(modifiers(item)) < 4:
            add_modifier(item, choices.choice(("95", "93", "GT")))
            return [f"Claim.item[{index}].modifier"]
    return None


@fault("manipulation-regions-unsupported", suits=_manipulation, shape=Shape(codes=MANIPULATIONS, lines=1))
def more_regions_than_diagnoses(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Bill a manipulation of three regions with the diagnoses of fewer."""
    for index, item, service in lines(made):
        if service.code == "98940" and len(made.claim["item"]) == 1:
            item["productOrService"]["coding"][0]["code"] = "98941"
            return [f"Claim.item[{index}].diagnosisSequence"]
    return None
