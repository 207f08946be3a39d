"""Coverage: that there is one in force, that it covers the service, and what it asks for beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

import msgspec

from fhir_massage.case.seen import Benefit, ClaimCase, InsuranceSlot, Line
from fhir_massage.edit.finding import Correction, Denial, Edit, Found
from fhir_massage.facts.policy import AuthorizationAsked, Covered, Payable, YearlyVisits
from fhir_massage.rules.payment import benefits_for
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import charges, cite, counted, listed, named

#: Payers that pay after workers' compensation and auto insurance where an accident is the cause.
HEALTH_PLANS = frozenset(
    {"medicare-part-b", "medicare-advantage", "medicaid", "commercial", "veterans-affairs", "tricare"}
)
ACCIDENT_PAYERS = frozenset({"workers-compensation", "auto"})
MISSING = {
    "coverage": "The coverage",
    "referral": "The referral",
    "patient": "The patient",
    "rendering provider": "The rendering provider",
}


@claim_rule(
    "coverage-missing",
    family="coverage",
    severity="error",
    title="The claim names no coverage",
    topic="insurance",
    denial=Denial("CO", "16"),
)
def coverage_missing(case: ClaimCase) -> Iterator[Found]:
    """Ask for the coverage that is billed.

    What it checks
    A claim without insurance, or whose insurance that is billed (the focal one) names no coverage.

    Why it is denied
    A claim that does not say under which coverage it is made is sent back as incomplete (CO-16).

    What to do
    Name the patient's coverage on the claim.

    Source
    HL7 FHIR R4, Claim: insurance, and the coverage in it, are required.
    """
    if not case.has_insurance:
        yield Found("Claim.insurance", "The claim names no insurance.")
    elif not case.has_coverage:
        yield Found("Claim.insurance", "The claim's insurance names no coverage.")


@claim_rule(
    "reference-unresolved",
    family="coverage",
    severity="warning",
    title="Something that the claim names could not be found",
    topic="insurance",
)
def reference_unresolved(case: ClaimCase) -> Iterator[Found]:
    """Say what the review could not see.

    What it checks
    The coverage, the referral, the patient and who rendered each line: each that the claim names must have
    come along with it, or be at hand in the patient's record. It is found by its address or its identifier;
    a name in words leads nowhere. Who rendered may be named by a number (NPI) alone.

    Why it is denied
    It is not denied by itself. Rules that need what is missing stay silent, so a clean review says less
    than it seems.

    What to do
    Send the missing resource along with the claim, or mend the reference.

    Source
    HL7 FHIR R4, Claim: what these references mean.
    """
    for named_thing in case.named:
        if not named_thing.found:
            yield Found(
                named_thing.element,
                f"{MISSING[named_thing.what]} that the claim names could not be found; rules that need it stay silent.",
            )


@claim_rule(
    "coverage-not-active",
    family="coverage",
    severity="error",
    title="The coverage was not in force on the date of service",
    topic="insurance",
    denial=Denial("CO", "27"),
)
def coverage_not_active(case: ClaimCase) -> Iterator[Found]:
    """Hold each date of service against the coverage.

    What it checks
    A coverage whose status is not active, or a service before its period begins or after it ends.

    Why it is denied
    Expenses before the coverage began are denied with CO-26, those after it ended with CO-27.

    What to do
    Ask the patient, and the payer, which coverage was in force on the date, and bill that.

    Source
    X12 claim adjustment reason codes 26 and 27; HL7 FHIR R4, Coverage, status and period.
    """
    coverage = case.coverage
    if coverage is None:
        return
    early = [line for line in case.lines if line.day and coverage.starts and line.day < coverage.starts]
    late = [line for line in case.lines if line.day and coverage.ends and line.day > coverage.ends]
    if early:
        yield Found(
            coverage.element,
            f"The coverage began on {coverage.starts}, after the service of {listed(_days(early))}.",
            at_risk=charges(early),
            denial=Denial("CO", "26"),
        )
    if late:
        yield Found(
            coverage.element,
            f"The coverage ended on {coverage.ends}, before the service of {listed(_days(late))}.",
            at_risk=charges(late),
        )
    if not early and not late and coverage.status not in (None, "active"):
        yield Found(coverage.element, f"The coverage is not active: its status is {coverage.status}.")


@claim_rule(
    "coverage-wrong-patient",
    family="coverage",
    severity="error",
    title="The coverage is another patient's",
    topic="insurance",
    denial=Denial("CO", "31"),
)
def coverage_wrong_patient(case: ClaimCase) -> Iterator[Found]:
    """See that the coverage is the patient's own.

    What it checks
    The beneficiary of the coverage against the patient of the claim.

    Why it is denied
    The payer does not find the patient among those insured under that coverage (CO-31).

    What to do
    Name the patient's own coverage. A child or spouse has one of their own, under the same subscriber.

    Source
    X12 claim adjustment reason code 31; HL7 FHIR R4, Coverage, beneficiary.
    """
    if case.coverage is not None and case.coverage.same_patient is False:
        yield Found(case.coverage.element, "The coverage's beneficiary is another patient than the claim's.")


@claim_rule(
    "coverage-order",
    family="coverage",
    severity="error",
    title="The order of the claim's insurances is wrong",
    topic="insurance",
    denial=Denial("CO", "22"),
)
def coverage_order(case: ClaimCase) -> Iterator[Found]:
    """See which insurance is billed, and which pays first.

    What it checks
    That exactly one of the claim's insurances is marked as the one to be billed (focal), and that no two
    have the same sequence. Where the claim tells of an accident, a warning if a health plan stands ahead
    of workers' compensation or auto insurance.

    Why it is denied
    A payer that is not the one billed, or not the first to pay, denies the claim as another payer's to
    pay (CO-22).

    What to do
    Mark the insurance that this claim is for, and put the insurances in the order in which they pay:
    after an accident, workers' compensation or auto insurance first.

    Source
    HL7 FHIR R4, Claim.insurance, focal and sequence; CMS on workers' compensation and no-fault insurance
    (42 U.S.C. 1395y(b)(2)).
    """
    if not case.insurances:
        return
    focal = [slot for slot in case.insurances if slot.focal]
    if len(focal) != 1:
        told = "None" if not focal else f"{len(focal)}"
        yield Found(
            "Claim.insurance",
            f"{told} of the claim's insurances {'are' if len(focal) > 1 else 'is'} marked as the one to be billed; "
            "exactly one must be.",
            tuple(_made_focal(case)),
        )
    for earlier, later in _same_sequence(case.insurances):
        yield Found(
            f"{later.element}.sequence",
            f"Two of the claim's insurances have the sequence {earlier.sequence}, so their order is not known.",
            tuple(_numbered(case)),
        )
    if case.accident:
        yield from _ahead_of_accident_payer(case)


@claim_rule(
    "service-not-covered",
    family="coverage",
    within="line",
    severity="error",
    title="The payer does not cover the service",
    topic="insurance",
    denial=Denial("PR", "204"),
)
def service_not_covered(case: ClaimCase) -> Iterator[Found]:
    """Ask whether the payer covers the service at all.

    What it checks
    The payer's policy for the line's code: TRICARE, for one, excludes massage. Where the policy covers
    it from some professions only, silent as long as the profession is not known.

    Why it is denied
    A service that the plan does not cover is denied, and the patient owes it (PR-204).

    What to do
    Tell the patient beforehand that they pay, or bill a payer that covers it.

    Source
    The payer's own policy, named in the finding.
    """
    for line in case.lines:
        entry = _covered(line)
        if entry is not None and entry.answer == "no" and not _hangs_on_profession(line):
            yield Found(
                line.element,
                f"{case.payer_title} does not cover {named(case.facts, line.code, line.day)}.",
                citations=cite(case.facts, entry),
            )


@claim_rule(
    "coverage-conditional",
    family="coverage",
    within="line",
    severity="information",
    title="Paid under conditions",
    topic="insurance",
)
def coverage_conditional(case: ClaimCase) -> Iterator[Found]:
    """List what has to hold for the service to be paid.

    What it checks
    Whether the payer's policy covers the line's code, or pays the profession for it, only under
    conditions that the claim itself does not show.

    Why it is denied
    It is not denied by itself. Where a condition does not hold, the payer denies the line as not covered.

    What to do
    See that each condition holds, and that the record shows it.

    Source
    The payer's own policy, named in the finding.
    """
    for line in case.lines:
        entries = (_payable(line), _covered(line))
        answers = [entry.answer for entry in entries if entry is not None]
        if "conditional" in answers and "no" not in answers:
            conditional = [entry for entry in entries if entry is not None and entry.answer == "conditional"]
            conditions = list(dict.fromkeys(c for entry in conditional for c in entry.conditions))
            yield Found(
                line.element,
                f"{case.payer_title} pays for {named(case.facts, line.code, line.day)} where "
                f"{'; '.join(conditions) or conditional[0].words}.",
                citations=cite(case.facts, *conditional),
            )


@claim_rule(
    "authorization-missing",
    family="coverage",
    severity="error",
    title="The payer asks for prior authorization, and the claim has none",
    topic="insurance",
    denial=Denial("CO", "197"),
)
def authorization_missing(case: ClaimCase) -> Iterator[Found]:
    """Ask for the number of the prior authorization.

    What it checks
    A claim without authorization number, with a line for which the payer's policy, or the payer's own
    answer on this patient's benefits, asks for prior authorization.

    Why it is denied
    A service without the authorization that the payer asks for is denied (CO-197).

    What to do
    Give the number. Where there is none, ask the payer whether it authorizes afterwards.

    Source
    The payer's own policy, named in the finding, or its answer on the patient's benefits.
    """
    if case.authorization is not None or not case.has_insurance:
        return
    asked = [(line, entry) for line in case.lines if (entry := _authorization(line)) is not None]
    if not asked and not case.benefits:
        return
    told = [line for line in case.lines if any(b.authorization_required for b in _benefits(case, line))]
    lines = [line for line in case.lines if line in told or any(line is each for each, _ in asked)]
    if not lines:
        return
    who = f"{case.payer_title or 'The payer'}{'' if asked else ', in its answer on the benefits,'}"
    codes = listed(list(dict.fromkeys(named(case.facts, line.code, line.day) for line in lines)))
    yield Found(
        case.authorization_element,
        f"{who} asks for prior authorization of {codes}, and the claim has no authorization number.",
        citations=cite(case.facts, *(entry for _, entry in asked)),
        at_risk=charges(lines),
    )


@claim_rule(
    "visit-limit-exceeded",
    family="coverage",
    severity="error",
    title="More visits than the plan pays in a year",
    topic="limits",
    denial=Denial("PR", "119"),
)
def visit_limit_exceeded(case: ClaimCase) -> Iterator[Found]:
    """Count the year's visits.

    What it checks
    The visits of the year, those of this claim included, against the number that the payer allows: by
    its own answer on this patient's benefits (with the visits it counts as used, and any after the day of
    the answer), else by its policy. An answer speaks of its benefit period, failing that of its calendar
    year. Earlier visits are those of the claims and answers that came along; each date counts once.

    Why it is denied
    Visits beyond the plan's limit are denied, and the patient owes them (PR-119).

    What to do
    Tell the patient before the visit that the benefit is used up.

    Source
    The payer's answer on the patient's benefits, or its policy, named in the finding.
    """
    over: dict[date, tuple[list[Line], _Limit]] = {}
    for line in case.lines:
        limit = _limit(case, line)
        if limit is not None and line.day is not None and line.day in limit.beyond:
            over.setdefault(line.day, ([], limit))[0].append(line)
    for day, (lines, limit) in sorted(over.items()):
        yield Found(
            lines[0].element,
            f"{case.payer_title or 'The payer'} allows {counted(limit.visits, 'visit')}{limit.of}; "
            f"the visit of {day} is beyond {'it' if limit.visits == 1 else 'them'}.",
            citations=cite(case.facts, limit.entry),
            at_risk=charges(lines),
        )


@claim_rule(
    "payer-unrecognised",
    family="coverage",
    severity="information",
    title="The payer could not be told from the coverage",
    topic="insurance",
)
def payer_unrecognised(case: ClaimCase) -> Iterator[Found]:
    """Say that the payer's policy could not be applied.

    What it checks
    A coverage whose payer is known neither by name or identifier, nor by the type of the plan. Only rules
    that hold for every payer are applied to its claims.

    Why it is denied
    It is not denied.

    What to do
    Give the plan's type (Source of Payment Typology) in the coverage, or add a policy of your own for
    this payer.

    Source
    NAHDO and PHDSC, Source of Payment Typology, by which plans are classed.
    """
    if case.coverage is not None and case.payer_class is None:
        yield Found(
            case.coverage.element,
            "Neither the payer's name and identifier nor the type of the coverage tells which payer this is; "
            "only rules that hold for every payer were applied.",
        )


def _days(lines: list[Line]) -> list[str]:
    return [str(day) for day in sorted({line.day for line in lines if line.day is not None})]


# --- what the policy says of a line ------------------------------------------------------------------------


def _covered(line: Line) -> Covered | None:
    if line.policy is None or line.code is None:
        return None
    return line.policy.covered(line.code, line.provider.profession)


def _payable(line: Line) -> Payable | None:
    if line.policy is None or line.code is None:
        return None
    return line.policy.payable(line.code, line.provider.profession)


def _authorization(line: Line) -> AuthorizationAsked | None:
    if line.policy is None or line.code is None:
        return None
    return line.policy.authorization(line.code, line.provider.profession)


def _hangs_on_profession(line: Line) -> bool:
    """Whether the profession is not known, and some profession has another answer."""
    if line.provider.profession is not None or line.policy is None or line.code is None:
        return False
    code = line.code
    return any(entry.answer != "no" for entry in line.policy.coverage_entries if entry.covers_code(code))


def _benefits(case: ClaimCase, line: Line) -> list[Benefit]:
    return [] if line.code is None else benefits_for(case.benefits, line.code)


# --- the order of insurances ---------------------------------------------------------------------------------


def _made_focal(case: ClaimCase) -> Iterator[Correction]:
    """Each insurance marked as the one to be billed; sure where there is only one."""
    only = len(case.insurances) == 1
    for chosen, _ in enumerate(case.insurances):
        edits = tuple(
            Edit("add", f"/insurance/{i}/focal", i == chosen)
            for i, slot in enumerate(case.insurances)
            if slot.focal != (i == chosen)
        )
        yield Correction(
            "Mark the claim's only insurance as the one to be billed" if only else f"Bill insurance {chosen + 1}",
            edits,
            None if only else f"that this claim is for insurance {chosen + 1}",
        )


def _same_sequence(slots: tuple[InsuranceSlot, ...]) -> Iterator[tuple[InsuranceSlot, InsuranceSlot]]:
    seen: dict[int, InsuranceSlot] = {}
    for slot in slots:
        if slot.sequence is None:
            continue
        if slot.sequence in seen:
            yield seen[slot.sequence], slot
        else:
            seen[slot.sequence] = slot


def _numbered(case: ClaimCase) -> Iterator[Correction]:
    yield Correction(
        "Number the insurances in the order in which the claim lists them",
        tuple(Edit("add", f"/insurance/{i}/sequence", i + 1) for i, _ in enumerate(case.insurances)),
        "that the claim lists the insurances in the order in which they pay",
    )


def _ahead_of_accident_payer(case: ClaimCase) -> Iterator[Found]:
    ordered = sorted((s for s in case.insurances if s.sequence is not None), key=lambda slot: slot.sequence or 0)
    for place, slot in enumerate(ordered):
        later = [
            other
            for other in ordered[place + 1 :]
            if other.payer_class in ACCIDENT_PAYERS and other.sequence != slot.sequence
        ]
        if slot.payer_class in HEALTH_PLANS and later:
            payer = "workers' compensation" if later[0].payer_class == "workers-compensation" else "auto insurance"
            yield Found(
                slot.element,
                f"The claim tells of an accident, and a health plan stands ahead of {payer}, which pays first.",
                severity="warning",
            )
            return


# --- the year's visits ---------------------------------------------------------------------------------------


class _Limit(msgspec.Struct, frozen=True):
    """The visits allowed, the words for what they are of, and the claim's dates beyond them."""

    visits: int
    of: str
    beyond: frozenset[date]
    entry: YearlyVisits | None = None


def _limit(case: ClaimCase, line: Line) -> _Limit | None:
    """The limit that holds for the line: by the payer's answer on the benefits, else by its policy."""
    if line.day is None or line.code is None:
        return None
    for benefit in _benefits(case, line) if case.benefits else ():
        if benefit.visits_allowed is not None and _holds_on(benefit, line.day):
            return _by_answer(case, line.day, benefit, benefit.visits_allowed)
    for entry in line.policy.yearly_visits if line.policy is not None else ():
        if entry.covers_code(line.code):
            return _by_policy(case, line.day, entry)
    return None


def _holds_on(benefit: Benefit, day: date) -> bool:
    """Whether the answer speaks of that day: by its benefit period, else by the calendar year of the answer."""
    if benefit.starts is None and benefit.ends is None:
        return benefit.told is None or benefit.told.year == day.year
    return (benefit.starts is None or benefit.starts <= day) and (benefit.ends is None or day <= benefit.ends)


def _in_one_span(benefit: Benefit, day: date, other: date) -> bool:
    """Whether both days count towards one limit: of one benefit period, else of one calendar year."""
    if benefit.starts is None or benefit.ends is None:
        return other.year == day.year and _holds_on(benefit, other)
    return _holds_on(benefit, other)


def _by_answer(case: ClaimCase, day: date, benefit: Benefit, allowed: int) -> _Limit:
    # Of a benefit without code, only visits with codes of this claim are counted: never too many.
    codes = frozenset(benefit.codes or (line.code for line in case.lines if line.code is not None))
    mine, earlier = _visits(case, codes.__contains__)
    if benefit.visits_used is not None:  # the payer knows of no visit after its answer
        earlier = {other for other in earlier if benefit.told is not None and other > benefit.told}
    days = sorted(other for other in mine | earlier if _in_one_span(benefit, day, other))
    used = "" if benefit.visits_used is None else f" ({benefit.visits_used} used)"
    beyond = frozenset(days[max(allowed - (benefit.visits_used or 0), 0) :])
    return _Limit(allowed, f" by its answer on the benefits{used}", beyond)


def _by_policy(case: ClaimCase, day: date, entry: YearlyVisits) -> _Limit:
    mine, earlier = _visits(case, entry.covers_code)
    days = sorted(other for other in mine | earlier if other.year == day.year)
    return _Limit(entry.visits, f" in {day.year}", frozenset(days[entry.visits :]), entry)


def _visits(case: ClaimCase, counts: Callable[[str], bool]) -> tuple[set[date], set[date]]:
    """The dates of service on this claim, and on others, with codes that count."""
    mine = {line.day for line in case.lines if line.day is not None and line.code is not None and counts(line.code)}
    earlier = {
        earlier.day
        for earlier in case.read_history()
        if earlier.day is not None
        and earlier.code is not None
        and counts(earlier.code)
        and not earlier.replaced_by_this
        and not earlier.asks_only
    }
    return mine, earlier
