"""Referrals, for payers whose policy asks for one: that there is one, and that it fits the claim."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from fhir_massage.case.seen import ClaimCase, Line, Referral
from fhir_massage.edit.finding import Citation, Denial, Found
from fhir_massage.facts.policy import ReferralAsked
from fhir_massage.facts.rows import Row
from fhir_massage.read.codes import PROCEDURE_SYSTEMS, SNOMED_SYSTEMS, has_procedure_shape
from fhir_massage.rules.payment import in_words
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import charges, cite, counted, days_after, listed, named

STATUSES = frozenset({"active", "completed"})
INTENTS = frozenset({"order", "original-order", "instance-order"})
#: Evaluations: who is sent for one is sent to be evaluated and treated.
EVALUATIONS = frozenset({"97001", "97003", "97161", "97162", "97163", "97165", "97166", "97167"})
#: SNOMED CT: physical therapy procedure, the parent of every therapy billed here.
PHYSICAL_THERAPY = "91251008"
#: Words of an order that is for therapy in general.
GENERAL_WORDS = ("therap", "physio", "rehab", "massage", "manual", "evaluate and treat")


@claim_rule(
    "referral-missing",
    family="referral",
    severity="error",
    title="The payer asks for a referral, and the claim names none",
    topic="insurance",
    denial=Denial("CO", "288"),
)
def referral_missing(case: ClaimCase) -> Iterator[Found]:
    """Ask for the referral that the payer asks for.

    What it checks
    A claim that names no referral, with a line for which the payer's policy asks for one from the
    profession that rendered it. Medicare asks for a certified plan of care instead, and nothing here.

    Why it is denied
    A service for which the referral is absent is denied (CO-288).

    What to do
    Name the referral, order or prescription on the claim. Where there is none, ask the patient's
    physician for one before the next visit.

    Source
    The payer's own policy, named in the finding.
    """
    if case.names_referral:
        return
    asked = _asked(case)
    if asked:
        codes = listed(list(dict.fromkeys(named(case.facts, line.code, line.day) for line, _ in asked)))
        yield Found(
            "Claim.referral",
            f"{case.payer_title} asks for a referral for {codes}, and the claim names none.",
            citations=_citing(case, asked),
            at_risk=charges(line for line, _ in asked),
        )


@claim_rule(
    "referral-not-active",
    family="referral",
    severity="error",
    title="The referral is not an order in force",
    topic="insurance",
    denial=Denial("CO", "288"),
)
def referral_not_active(case: ClaimCase) -> Iterator[Found]:
    """Look at the referral's standing.

    What it checks
    A referral whose status is neither active nor completed (a draft, one on hold or revoked), or whose
    intent is not an order (a proposal or a plan).

    Why it is denied
    What was not ordered, or was withdrawn, counts as no referral (CO-288).

    What to do
    Name the order that is in force, or have the referring provider sign or renew it.

    Source
    The payer's own policy, which asks for a referral; HL7 FHIR R4, ServiceRequest, status and intent.
    """
    referral = case.referral
    if referral is None:
        return
    wrong = []
    if referral.status is not None and referral.status not in STATUSES:
        wrong.append(f"its status is {referral.status}")
    if referral.intent is not None and referral.intent not in INTENTS:
        wrong.append(f"its intent is {referral.intent}, not an order")
    if wrong:
        yield from _about(case, f"The referral is not in force: {listed(wrong)}.")


@claim_rule(
    "referral-out-of-date",
    family="referral",
    severity="error",
    title="The service lies outside the referral's time",
    topic="insurance",
    denial=Denial("CO", "288"),
)
def referral_out_of_date(case: ClaimCase) -> Iterator[Found]:
    """Hold each date of service against the time of the referral.

    What it checks
    A service before the day on which the referral was written, before or after the period that it gives,
    or longer after it was written than the payer's policy lets a referral live. Of a date that names only a
    month or a year, the day that speaks for the referral is taken.

    Why it is denied
    A referral that does not reach the date of service counts as absent (CO-288).

    What to do
    Name the referral that covers the date. If it has run out, ask for a new one: payers seldom take one
    that is dated back.

    Source
    The payer's own policy, which asks for a referral.
    """
    referral = case.referral
    if referral is None:
        return
    reasons: dict[str, list[Line]] = {}
    asked = _asked(case)
    for line, entry in asked:
        reason = _out_of_date(referral, line.day, entry)
        if reason is not None:
            reasons.setdefault(reason, []).append(line)
    if not reasons:
        return
    outside = [line for lines in reasons.values() for line in lines]
    told = "; ".join(f"{listed(_days(lines))} {reason}" for reason, lines in reasons.items())
    yield Found(
        "Claim.referral",
        f"The referral does not cover every date of service: {told}.",
        citations=_citing(case, [(line, entry) for line, entry in asked if line in outside]),
        at_risk=charges(outside),
    )


@claim_rule(
    "referral-wrong-patient",
    family="referral",
    severity="error",
    title="The referral is for another patient",
    topic="insurance",
    denial=Denial("CO", "288"),
)
def referral_wrong_patient(case: ClaimCase) -> Iterator[Found]:
    """See that the referral is for the claim's patient.

    What it checks
    The subject of the referral against the patient of the claim.

    Why it is denied
    A referral for somebody else counts as absent (CO-288).

    What to do
    Name the patient's own referral.

    Source
    The payer's own policy, which asks for a referral.
    """
    if case.referral is not None and case.referral.same_patient is False:
        yield from _about(case, "The referral was written for another patient than the claim's.")


@claim_rule(
    "referral-wrong-service",
    family="referral",
    severity="warning",
    title="The referral orders another service",
    topic="insurance",
    denial=Denial("CO", "288"),
)
def referral_wrong_service(case: ClaimCase) -> Iterator[Found]:
    """Hold what was billed against what was ordered.

    What it checks
    A referral coded in CPT, HCPCS or SNOMED CT, none of whose codes is that of the service billed or
    covers it. A therapy evaluation, and an order for physical or massage therapy in general, cover the
    treatments of that therapy. A SNOMED CT code that says nothing known is not judged.

    Why it is denied
    A referral for another service counts as absent for this one (CO-288).

    What to do
    Bill the service that was ordered and given, or ask the referring provider to amend the order.

    Source
    The payer's own policy, which asks for a referral.
    """
    referral = case.referral
    if referral is None or not referral.codes:
        return
    other = [(line, entry) for line, entry in _asked(case) if not _orders(case, referral, line)]
    if other:
        billed = listed(list(dict.fromkeys(named(case.facts, line.code, line.day) for line, _ in other)))
        ordered = listed(list(dict.fromkeys(_said(case, code) for _, code in referral.codes)))
        yield Found(
            "Claim.referral",
            f"The referral orders {ordered}, and the claim bills {billed}.",
            citations=_citing(case, other),
            at_risk=charges(line for line, _ in other),
        )


@claim_rule(
    "referrer-not-qualified",
    family="referral",
    severity="error",
    title="The payer does not take this profession's referral",
    topic="insurance",
    denial=Denial("CO", "183"),
)
def referrer_not_qualified(case: ClaimCase) -> Iterator[Found]:
    """Hold who wrote the referral against whose referrals the payer takes.

    What it checks
    The profession of who wrote the referral, where it is known, against the payer's policy: a massage
    therapist does not refer to a massage therapist.

    Why it is denied
    A referral by a provider who may not refer for the service is denied (CO-183).

    What to do
    Ask a provider whose referral the payer takes, as a rule the patient's physician or nurse
    practitioner.

    Source
    The payer's own policy, named in the finding.
    """
    requester = case.referral.requester if case.referral is not None else None
    profession = requester.profession if requester is not None else None
    if profession is None:
        return
    refused = [(line, entry) for line, entry in _asked(case) if entry.referrers and profession not in entry.referrers]
    if refused:
        who = in_words(profession)
        codes = listed(list(dict.fromkeys(named(case.facts, line.code, line.day) for line, _ in refused)))
        yield Found(
            "Claim.referral",
            f"The referral was written by {who}, whose referral for {codes} {case.payer_title} does not take.",
            citations=_citing(case, refused),
            at_risk=charges(line for line, _ in refused),
        )


@claim_rule(
    "referral-visits-exhausted",
    family="referral",
    severity="error",
    title="More visits than the referral ordered",
    topic="limits",
    denial=Denial("CO", "287"),
)
def referral_visits_exhausted(case: ClaimCase) -> Iterator[Found]:
    """Count the visits under the referral.

    What it checks
    The dates of service under the referral, on this claim and on the earlier claims and answers that came
    along, against the number of visits that it orders. Each date counts once.

    Why it is denied
    Visits beyond those referred are denied (CO-287).

    What to do
    Ask the referring provider for further visits before billing these.

    Source
    The payer's own policy, which asks for a referral; the referral itself gives the number.
    """
    referral = case.referral
    if referral is None or referral.visits is None or not any(line.day for line in case.lines):
        return
    asked = _asked(case)
    if not asked:
        return
    beyond = _beyond(case, referral, max(int(referral.visits), 0))
    late = [line for line, _ in asked if line.day in beyond]
    if late:
        yield Found(
            "Claim.referral",
            f"The referral orders {counted(referral.visits, 'visit')}; {listed(_days(late))} "
            f"{'is' if len(_days(late)) == 1 else 'are'} beyond {'it' if referral.visits == 1 else 'them'}.",
            citations=_citing(case, asked),
            at_risk=charges(late),
        )


@claim_rule(
    "referral-incomplete",
    family="referral",
    severity="warning",
    title="The referral lacks what a payer looks for",
    topic="insurance",
    denial=Denial("CO", "16"),
)
def referral_incomplete(case: ClaimCase) -> Iterator[Found]:
    """Look for what a referral has to say.

    What it checks
    A referral without a reason, or with neither a number of visits nor a period.

    Why it is denied
    Payers want the diagnosis, and the number of visits or the time, in a prescription for massage or
    therapy. Without them the claim may be sent back for information (CO-16).

    What to do
    Ask the referring provider to complete it.

    Source
    The payer's own policy, which asks for a referral; Premera, medical policy 8.03.502, for what a
    prescription has to hold.
    """
    referral = case.referral
    if referral is None:
        return
    lacking = [] if referral.has_reason else ["a reason"]
    if referral.visits is None and not referral.has_period:
        lacking.append("a number of visits or a period")
    if lacking:
        wanted = case.facts.rule_sources.all("referral-incomplete", case.day or case.today)
        yield from _about(case, f"The referral lacks {listed(lacking)}.", *wanted)


# --- where a referral is asked for ---------------------------------------------------------------------


def _asked(case: ClaimCase) -> list[tuple[Line, ReferralAsked]]:
    """The lines for which the payer's policy asks for a referral, with what it asks."""
    found = []
    for line in case.lines:
        if line.policy is None or line.code is None or not line.policy.referral_entries:
            continue
        entry = line.policy.referral(line.code, line.provider.profession)
        if entry is not None:
            found.append((line, entry))
    return found


def _about(case: ClaimCase, message: str, *rows: Row) -> Iterator[Found]:
    """A finding on the referral as a whole, where the payer asks for one."""
    asked = _asked(case)
    if asked:
        yield Found(
            "Claim.referral",
            message,
            citations=_citing(case, asked, *rows),
            at_risk=charges(line for line, _ in asked),
        )


def _citing(case: ClaimCase, asked: list[tuple[Line, ReferralAsked]], *rows: Row) -> tuple[Citation, ...]:
    return cite(case.facts, *(entry for _, entry in asked), *rows)


def _days(lines: list[Line]) -> list[str]:
    return [str(day) for day in sorted({line.day for line in lines if line.day is not None})]


# --- its time ----------------------------------------------------------------------------------------------


def _out_of_date(referral: Referral, day: date | None, entry: ReferralAsked) -> str | None:
    """Why the referral does not reach that day."""
    if day is None:
        return None
    if referral.authored is not None and day < referral.authored:
        return f"came before it was written on {referral.authored}"
    if referral.starts is not None and day < referral.starts:
        return f"came before its period began on {referral.starts}"
    if referral.ends is not None and day > referral.ends:
        return f"came after its period ended on {referral.ends}"
    if referral.authored_by is not None and entry.life_days is not None:
        last = days_after(referral.authored_by, entry.life_days)
        if day > last:
            return f"came after {last}, {entry.life_days} days from when it was written"
    return None


# --- its service ---------------------------------------------------------------------------------------------


def _orders(case: ClaimCase, referral: Referral, line: Line) -> bool:
    """Whether the referral orders the line's service, covers it, or cannot be read well enough to deny it."""
    assert line.code is not None
    assert line.day is not None
    procedures = [code.upper() for system, code in referral.codes if _is_procedure(system, code)]
    concepts = [code for system, code in referral.codes if system in SNOMED_SYSTEMS]
    if not procedures and not concepts:
        return True
    if line.code in procedures or not EVALUATIONS.isdisjoint(procedures):
        return True
    return any(_concept_orders(case, code, line, line.day) for code in concepts) or _words_order(referral)


def _is_procedure(system: str, code: str) -> bool:
    return system in PROCEDURE_SYSTEMS or (not system and has_procedure_shape(code))


def _concept_orders(case: ClaimCase, concept: str, line: Line, day: date) -> bool:
    techniques = {row.code for row in case.facts.techniques.all(("snomed", concept), day)}
    if techniques:
        return line.code in techniques
    scope = case.facts.order_scope.find(("snomed", concept), day)
    return concept == PHYSICAL_THERAPY or (scope is not None and scope.ours)


def _words_order(referral: Referral) -> bool:
    """Whether what is ordered without a procedure code is in words for therapy, or in no words at all."""
    coded_only = all(_is_procedure(system, code) for system, code in referral.codes)
    if not referral.words:
        return not coded_only
    return any(word in text.lower() for text in referral.words for word in GENERAL_WORDS)


def _said(case: ClaimCase, code: str) -> str:
    return named(case.facts, code, case.day)


# --- its visits -----------------------------------------------------------------------------------------------


def _beyond(case: ClaimCase, referral: Referral, visits: int) -> set[date]:
    """The dates of service under the referral that come after as many as it ordered."""
    days = {line.day for line in case.lines if line.day is not None}
    days |= {
        earlier.day
        for earlier in case.read_history()
        if earlier.referral == referral.key
        and earlier.day is not None
        and not earlier.replaced_by_this
        and not earlier.asks_only
    }
    return set(sorted(days)[visits:])
