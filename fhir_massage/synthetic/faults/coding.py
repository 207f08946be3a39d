"""Faults of procedure codes."""

from __future__ import annotations

from fhir_massage.read.codes import HCPCS
from fhir_massage.synthetic.choices import Choices
from fhir_massage.synthetic.claim import technique_words
from fhir_massage.synthetic.faults.registry import fault
from fhir_massage.synthetic.faults.tools import DISTINCT, add_line, encounter, lines, modifiers, policy_of, refused
from fhir_massage.synthetic.made import Made
from fhir_massage.synthetic.market import Market, Setting
from fhir_massage.synthetic.plan import Shape
from fhir_massage.synthetic.repertoire import EVALUATIONS, charge

MANUAL = {"97124": "97140", "97140": "97124"}
PACKS = "97010"


@fault("technique-code-mismatch", shape=Shape(codes=tuple(MANUAL)))
def a_technique_of_the_other_code(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Name a technique that belongs to the other of the two codes."""
    fitting = [i for i, item, s in lines(made) if s.code in MANUAL and "text" not in item["productOrService"]]
    if not fitting:
        return None
    index = choices.choice(fitting)
    service = made.plan.services[index]
    words = technique_words(market, MANUAL[service.code], service.day)
    made.claim["item"][index]["productOrService"]["text"] = choices.choice(words)
    return [f"Claim.item[{index}].productOrService"]


@fault("hot-cold-pack-bundled", suits=lambda s: bool(s.policy.follows_fee_schedule) and s.day.year >= 2020)
def packs_billed(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Bill hot packs besides."""
    service = made.plan.services[0]
    policy, day = policy_of(made, market, service), service.day
    status = market.facts.procedure_status.find(PACKS, day)
    if status is None or not market.is_bundled(policy, PACKS) or made.plan.profession == "massage-therapist":
        return None
    if refused(market, policy, PACKS, made.plan.profession, day) or policy.referral(PACKS, made.plan.profession):
        return None
    if any(market.pair(policy, PACKS, other.code, day) for other in encounter(made, 0)):
        return None
    return [f"Claim.item[{add_line(made, PACKS, 0, charge(PACKS, 100), [])}].productOrService"]


@fault(
    "procedure-code-retired", shape=Shape(codes=EVALUATIONS["physical"] + EVALUATIONS["occupational"]),
    suits=lambda s: s.profession in ("physical-therapist", "occupational-therapist"),
)  # fmt: skip
def a_deleted_code(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Bill an evaluation by the code that it once had."""
    for index, item, service in lines(made):
        old = [
            row.code for row in market.facts.retired_procedures
            if row.in_force(service.day) and service.code in row.replacements
        ]  # fmt: skip
        if old and not DISTINCT & {m for each in made.claim["item"] for m in modifiers(each)}:
            item["productOrService"]["coding"][0]["code"] = choices.choice(old)
            return [f"Claim.item[{index}].productOrService"]
    return None


def _takes_another_code(setting: Setting) -> bool:
    return any(entry.accepted in setting.codes for entry in setting.policy.accepted_codes)


@fault("procedure-code-not-accepted", suits=_takes_another_code, shape=Shape(codes=("G0283",)))
def a_code_that_is_not_taken(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Bill the code in whose place the payer takes another."""
    for index, item, service in lines(made):
        policy = policy_of(made, market, service)
        coding = item["productOrService"]["coding"][0]
        for entry in policy.accepted_codes:
            alone = not any(market.pair(policy, entry.code, e.code, service.day) for e in encounter(made, index))
            marked = DISTINCT & {m for each in made.claim["item"] for m in modifiers(each)}
            if entry.accepted == service.code and alone and not marked and coding.get("system") in (None, HCPCS):
                coding["code"] = entry.code
                return [f"Claim.item[{index}].productOrService"]
    return None


@fault("code-not-read")
def words_for_a_code(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Give a line's service in words alone, beside lines with codes."""
    if len(made.claim["item"]) < 2:
        return None
    index = len(made.claim["item"]) - 1
    if made.plan.services[index].timed:
        return None
    made.claim["item"][index]["productOrService"] = {"text": "treatment"}
    return [f"Claim.item[{index}].productOrService"]
