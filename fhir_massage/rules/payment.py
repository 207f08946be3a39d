"""Whether a profession is paid for a service: what the rules on claims and orders, and the answers, ask alike."""

from __future__ import annotations

from datetime import date

from fhir_massage.facts.book import Facts
from fhir_massage.facts.policy import Payable, Policy
from fhir_massage.facts.rows import OutsideScope

#: The professions that facts and policies tell apart.
PROFESSIONS = (
    "massage-therapist",
    "physical-therapist",
    "physical-therapist-assistant",
    "occupational-therapist",
    "occupational-therapy-assistant",
    "chiropractor",
    "acupuncturist",
    "athletic-trainer",
    "physician",
    "advanced-practice",
    "other",
)


def outside_profession(facts: Facts, code: str, profession: str, on: date) -> OutsideScope | None:
    """The fact by which the code lies outside the profession altogether, if it does."""
    for outside in facts.outside_scope.all(profession, on):
        if outside.first_code <= code <= outside.last_code and len(code) == len(outside.first_code):
            return outside
    return None


def refusal(facts: Facts, policy: Policy | None, code: str, profession: str, on: date) -> Payable | OutsideScope | None:
    """Why the profession is not paid for the code: outside its scope, or by the payer's policy; else ``None``."""
    outside = outside_profession(facts, code, profession, on)
    if outside is not None:
        return outside
    payable = None if policy is None else policy.payable(code, profession)
    return payable if payable is not None and payable.answer == "no" else None


def in_words(profession: str) -> str:
    """A profession with its article: ``a massage therapist``, ``an athletic trainer``."""
    if profession == "advanced-practice":
        return "an advanced practitioner"
    if profession == "other":
        return "another profession"
    words = profession.replace("-", " ")
    return f"{'an' if words[:1] in 'aeiou' else 'a'} {words}"
