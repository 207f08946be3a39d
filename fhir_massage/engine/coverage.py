"""What a payer will say of an order: covered or not, authorization, what is still to be known, and why.

Decided by the same policies and rules as the review, and worded so that whoever presents it decides
nothing (Da Vinci Coverage Requirements Discovery 2.2.1, Coverage Information).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Literal

import msgspec

from fhir_massage.case.order import coverage_cases
from fhir_massage.case.record import Record
from fhir_massage.case.seen import OrderCase
from fhir_massage.engine.answer import ASKING, NUMBER_ON_CLAIM, REFERRAL_ON_CLAIM, Answer, Reason, answer
from fhir_massage.errors import UnknownQuestion
from fhir_massage.facts.book import Facts
from fhir_massage.facts.policy import AuthorizationAsked
from fhir_massage.read import elements
from fhir_massage.read.read import Entry
from fhir_massage.read.references import Index
from fhir_massage.rules.order.services import LETTER_FOR, OFFERED, services_of
from fhir_massage.rules.payment import benefits_for, in_words
from fhir_massage.rules.tools import listed, named

Covered = Literal["covered", "not-covered", "conditional", "indeterminate"]
Authorization = Literal["no-auth", "auth-needed", "satisfied", "conditional", "indeterminate"]
Missing = Literal["performer", "OTH"]
ReasonCode = Literal["no-active-coverage", "coverage-not-found", "no-member-found", "technical"]
#: A physician renders such services too, though nobody is asked to order them from one.
_WHO_MAY_RENDER = (*OFFERED, "physician")


class Why(msgspec.Struct, frozen=True):
    """Why something is asserted: in words, and by the guide's own code where it has one."""

    text: str
    code: ReasonCode | None = None


class Detail(msgspec.Struct, frozen=True):
    """Something that limits an assertion, or helps to act on it. ``visits`` and ``link`` stand in for words."""

    category: Literal["cat-limitation", "cat-decisional", "cat-other"]
    code: Literal["allowed-quantity", "policy-link", "instructions"]
    words: str = ""
    visits: int | None = None
    link: str | None = None


class Assertion(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for one coverage of an order when it is billed by these codes.

    ``letter`` says that documentation of medical necessity has to be kept; ``asked`` is the policy's entry
    on authorization where it is needed; ``dependencies`` name the orders that bear on it. ``fault`` is what went
    wrong here where nothing could be determined.
    """

    coverage: str
    covered: Covered
    codes: tuple[str, ...] = ()
    authorization: Authorization | None = None
    authorization_number: str | None = None
    asked: AuthorizationAsked | None = None
    letter: bool = False
    missing: tuple[Missing, ...] = ()
    reasons: tuple[Why, ...] = ()
    details: tuple[Detail, ...] = ()
    dependencies: tuple[str, ...] = ()
    expires: date | None = None
    fault: Exception | None = None


class Ordered(msgspec.Struct, frozen=True):
    """An order with its case for each coverage that may pay for it."""

    entry: Entry
    cases: tuple[OrderCase, ...]


def ordered(
    orders: Sequence[Entry],
    entries: Sequence[Entry],
    *,
    facts: Facts,
    on: date,
    sent_to: Mapping[str, elements.Reference],
    unfetched: Iterable[str] = (),
) -> list[Ordered]:
    """The orders with their cases. ``sent_to`` says, by name, whom an order is being sent to.

    ``unfetched`` are the ``Type/id`` of what may well be there, but could not be asked for.
    """
    index = Index(entries, unfetched)
    record = Record(facts, index, entries, on)
    return [
        Ordered(order, tuple(coverage_cases(facts, index, order, record, on, sent_to.get(order.name))))
        for order in orders
    ]


def assertions(order: Ordered, others: Sequence[Ordered], *, failed: bool) -> list[Assertion]:
    """What is asserted of an order, for each coverage and, where they differ, each code.

    ``others`` are all orders of the request; ``failed`` says that data was asked for and could not be had
    for a technical reason. Empty where no coverage is known that an assertion could be about.
    """
    found: list[Assertion] = []
    for case in order.cases:
        if case.coverage is None:
            continue
        try:
            found += _of_coverage(case, others, failed=failed)
        except Exception as error:  # a fault of ours: the guide has the order say that nothing could be determined
            words = "The service could not evaluate the coverage rules."
            found.append(_undetermined(case.coverage.reference, words, error))
    return found


def _of_coverage(case: OrderCase, others: Sequence[Ordered], *, failed: bool) -> list[Assertion]:
    coverage = case.coverage
    assert coverage is not None
    if not coverage.found:
        if failed:
            return [_undetermined(coverage.reference, "The coverage could not be read from the EHR.")]
        return [
            _not_covered(coverage.reference, "coverage-not-found", "The coverage that the order names was not found.")
        ]
    if coverage.same_patient is False:
        words = "The coverage is another patient's than the order's."
        return [_not_covered(coverage.reference, "no-member-found", words)]
    if coverage.status not in (None, "active"):
        return [_not_covered(coverage.reference, "no-active-coverage", "The coverage is not active.")]
    if (coverage.starts and case.day < coverage.starts) or (coverage.ends and case.day > coverage.ends):
        words = f"The coverage is not in force on {case.day}, the day that the order is for."
        return [_not_covered(coverage.reference, "no-active-coverage", words)]
    if case.payer_unfetched:
        return [_undetermined(coverage.reference, "The payer of the coverage could not be read from the EHR.")]
    if case.policy is None:
        words = "Which payer this coverage is of is not recognised, so its rules are not known here."
        return [_conditional(case, words)]
    return _joined([_of_code(case, code, others) for code in _codes(case)])


def _codes(case: OrderCase) -> tuple[str, ...]:
    """The codes that the order may be billed by: those it names, failing that both that may be meant."""
    said = [code for code in (case.procedure, *case.billing_options) if code is not None]
    return tuple(dict.fromkeys(said)) or services_of(case)


def _of_code(case: OrderCase, code: str, others: Sequence[Ordered]) -> Assertion:
    assert case.coverage is not None and case.policy is not None
    base = Assertion(coverage=case.coverage.reference, covered="covered", codes=(code,), expires=case.coverage.ends)
    professions = {performer.profession for performer in case.performers if performer.profession is not None}
    try:
        if len(professions) == 1:
            decided = _by_answer(case, base, _answer(case, code, professions.pop()))
        else:
            decided = _whoever_renders(case, base, code)
    except UnknownQuestion:
        words = f"Nothing is known here of procedure code {code}."
        return msgspec.structs.replace(_conditional(case, words), codes=(code,))
    return _depending(case, decided, code, others) if decided.covered != "not-covered" else decided


def _answer(case: OrderCase, code: str, profession: str) -> Answer:
    return answer(code, str(case.payer), profession, case.day, case.facts)


def _whoever_renders(case: OrderCase, base: Assertion, code: str) -> Assertion:
    """Where nobody is named who renders: what holds for all, else that it depends on who does."""
    answers = [_answer(case, code, profession) for profession in _WHO_MAY_RENDER]
    paid = [each for each in answers if each.verdict != "no"]
    if not paid:
        return _by_answer(case, base, answers[0])
    each_way = [_by_answer(case, base, each) for each in answers]
    if len({(way.covered, way.authorization, way.reasons) for way in each_way}) == 1:
        common = [d for d in each_way[0].details if all(d in way.details for way in each_way)]
        return msgspec.structs.replace(each_way[0], details=tuple(common))
    refused = [each.profession for each in answers if each.verdict == "no"]
    words = f"{case.payer_title} pays {_professions([each.profession for each in paid])} for {_service(case, code)}"
    words += f", and not {_professions(refused)}." if refused else ", on terms that differ between them."
    said = {case.policy.says_of_authorization(code, each.profession) for each in paid} if case.policy else set()
    asked = said.pop() if len(said) == 1 else None
    return _with_limits(
        case,
        msgspec.structs.replace(
            base,
            covered="conditional",
            missing=("performer",),
            reasons=(Why(words),),
            details=(_policy_link(paid[0].reasons),) if _policy_link(paid[0].reasons) else (),
        ),
        code,
        asked,
    )


def _by_answer(case: OrderCase, base: Assertion, given: Answer) -> Assertion:
    """The assertion that an answer to "may it be billed" comes to."""
    link = _policy_link(given.reasons)
    links = (link,) if link else ()
    if given.verdict == "no":
        return msgspec.structs.replace(
            base, covered="not-covered", reasons=tuple(Why(each.text) for each in given.reasons), details=links
        )
    conditions = [each for each in given.reasons if each.rule in ("coverage-conditional", "provider-not-payable")]
    if given.verdict == "yes":
        conditions = []
    instructions = tuple(
        Detail("cat-other", "instructions", each.text)
        for each in given.reasons
        if each.rule in ASKING or (each.rule == "referral-missing" and given.verdict != "yes")
    )
    if conditions:
        terms = [words for words in given.conditions if not _is_of_the_claim(words, given)]
        limits = (Detail("cat-limitation", "instructions", f"Covered where {listed(terms)}."),)
        base = msgspec.structs.replace(
            base,
            covered="conditional",
            missing=("OTH",),
            reasons=tuple(Why(each.text) for each in conditions),
            details=(*limits, *instructions, *links),
        )
    else:
        base = msgspec.structs.replace(base, details=(*instructions, *links))
    assert case.policy is not None
    return _with_limits(case, base, given.code, case.policy.says_of_authorization(given.code, given.profession))


def _is_of_the_claim(condition: str, given: Answer) -> bool:
    """Whether a condition is about what the later claim has to carry, which no order decides."""
    asked = {each.text for each in given.reasons if each.rule in ASKING}
    return condition in {REFERRAL_ON_CLAIM, NUMBER_ON_CLAIM, *asked}


def _with_limits(case: OrderCase, base: Assertion, code: str, asked: AuthorizationAsked | None) -> Assertion:
    """The assertion with authorization, the year's visits, and the letter that has to be kept."""
    changed = _with_authorization(case, base, code, asked)
    visits = _visits(case, code)
    if visits is not None:
        changed = msgspec.structs.replace(changed, details=(visits, *changed.details))
    if case.payer_class in LETTER_FOR:
        why_kept = Why("A letter of medical necessity has to be kept to be paid from a health account.")
        changed = msgspec.structs.replace(changed, letter=True, reasons=(*changed.reasons, why_kept))
    return changed


def _with_authorization(case: OrderCase, base: Assertion, code: str, asked: AuthorizationAsked | None) -> Assertion:
    """The assertion with what the order, the payer's answer on the patient's benefits, or its policy says of it."""
    if case.authorization is not None:
        return msgspec.structs.replace(base, authorization="satisfied", authorization_number=case.authorization)
    answers = [benefit.authorization_required for benefit in benefits_for(case.benefits, code)]
    if True in answers or (asked is not None and asked.required):
        words = asked.words if asked is not None and asked.required else ""
        why = Why(words or f"{case.payer_title} asks for prior authorization.")
        asked = asked if asked is not None and asked.required else None
        return msgspec.structs.replace(base, authorization="auth-needed", asked=asked, reasons=(*base.reasons, why))
    if False in answers or asked is not None:
        return msgspec.structs.replace(base, authorization="no-auth")
    return base


def _visits(case: OrderCase, code: str) -> Detail | None:
    """The visits that the payer's answer on the patient's benefits, else its policy, allows."""
    for benefit in benefits_for(case.benefits, code):
        if benefit.visits_allowed is not None:
            used = "" if benefit.visits_used is None else f", of which {benefit.visits_used} are used"
            words = f"visits by the payer's answer on the patient's benefits{used}"
            return Detail("cat-limitation", "allowed-quantity", words, visits=benefit.visits_allowed)
    limit = None if case.policy is None else case.policy.visits_a_year(code, None)
    if limit is None:
        return None
    return Detail("cat-limitation", "allowed-quantity", "visits in a calendar year", visits=limit.visits)


def _depending(case: OrderCase, decided: Assertion, code: str, others: Sequence[Ordered]) -> Assertion:
    """The assertion with the orders beside it that its service is bundled into when given on one day (NCCI)."""
    if case.policy is None or case.policy.follows_ncci is None or not case.policy.follows_ncci.value:
        return decided
    bundled: dict[str, str] = {}
    for other in others:
        for there in other.cases[:1]:
            pair = case.facts.ptp_pairs.find((str(there.procedure), code), case.day)
            if there.resource != case.resource and pair is not None and pair.indicator != "9":
                bundled[there.resource] = str(there.procedure)
    if not bundled:
        return decided
    into = listed([named(case.facts, each, case.day) for each in dict.fromkeys(bundled.values())], "or")
    limit = Detail(
        "cat-limitation", "instructions", f"Not paid on the same day as {into} from the same provider (NCCI)."
    )
    return msgspec.structs.replace(
        decided, dependencies=tuple(name for name in bundled if "/" in name), details=(*decided.details, limit)
    )


def _joined(found: Sequence[Assertion]) -> list[Assertion]:
    """Assertions that differ in nothing but their code as one."""
    together: dict[Assertion, list[str]] = {}
    for each in found:
        together.setdefault(msgspec.structs.replace(each, codes=()), []).extend(each.codes)
    return [msgspec.structs.replace(each, codes=tuple(codes)) for each, codes in together.items()]


def _policy_link(reasons: Sequence[Reason]) -> Detail | None:
    address = next((c.url for each in reasons for c in each.citations if c.url.startswith("https://")), None)
    return None if address is None else Detail("cat-other", "policy-link", link=address)


def _conditional(case: OrderCase, words: str) -> Assertion:
    assert case.coverage is not None
    return Assertion(
        coverage=case.coverage.reference,
        covered="conditional",
        codes=tuple(code for code in (case.procedure,) if code is not None),
        missing=("OTH",),
        reasons=(Why(words),),
        details=(Detail("cat-limitation", "instructions", "Ask the payer whether it covers the service."),),
        expires=case.coverage.ends,
    )


def _not_covered(coverage: str, code: ReasonCode, words: str) -> Assertion:
    return Assertion(coverage=coverage, covered="not-covered", reasons=(Why(words, code),))


def _undetermined(coverage: str, words: str, fault: Exception | None = None) -> Assertion:
    later = Detail("cat-other", "instructions", "Ask again later, or ask the payer.")
    return Assertion(
        coverage=coverage, covered="indeterminate", reasons=(Why(words, "technical"),), details=(later,), fault=fault
    )


def _service(case: OrderCase, code: str) -> str:
    return named(case.facts, code, case.day)


def _professions(professions: Sequence[str]) -> str:
    return listed([in_words(each) for each in professions], "or")
