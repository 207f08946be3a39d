"""Whether a profession is paid for a service: what the rules on claims and orders, and the answers, ask alike.

So is what a payer's own answer on the benefits says of a service.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from fhir_massage.case.seen import Benefit
from fhir_massage.facts.book import Facts
from fhir_massage.facts.policy import EVERYTHING, Payable, Policy
from fhir_massage.facts.rows import OutsideScope

#: Benefit categories (HL7 benefit-category) of services that are plainly others than therapy.
OTHER_BENEFITS = frozenset(
    {"2", "4", "5", "14", "23", "24", "25", "26", "27", "28", "35", "36", "37", "49", "56", "61", "62", "63", "69"}
    | {"76", "F3", "F4", "F6"}
)
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


def enrolls(policy: Policy, profession: str | None) -> bool:
    """Return whether the payer pays the profession for anything, so that it can send claims at all."""
    return any(
        entry.answer != "no" and (profession in entry.professions or EVERYTHING in entry.professions)
        for entry in policy.payable_entries
    )


def benefits_for(benefits: Sequence[Benefit], code: str) -> list[Benefit]:
    """The payer's answers that speak of the procedure code, those by its code first."""
    speaking = [b for b in benefits if (code in b.codes if b.codes else b.kind not in OTHER_BENEFITS)]
    return sorted(speaking, key=lambda benefit: not benefit.codes)


def in_words(profession: str) -> str:
    """A profession with its article: ``a massage therapist``, ``an athletic trainer``."""
    if profession == "advanced-practice":
        return "an advanced practitioner"
    if profession == "other":
        return "a provider of this profession"
    words = profession.replace("-", " ")
    return f"{'an' if words[:1] in 'aeiou' else 'a'} {words}"
