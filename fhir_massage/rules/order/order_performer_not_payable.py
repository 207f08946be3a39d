"""Orders for massage and manual therapy: what the claim will need later, asked for while it is easy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fhir_massage.case.seen import OrderCase, Performer
from fhir_massage.edit.finding import Correction, Denial, Edit, Found
from fhir_massage.facts.policy import Covered, Payable
from fhir_massage.facts.rows import OutsideScope
from fhir_massage.read import codes
from fhir_massage.rules import letter
from fhir_massage.rules.payment import benefits_for, in_words, refusal
from fhir_massage.rules.registry import order_rule
from fhir_massage.rules.tools import cite, listed, named

#: The two services that an order in general words may mean.
SERVICES = ("97124", "97140")
#: Those who may be asked to render, in the order in which they are offered. An assistant takes no orders.
OFFERED = (
    "physical-therapist",
    "occupational-therapist",
    "massage-therapist",
    "chiropractor",
    "acupuncturist",
    "athletic-trainer",
    "advanced-practice",
)
NUCC = "http://nucc.org/provider-taxonomy"
LETTER_FOR = frozenset({"hsa-fsa", "self-pay"})
MOST_OFFERED = 3


@order_rule("order-diagnosis-missing", severity="warning", title="The order gives no reason", topic="guideline")
def order_diagnosis_missing(case: OrderCase) -> Iterator[Found]:
    """Ask for the diagnosis with the order.

    What it checks
    An order that names no reason, neither as a code nor as a condition of the patient.

    Why it is denied
    The claim will need a diagnosis that supports the service, and a referral without a reason is incomplete
    to payers that ask for one (CO-16).

    What to do
    Name the condition that the treatment is for. Each active condition of the patient that supports the
    service is offered.

    Source
    CMS, Medicare Learning Network, web-based training on the CMS-1500, item 21; HL7, FHIR R4,
    ServiceRequest.reasonCode and reasonReference.
    """
    if case.has_reason:
        return
    yield Found(
        "ServiceRequest.reasonCode",
        f"The order for {_service_in_words(case)} gives no reason; the claim will need a diagnosis that supports it.",
        tuple(_conditions_as_reasons(case)),
    )


@order_rule(
    "order-quantity-missing", severity="warning", title="The order gives neither visits nor a period", topic="limits"
)
def order_quantity_missing(case: OrderCase) -> Iterator[Found]:
    """Ask how much is ordered.

    What it checks
    An order with neither a number of visits nor a period.

    Why it is denied
    Visits are paid as far as the order goes. An order without a measure is incomplete to payers that ask
    for a referral (CO-16), and nobody can tell when it is used up.

    What to do
    Give the number of visits, or the period in which they are to happen.

    Source
    HL7, FHIR R4, ServiceRequest.quantity and occurrence.
    """
    if case.visits is None and not case.has_period:
        yield Found(
            "ServiceRequest.quantity",
            f"The order for {_service_in_words(case)} gives neither a number of visits nor a period.",
        )


@order_rule(
    "order-code-imprecise", severity="warning", title="The order does not name the procedure", topic="guideline"
)
def order_code_imprecise(case: OrderCase) -> Iterator[Found]:
    """Ask which of the two services is meant.

    What it checks
    An order for massage or manual therapy in words only, or by a code that is more general than the
    procedure codes 97124 (massage) and 97140 (manual therapy).

    Why it is denied
    The two codes are paid and bundled differently, and to different professions. A referral that does not
    say which is meant leaves the claim open to a denial.

    What to do
    Add the procedure code that is meant.

    Source
    The payers' and contractors' texts on 97124 and 97140 that the finding names.
    """
    if case.procedure is not None:
        return
    yield Found(
        "ServiceRequest.code",
        f"The order names no procedure code: {listed([named(case.facts, code, case.day) for code in SERVICES], 'or')}?",
        tuple(
            Correction(
                f"Order {named(case.facts, code, case.day)}",
                (_added_code(case, code),),
                f"that {named(case.facts, code, case.day)} is meant",
            )
            for code in SERVICES
        ),
        cite(case.facts, *(case.facts.order_scope.find(("code", code), case.day) for code in SERVICES)),
    )


@order_rule(
    "order-orderer-not-qualified",
    severity="error",
    title="The payer does not take this profession's referrals",
    topic="insurance",
    denial=Denial("CO", "183"),
)
def order_orderer_not_qualified(case: OrderCase) -> Iterator[Found]:
    """Look at who orders.

    What it checks
    Where the payer asks for a referral and says whose it takes: the profession of the requester, if known.

    Why it is denied
    A referral of somebody who may not refer is denied with the service (CO-183).

    What to do
    Have the order written by one of those whose referrals the payer takes.

    Source
    The payer's own policy, named in the finding.
    """
    if case.policy is None or case.requester is None or not case.requester.professions:
        return
    asked = [case.policy.referral(code, _performing(case)) for code in services_of(case)]
    taken = [referral.referrers for referral in asked if referral is not None and referral.referrers]
    if len(taken) < len(asked) or set(case.requester.professions) & {who for whose in taken for who in whose}:
        return
    yield Found(
        "ServiceRequest.requester",
        f"{case.payer_title} does not take a referral by {in_words(case.requester.professions[0])}; "
        f"it takes one by {listed([in_words(who) for who in taken[0] if who != 'other'], 'or')}.",
        citations=cite(case.facts, *asked),
    )


@order_rule(
    "order-performer-not-payable",
    severity="error",
    title="The payer does not pay this profession for the service",
    topic="insurance",
    denial=Denial("CO", "170"),
)
def order_performer_not_payable(case: OrderCase) -> Iterator[Found]:
    """Look at who is asked to render the service.

    What it checks
    The professions that the order names as performer, against the professions that the payer pays for the
    service, and against what lies within a profession at all.

    Why it is denied
    A service is paid only to the professions that the payer recognises for it (CO-170), however well it
    was given.

    What to do
    Name a profession that the payer pays for the service. Each that it pays is offered.

    Source
    The payer's own policy, named in the finding.
    """
    if case.policy is None:
        return
    for performer in case.performers:
        refused = _refusals(case, performer.profession)
        if not refused:
            continue
        first = refused[0]
        group = first.group if isinstance(first, Payable) else "CO"
        yield Found(
            performer.element,
            f"{case.payer_title} does not pay {in_words(performer.profession or '')} for {_service_in_words(case)}.",
            tuple(_payable_performers(case)),
            cite(case.facts, *refused),
            denial=Denial(group, "170"),
        )


@order_rule(
    "order-not-covered",
    severity="error",
    title="The plan does not cover the service",
    topic="insurance",
    denial=Denial("PR", "96"),
)
def order_not_covered(case: OrderCase) -> Iterator[Found]:
    """Tell before the visit that the plan will not pay.

    What it checks
    Whether the payer's policy covers the service that is ordered, by whom it is ordered to be rendered
    where the order says.

    Why it is denied
    A service that is not covered is denied whatever the record shows, and the patient owes it (PR-96).

    What to do
    Tell the patient what it will cost, or order a service that the plan covers.

    Source
    The payer's own policy, named in the finding.
    """
    if case.policy is None:
        return
    answers = [case.policy.covered(code, _performing(case)) for code in services_of(case)]
    refused = [answer for answer in answers if isinstance(answer, Covered) and answer.answer == "no"]
    if refused and len(refused) == len(answers):
        yield Found(
            "ServiceRequest.code",
            f"{case.payer_title} does not cover {_service_in_words(case)}. {refused[0].words}".rstrip(),
            citations=cite(case.facts, *refused),
        )


@order_rule(
    "order-authorization-needed",
    severity="warning",
    title="The payer asks for prior authorization",
    topic="insurance",
    denial=Denial("CO", "197"),
)
def order_authorization_needed(case: OrderCase) -> Iterator[Found]:
    """Ask for the authorization before the visit.

    What it checks
    Whether the payer's policy, or its own answer on this patient's benefits, asks for prior authorization of the
    service, and the order carries none.

    Why it is denied
    A service without the authorization that was asked for is denied (CO-197), and it is seldom given
    afterwards.

    What to do
    Ask the payer for authorization before the first visit.

    Source
    The payer's own policy, named in the finding, or its answer on the patient's benefits.
    """
    if case.authorization is not None:
        return
    asked = [
        None if case.policy is None else case.policy.authorization(code, _performing(case))
        for code in services_of(case)
    ]
    if None in asked and not all(_answer_asks(case, code) for code in services_of(case)):
        return
    yield Found(
        "ServiceRequest.insurance",
        f"{case.payer_title or 'The payer'} asks for prior authorization of {_service_in_words(case)} "
        "before the visit.",
        citations=cite(case.facts, *asked),
    )


@order_rule(
    "letter-of-medical-necessity",
    severity="information",
    title="A letter of medical necessity will be asked for",
    topic="guideline",
)
def letter_of_medical_necessity(case: OrderCase) -> Iterator[Found]:
    """Draft the letter that lets the patient pay from a health account.

    What it checks
    An order for massage or manual therapy that is paid from a health savings or flexible spending account,
    or by the patient.

    Why it is denied
    The account repays massage, and the tax return counts it, only as treatment of a medical condition.
    Without a letter it is held to be for general health.

    What to do
    Give the patient a letter that names the condition, the treatment, and the number and period of the
    sessions. A draft comes with the finding, with a blank for whatever the order does not say.

    Source
    Internal Revenue Service, Publication 502, Medical and Dental Expenses: what medical expenses are, and
    therapy; the administrators' lists of expenses that need a letter.
    """
    if case.payer_class not in LETTER_FOR:
        return
    drafted = letter.draft(case)
    missing = [gap for gap in drafted.gaps if gap not in letter.OF_THE_PERSON]
    lacks = f" The order does not give {listed(missing)}." if missing else ""
    covered = None if case.policy is None else case.policy.covered(services_of(case)[0], _performing(case))
    yield Found(
        "ServiceRequest",
        f"To be paid from a health account or counted as a medical expense, {_service_in_words(case)} needs a letter "
        "of medical necessity: the condition, the treatment, and the number and period of sessions." + lacks,
        citations=cite(case.facts, *case.facts.rule_sources.all("letter-of-medical-necessity", case.day), covered),
        draft=drafted.markdown,
        document=drafted.document_reference,
    )


# --- what is ordered ------------------------------------------------------------------------------------


def services_of(case: OrderCase) -> tuple[str, ...]:
    """The procedure code ordered; where none is said, both that may be meant: what holds must hold for each."""
    return SERVICES if case.procedure is None else (case.procedure,)


def _service_in_words(case: OrderCase) -> str:
    return listed([named(case.facts, code, case.day) for code in services_of(case)], "or")


def _added_code(case: OrderCase, code: str) -> Edit:
    coding = {"system": codes.CPT, "code": code}
    concept = case.read_json().get("code")
    if concept is None:
        return Edit("add", "/code", {"coding": [coding]})
    if concept.get("coding"):
        return Edit("add", "/code/coding/-", coding)
    return Edit("add", "/code/coding", [coding])


# --- why it is ordered ----------------------------------------------------------------------------------


def _conditions_as_reasons(case: OrderCase) -> Iterator[Correction]:
    for condition in case.conditions:
        if condition.code is None or not _supports(case, condition.code):
            continue
        yield Correction(
            f"Name {condition.code} as the reason",
            (Edit("add", "/reasonReference", [{"reference": condition.reference}]),),
            f"that {condition.code} is the reason for the treatment",
        )


def _supports(case: OrderCase, diagnosis: str) -> bool:
    """Whether the payer's list, or failing that the facts, hold the diagnosis to support a service ordered."""
    for code in services_of(case):
        own = None if case.policy is None else case.policy.supporting(code)
        if own is not None:
            if diagnosis.startswith(own.prefixes):
                return True
            continue
        if case.facts.supports(code, diagnosis, case.day):
            return True
    return False


def _answer_asks(case: OrderCase, code: str) -> bool:
    """Whether the payer's answer on the patient's benefits asks for authorization of the service."""
    return any(benefit.authorization_required for benefit in benefits_for(case.benefits, code))


# --- who renders it -------------------------------------------------------------------------------------


def _performing(case: OrderCase) -> str | None:
    """The profession that is asked to render, where the order names just one."""
    found = {performer.profession for performer in case.performers if performer.profession is not None}
    return found.pop() if len(found) == 1 else None


def _refusals(case: OrderCase, profession: str | None) -> list[Payable | OutsideScope]:
    """Why the profession is not paid for the service ordered, for each service that may be meant; else nothing."""
    if profession is None:
        return []
    found = [refusal(case.facts, case.policy, code, profession, case.day) for code in services_of(case)]
    return [] if None in found else [why for why in found if why is not None]


def _payable_performers(case: OrderCase) -> Iterator[Correction]:
    """Orders to a profession that the payer pays, those without conditions first."""
    paid = [_paid(case, profession) for profession in OFFERED]
    ranked = sorted((rank, place) for place, rank in enumerate(paid) if rank is not None)
    for _, place in ranked[:MOST_OFFERED]:
        taxonomy = _taxonomy(case, OFFERED[place])
        if taxonomy is None:
            continue
        yield Correction(
            f"Order it from {in_words(OFFERED[place])}",
            (
                Edit("add", "/performerType", {"coding": [{"system": NUCC, "code": taxonomy}]}),
                *_without(case, [p for p in case.performers if _refusals(case, p.profession)]),
            ),
            f"that {in_words(OFFERED[place])} is to render it",
        )


def _paid(case: OrderCase, profession: str) -> int | None:
    """0 where the profession is paid for the service, 1 under conditions, ``None`` where not, or not known."""
    assert case.policy is not None
    answers = [case.policy.payable(code, profession) for code in services_of(case)]
    covered = [case.policy.covered(code, profession) for code in services_of(case)]
    if any(answer is None or answer.answer == "no" for answer in answers) or _refusals(case, profession):
        return None
    if any(answer is not None and answer.answer == "no" for answer in covered):
        return None
    return int(any(answer is not None and answer.answer == "conditional" for answer in answers))


def _taxonomy(case: OrderCase, profession: str) -> str | None:
    """The NUCC code of a profession as such: its own code, or the general one of its classification."""
    for row in case.facts.professions:
        if row.profession == profession and len(row.taxonomy) >= 4 and row.in_force(case.day):
            return row.taxonomy if len(row.taxonomy) == 10 else f"{row.taxonomy:0<9}X"
    return None


def _without(case: OrderCase, refused: list[Performer]) -> list[Edit]:
    """The edits that take refused performers off the order, from the last."""
    request: Any = case.read_json()
    positions = [
        int(performer.element[len("ServiceRequest.performer[") : -1])
        for performer in refused
        if performer.element.startswith("ServiceRequest.performer[")
    ]
    if positions and len(positions) == len(request.get("performer", [])):
        return [Edit("remove", "/performer")]
    return [Edit("remove", f"/performer/{position}") for position in sorted(positions, reverse=True)]
