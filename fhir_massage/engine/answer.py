"""May it be billed: one profession, one code and one payer on one day, by the policies and rules of the review."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import Any, Literal

import msgspec

from fhir_massage.case.claim import claim_case
from fhir_massage.case.record import Record
from fhir_massage.case.seen import ClaimCase, Provider
from fhir_massage.edit.finding import Citation
from fhir_massage.engine.ask import ask_rule
from fhir_massage.errors import UnknownQuestion
from fhir_massage.facts.book import Facts, shipped
from fhir_massage.facts.policy import Policy
from fhir_massage.facts.rows import OutsideScope, Row
from fhir_massage.read import codes
from fhir_massage.read.read import read
from fhir_massage.read.references import Index
from fhir_massage.rules import rules_for
from fhir_massage.rules.payment import PROFESSIONS, in_words, refusal
from fhir_massage.rules.tools import cite, named

Verdict = Literal["yes", "no", "conditional"]
#: The services that this is about.
SERVICES = ("97124", "97140")
#: The codes that a matrix is made for: those services, and what people ask about beside them.
ASKED_ABOUT = (*SERVICES, "97110", "98940", "90834")
#: Rules whose finding on a bare claim means that the code is not paid, and what others ask for beside it.
REFUSING = frozenset({"hot-cold-pack-bundled", "procedure-code-retired", "procedure-code-not-accepted"})
ASKING = {
    "therapy-modifier-missing": "GP, GO or GN is on the line",
    "assistant-modifier-missing": "CQ (physical therapy) or CO (occupational therapy) is on the line",
    "manipulation-modifier-missing": "AT is on the line, for active treatment",
}


#: Conditions that the claim meets by what it carries, so that an order cannot settle them.
REFERRAL_ON_CLAIM = "a referral is on the claim"
NUMBER_ON_CLAIM_AFTER = "the claim has the number of the prior authorization from visit {} on"
NUMBER_ON_CLAIM = "the payer's authorization number is on the claim"


class Reason(msgspec.Struct, frozen=True):
    """Why the answer is what it is: in words, by which rule, and where it stands."""

    text: str
    rule: str
    citations: tuple[Citation, ...]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer. ``conditions`` are what must be met, in words; each has its reason among ``reasons``."""

    verdict: Verdict
    code: str
    payer: str
    profession: str
    on: date
    reasons: tuple[Reason, ...]
    conditions: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON content."""
        content: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return content


class _Condition(msgspec.Struct, frozen=True):
    reason: Reason
    conditions: tuple[str, ...]


def answer(code: str, payer: str, profession: str, on: date | None = None, facts: Facts | None = None) -> Answer:
    """Whether the profession may bill the code to the payer (a class or a named payer) on that day.

    ``on`` is today where it is not said, ``facts`` default to the shipped ones. Raises ``UnknownQuestion`` for a code, payer or profession that is not known, with those that are.
    """
    on, facts = on or date.today(), facts or shipped()
    code, payer, profession = code.strip().upper(), payer.strip().lower(), profession.strip().lower()
    if profession not in PROFESSIONS:
        raise UnknownQuestion("profession", profession, PROFESSIONS)
    policy = facts.policy(payer, on)
    if policy is None:
        raise UnknownQuestion("payer", payer, sorted(facts.policies))
    if not _is_known(facts, code):
        raise UnknownQuestion("procedure code", code, sorted({row.code for row in facts.procedure_words}))
    return _answered(facts, policy, code, profession, on)


def matrix(on: date, facts: Facts) -> tuple[Answer, ...]:
    """The answers for every payer (the classes first), every profession and every code of ``ASKED_ABOUT``."""
    payers = sorted(facts.policies, key=lambda payer: (facts.policies[payer].file.payer_class != payer, payer))
    return tuple(
        answer(code, payer, profession, on, facts)
        for payer in payers
        for profession in PROFESSIONS
        for code in ASKED_ABOUT
    )


@lru_cache(maxsize=8192)  # an order whose performer is open asks for every profession
def _answered(facts: Facts, policy: Policy, code: str, profession: str, on: date) -> Answer:
    bare = _bare_claim(facts, policy, code, profession, on)
    refused = [*_refused(facts, policy, code, profession, on), *_found(bare, REFUSING)]
    asked = [] if refused else [*_asked(facts, policy, code, profession), *_conditions_found(bare)]
    reasons = refused or [condition.reason for condition in asked]
    return Answer(
        verdict="no" if refused else "conditional" if asked else "yes",
        code=code,
        payer=policy.payer,
        profession=profession,
        on=on,
        reasons=tuple(reasons or _paid(facts, policy, code, profession)),
        conditions=tuple(dict.fromkeys(words for condition in asked for words in condition.conditions)),
    )


def _is_known(facts: Facts, code: str) -> bool:
    """Whether any table knows the code, by itself or within a range that lies outside a profession."""
    tables = (facts.procedure_words, facts.retired_procedures, facts.procedure_status, facts.mue, facts.fees)
    return (
        any(code in table for table in tables)
        or code in facts.codes_in_pairs
        or any(
            row.first_code <= code <= row.last_code for row in facts.outside_scope if len(code) == len(row.first_code)
        )
    )


# --- the policy -------------------------------------------------------------------------------------------


def _refused(facts: Facts, policy: Policy, code: str, profession: str, on: date) -> Iterator[Reason]:
    why = refusal(facts, policy, code, profession, on)
    service = named(facts, code, on)
    if isinstance(why, OutsideScope):
        yield _reason(facts, f"{service} lies outside what {in_words(profession)} does.", "provider-not-payable", why)
    elif why is not None:
        text = why.words or f"{policy.title} does not pay {in_words(profession)} for {service}."
        yield _reason(facts, text, "provider-not-payable", why)
    covered = policy.covered(code, profession)
    if covered is not None and covered.answer == "no":
        text = covered.words or f"{policy.title} does not cover {service}."
        yield _reason(facts, text, "service-not-covered", covered)


def _asked(facts: Facts, policy: Policy, code: str, profession: str) -> Iterator[_Condition]:
    payable = policy.payable(code, profession)
    if payable is None:
        text = f"The policy of {policy.title} does not say whether it pays {in_words(profession)} for {code}."
        condition = f"{policy.title} confirms that it pays {in_words(profession)} for {code}"
        yield _Condition(Reason(text, "provider-not-payable", ()), (condition,))
    elif payable.answer == "conditional":
        yield _Condition(_reason(facts, payable.words, "coverage-conditional", payable), payable.conditions)
    covered = policy.covered(code, profession)
    if covered is not None and covered.answer == "conditional":
        yield _Condition(_reason(facts, covered.words, "coverage-conditional", covered), covered.conditions)
    referral = policy.referral(code, profession)
    if referral is not None:
        yield _Condition(_reason(facts, referral.words, "referral-missing", referral), (REFERRAL_ON_CLAIM,))
    authorization = policy.authorization(code, profession)
    if authorization is not None:
        yield _Condition(
            _reason(facts, authorization.words, "authorization-missing", authorization),
            (NUMBER_ON_CLAIM,),
        )
    after = policy.authorization_after(code, profession)
    if after is not None:
        yield _Condition(
            _reason(facts, after.words, "authorization-missing", after),
            (NUMBER_ON_CLAIM_AFTER.format(after.visits + 1),),
        )


def _paid(facts: Facts, policy: Policy, code: str, profession: str) -> Iterator[Reason]:
    payable, covered = policy.payable(code, profession), policy.covered(code, profession)
    if payable is not None:
        yield _reason(facts, payable.words, "provider-not-payable", payable)
    if covered is not None:
        yield _reason(facts, covered.words, "service-not-covered", covered)


def _reason(facts: Facts, text: str, rule: str, row: Row) -> Reason:
    return Reason(text, rule, cite(facts, row))


# --- the rules --------------------------------------------------------------------------------------------


def _bare_claim(facts: Facts, policy: Policy, code: str, profession: str, on: date) -> ClaimCase:
    """A claim of one line with nothing but the code, as the rules see it."""
    system = codes.HCPCS if code[0].isalpha() else codes.CPT
    arrival = read(
        {
            "resourceType": "Claim",
            "item": [
                {
                    "sequence": 1,
                    "servicedDate": on.isoformat(),
                    "productOrService": {"coding": [{"system": system, "code": code}]},
                    "quantity": {"value": 1},
                }
            ],
        }
    )
    index = Index(arrival.entries)
    case = claim_case(facts, index, arrival.entries[0], Record(facts, index, arrival.entries, on), on)
    provider = Provider(key="rendering", element="Claim.provider", professions=(profession,))
    lines = tuple(msgspec.structs.replace(line, policy=policy, provider=provider) for line in case.lines)
    encounters = tuple(
        msgspec.structs.replace(encounter, policy=policy, provider=provider.key, lines=lines)
        for encounter in case.encounters
    )
    return msgspec.structs.replace(
        case,
        lines=lines,
        encounters=encounters,
        payer=policy.payer,
        payer_class=policy.payer_class,
        payer_title=policy.title,
    )


def _found(case: ClaimCase, wanted: frozenset[str]) -> Iterator[Reason]:
    """What the wanted rules find on the claim."""
    for rule in rules_for("claim"):
        if rule.id in wanted:
            for found in ask_rule(rule, case):
                cited = found.citations or cite(
                    case.facts, *case.facts.rule_sources.all(rule.id, case.day or case.today)
                )
                yield Reason(found.message, rule.id, cited)


def _conditions_found(case: ClaimCase) -> Iterator[_Condition]:
    for reason in _found(case, frozenset(ASKING)):
        yield _Condition(reason, (ASKING[reason.rule],))
