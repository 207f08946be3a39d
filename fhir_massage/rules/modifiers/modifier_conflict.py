"""Modifiers: those that exclude or need each other, those nobody knows, and those a payer asks for."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from fhir_massage.case.seen import ClaimCase, Line
from fhir_massage.edit.changes import ClaimChange
from fhir_massage.edit.finding import Correction, Denial, Found
from fhir_massage.facts.policy import Covered, Flag, Payable
from fhir_massage.facts.rows import ModifierConflict, TherapyThreshold
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import certain, change, cite, confirmed, named, number, without_modifiers

THERAPY = frozenset({"GP", "GO", "GN"})
#: What says that a service is never covered, or that no payment is expected for it.
NEVER_PAID = frozenset({"GX", "GY", "GZ"})
LIABILITY = frozenset({"GA", "GX", "GY", "GZ"})
MANIPULATION = frozenset({"98940", "98941", "98942"})

#: The assistant's own modifier and the discipline under which the assistant works.
ASSISTANTS = {"physical-therapist-assistant": ("CQ", "GP"), "occupational-therapy-assistant": ("CO", "GO")}
DISCIPLINES = {
    "physical-therapist": "GP",
    "physical-therapist-assistant": "GP",
    "occupational-therapist": "GO",
    "occupational-therapy-assistant": "GO",
}
#: Benefit categories (X12 service types) of physical and speech therapy, and of occupational therapy.
THERAPY_BENEFITS = {"pt-slp": frozenset({"PT", "AE", "AF"}), "ot": frozenset({"AD"})}
#: Who may furnish therapy under a plan of care of more than one discipline.
OF_ANY_DISCIPLINE = frozenset({"physician", "advanced-practice", "chiropractor"})


@claim_rule(
    "modifier-conflict",
    family="modifiers",
    within="line",
    severity="error",
    title="Modifiers that do not go together",
    denial=Denial("CO", "4"),
)
def modifier_conflict(case: ClaimCase) -> Iterator[Found]:
    """Find two modifiers of one line that exclude each other, or one that lacks its companion.

    What it checks
    On one line: 59 with XE, XP, XS or XU; two of GP, GO and GN; CQ without GP or CO without GO; two of the
    notices of liability GA, GX, GY and GZ that contradict each other.

    Why it is denied
    Modifiers that contradict each other leave the payer without a statement to go by. The line comes back
    (CO-4).

    What to do
    Keep the modifier that the record supports. 59 beside an X modifier is plainly the redundant one.

    Source
    The document named in the finding, by the pair of modifiers.
    """
    for line in case.lines:
        if not line.modifiers or line.day is None:
            continue
        for modifier in dict.fromkeys(line.modifiers):
            for row in case.facts.modifier_conflicts.all(modifier, line.day):
                if (row.other in line.modifiers) == (row.kind == "needs"):
                    continue
                together = (
                    f"{modifier} is billed without {row.other}, which it needs"
                    if row.kind == "needs"
                    else f"{modifier} and {row.other} exclude each other on one line"
                )
                yield Found(
                    f"{line.element}.modifier",
                    f"{named(case.facts, line.code, line.day)}: {together}.",
                    tuple(_companion(case, line, row) if row.kind == "needs" else _either(case, line, row)),
                    cite(case.facts, row),
                )


@claim_rule(
    "modifier-invalid",
    family="modifiers",
    within="line",
    severity="error",
    title="A modifier that does not exist or is repeated",
    denial=Denial("CO", "4", ("N519",)),
)
def modifier_invalid(case: ClaimCase) -> Iterator[Found]:
    """Find modifiers that no claim system takes.

    What it checks
    A modifier that is not two characters long, that is in neither the CPT nor the HCPCS list on the date
    of service, or that stands on the line twice.

    Why it is denied
    The claim system does not know what the line says (CO-4 with N519).

    What to do
    Drop the second of two alike. Replace an unknown modifier by the one that was meant.

    Source
    CPT and HCPCS level II modifiers in force on the date of service.
    """
    for line in case.lines:
        for place, modifier in enumerate(line.modifiers):
            fault = _fault(case, line, place, modifier)
            if fault is None:
                continue
            again = modifier in line.modifiers[:place]
            day = line.day or case.today
            yield Found(
                f"{line.element}.modifier[{_concept(case, line, place)}]",
                f"{named(case.facts, line.code, day)}: the modifier {modifier} {fault}.",
                (_once(case, line, modifier),) if again else (),
                cite(case.facts, *case.facts.rule_sources.all("modifier-invalid", day)),
            )


@claim_rule(
    "therapy-modifier-missing",
    family="modifiers",
    within="line",
    severity="error",
    title="Therapy without the modifier of its discipline",
    denial=Denial("CO", "4"),
)
def therapy_modifier_missing(case: ClaimCase) -> Iterator[Found]:
    """Ask for GP, GO or GN on therapy.

    What it checks
    A code that Medicare always holds to be therapy, without GP, GO or GN, where the payer asks for them.

    Why it is denied
    The modifier says under which plan of care the service was given. Without it the line comes back (CO-4).

    What to do
    Add GP for physical therapy, GO for occupational therapy, GN for speech-language pathology. A physician
    or chiropractor adds that of the plan of care.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 5, section 10.6 and 20; CMS Change
    Request 10176; the payer's own policy, named in the finding.
    """
    for line in case.lines:
        flag = _asked(line, line.policy.therapy_modifier) if line.policy else None
        if flag is None or not THERAPY.isdisjoint(line.modifiers) or line.code is None or line.day is None:
            continue
        always = case.facts.always_therapy.find(line.code, line.day)
        if always is None:
            continue
        yield Found(
            f"{line.element}.modifier",
            f"{named(case.facts, line.code, line.day)} is therapy, and {case.payer_title} asks for GP, GO or GN on it.",
            tuple(_discipline(case, line)),
            cite(case.facts, flag, always),
        )


@claim_rule(
    "assistant-modifier-missing",
    family="modifiers",
    within="line",
    severity="error",
    title="An assistant's service without CQ or CO",
    denial=Denial("CO", "4"),
)
def assistant_modifier_missing(case: ClaimCase) -> Iterator[Found]:
    """Ask for CQ or CO on what a therapy assistant gave.

    What it checks
    A therapy service rendered by a physical therapist assistant without CQ, or by an occupational therapy
    assistant without CO, where the payer asks for them.

    Why it is denied
    Services of assistants are paid less, and the modifier says so. A line without it is sent back (CO-4) or
    taken back as overpaid.

    What to do
    Add CQ beside GP, or CO beside GO.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 5, section 20.1; the payer's own policy,
    named in the finding.
    """
    for line in case.lines:
        if line.provider.profession not in ASSISTANTS or line.policy is None or line.code is None or line.day is None:
            continue
        flag = _asked(line, line.policy.assistant_modifier)
        modifier, discipline = ASSISTANTS[line.provider.profession]
        if flag is None or modifier in line.modifiers or not _is_therapy(case, line):
            continue
        others = THERAPY.intersection(line.modifiers) - {discipline}
        yield Found(
            f"{line.element}.modifier",
            f"{named(case.facts, line.code, line.day)} was given by an assistant, "
            f"and {case.payer_title} asks for {modifier} on it.",
            () if others else (_as_assistant(case, line, modifier, discipline),),
            cite(case.facts, flag),
        )


@claim_rule(
    "threshold-modifier-missing",
    family="modifiers",
    severity="warning",
    title="Therapy above the year's amount without KX",
    topic="limits",
    denial=Denial("CO", "119"),
)
def threshold_modifier_missing(case: ClaimCase) -> Iterator[Found]:
    """Ask for KX once the year's therapy amount is used up.

    What it checks
    Therapy lines without KX where the payer's own answer on benefits says that the patient has used
    Medicare's yearly therapy amount: one for physical therapy and speech-language pathology together, one
    for occupational therapy. Without such an answer the rule is silent.

    Why it is denied
    Above the amount Medicare pays only where KX states that the record shows medical necessity (CO-119).

    What to do
    If the record shows that further therapy is medically necessary, add KX.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 5, section 10.3; the year's amount as
    named in the finding.
    """
    if not any(benefit.dollars_used for benefit in case.benefits):
        return
    for line in case.lines:
        flag = _asked(line, line.policy.threshold_modifier) if line.policy else None
        if flag is None or "KX" in line.modifiers or not LIABILITY.isdisjoint(line.modifiers) or line.day is None:
            continue
        threshold = _threshold(case, line)
        used = None if threshold is None else _used(case, line, threshold)
        if threshold is None or used is None or used < threshold.dollars:
            continue
        yield Found(
            f"{line.element}.modifier",
            f"{named(case.facts, line.code, line.day)}: ${number(used)} of therapy is used, and above "
            f"${number(threshold.dollars)} in {line.day.year} {case.payer_title} asks for KX.",
            (
                confirmed(
                    "Add KX: further therapy is medically necessary",
                    change(case).add_modifier(line.index, "KX"),
                    "documentation in the record that further therapy is medically necessary",
                ),
            ),
            cite(case.facts, threshold, flag),
        )


@claim_rule(
    "manipulation-modifier-missing",
    family="modifiers",
    within="line",
    severity="error",
    title="Spinal manipulation without AT",
    denial=Denial("CO", "50"),
)
def manipulation_modifier_missing(case: ClaimCase) -> Iterator[Found]:
    """Ask for AT on spinal manipulation.

    What it checks
    98940, 98941 or 98942 without AT, where the payer asks for it, and without GA, GY or GZ, which say that
    no payment is expected.

    Why it is denied
    Without AT Medicare takes the treatment to be maintenance, which it does not cover (CO-50).

    What to do
    If the treatment was active, not maintenance, add AT. For maintenance bill with the notice of liability.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 12, section 220.
    """
    for line in case.lines:
        if line.code not in MANIPULATION or line.policy is None or line.day is None:
            continue
        flag = _asked(line, line.policy.manipulation_modifier)
        if flag is None or not {"AT", "GA", "GY", "GZ"}.isdisjoint(line.modifiers):
            continue
        yield Found(
            f"{line.element}.modifier",
            f"{named(case.facts, line.code, line.day)} has no AT, so {case.payer_title} takes it for maintenance.",
            (
                confirmed(
                    "Add AT: active treatment",
                    change(case).add_modifier(line.index, "AT"),
                    "documentation of active treatment, not maintenance",
                ),
            ),
            cite(case.facts, flag),
        )


@claim_rule(
    "noncovered-modifier-missing",
    family="modifiers",
    within="line",
    severity="warning",
    title="A service that is never covered, without saying so",
)
def noncovered_modifier_missing(case: ClaimCase) -> Iterator[Found]:
    """Ask for GY where a service is sent although the payer never covers it.

    What it checks
    A service that the payer does not pay this profession for, or does not cover, on a line without GX, GY
    or GZ, where the payer asks for them. GA does not do: it speaks of a service that is covered, but not
    this time.

    Why it is denied
    It is denied in any case. With GY the denial falls to the patient's share, or to a second insurer, and
    not to the provider.

    What to do
    If the claim is sent to have the denial in writing, add GY. Otherwise take the line off the claim.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 1, section 60; the payer's policy, named
    in the finding.
    """
    for line in case.lines:
        if line.policy is None or line.code is None or line.day is None or not NEVER_PAID.isdisjoint(line.modifiers):
            continue
        flag = _asked(line, line.policy.noncovered_modifier)
        never = _never(line) if flag is not None else None
        if never is None:
            continue
        yield Found(
            f"{line.element}.modifier",
            f"{named(case.facts, line.code, line.day)}: {case.payer_title} never pays for this here, "
            f"and the line does not say so.",
            (
                confirmed(
                    "Put GY in place of GA: not covered, sent for the denial",
                    change(case).change_modifier(line.index, line.modifiers.index("GA"), "GY"),
                    "that the claim is sent to have the denial",
                )
                if "GA" in line.modifiers
                else confirmed(
                    "Add GY: not covered, sent for the denial",
                    change(case).add_modifier(line.index, "GY"),
                    "that the claim is sent to have the denial",
                ),
            ),
            cite(case.facts, flag, never),
        )


# --- what a payer asks for ------------------------------------------------------------------------------


def _asked(line: Line, flag: Flag | None) -> Flag | None:
    """The flag where it is set and speaks of the line."""
    if flag is None or not flag.value or line.code is None:
        return None
    return flag if flag.speaks_of(line.code, line.provider.profession) else None


def _never(line: Line) -> Payable | Covered | None:
    """The entry that says that the line is never paid."""
    assert line.policy is not None
    assert line.code is not None
    answers = (
        line.policy.payable(line.code, line.provider.profession),
        line.policy.covered(line.code, line.provider.profession),
    )
    return next((entry for entry in answers if entry is not None and entry.answer == "no"), None)


def _is_therapy(case: ClaimCase, line: Line) -> bool:
    assert line.code is not None
    assert line.day is not None
    return not THERAPY.isdisjoint(line.modifiers) or case.facts.always_therapy.find(line.code, line.day) is not None


def _threshold(case: ClaimCase, line: Line) -> TherapyThreshold | None:
    """The year's amount of the line's discipline."""
    assert line.day is not None
    if "GO" in line.modifiers:
        return case.facts.therapy_thresholds.find("ot", line.day)
    if not {"GP", "GN"}.isdisjoint(line.modifiers):
        return case.facts.therapy_thresholds.find("pt-slp", line.day)
    return None


def _used(case: ClaimCase, line: Line, threshold: TherapyThreshold) -> Decimal | None:
    """The dollars that the payer says were used of the therapy amount; ``None`` where it does not say."""
    return max(
        (
            benefit.dollars_used
            for benefit in case.benefits
            if benefit.dollars_used is not None
            and (
                line.code in benefit.codes
                or benefit.kind in THERAPY_BENEFITS[threshold.discipline]
                or (not benefit.codes and not benefit.kind and benefit.dollars_allowed == threshold.dollars)
            )
        ),
        default=None,
    )


# --- corrections ----------------------------------------------------------------------------------------


def _discipline(case: ClaimCase, line: Line) -> Iterator[Correction]:
    profession = line.provider.profession
    if profession in DISCIPLINES:
        modifier = DISCIPLINES[profession]
        yield certain(f"Add {modifier}", change(case).add_modifier(line.index, modifier))
    elif profession in OF_ANY_DISCIPLINE:
        yield confirmed(
            "Add GP: a physical therapy plan of care",
            change(case).add_modifier(line.index, "GP"),
            "that the plan of care is one of physical therapy",
        )


def _as_assistant(case: ClaimCase, line: Line, modifier: str, discipline: str) -> Correction:
    added = change(case)
    if discipline not in line.modifiers:
        added.add_modifier(line.index, discipline)
        return certain(f"Add {discipline} and {modifier}", added.add_modifier(line.index, modifier))
    return certain(f"Add {modifier}", added.add_modifier(line.index, modifier))


def _companion(case: ClaimCase, line: Line, row: ModifierConflict) -> Iterator[Correction]:
    plan = f"that the plan of care is the one that {row.other} names"
    others = sorted(THERAPY.intersection(line.modifiers))
    if others:
        instead = change(case).change_modifier(line.index, line.modifiers.index(others[0]), row.other)
        yield confirmed(f"Put {row.other} in place of {others[0]}", instead, plan)
    elif ASSISTANTS.get(line.provider.profession or "") == (row.modifier, row.other):
        yield certain(f"Add {row.other}", change(case).add_modifier(line.index, row.other))
        return
    else:
        yield confirmed(f"Add {row.other}", change(case).add_modifier(line.index, row.other), plan)
    yield confirmed(
        f"Drop {row.modifier}", _dropped(case, line, row.modifier), f"that what {row.modifier} says is not so"
    )


def _either(case: ClaimCase, line: Line, row: ModifierConflict) -> Iterator[Correction]:
    if row.redundant:
        yield certain(f"Drop {row.redundant}", _dropped(case, line, row.redundant))
        return
    pair = [row.modifier, row.other]
    # Dropped first is the one that is not of the rendering profession's own discipline.
    if DISCIPLINES.get(line.provider.profession or "") == row.modifier:
        pair.reverse()
    for modifier, kept in (pair, pair[::-1]):
        yield confirmed(
            f"Drop {modifier}", _dropped(case, line, modifier), f"that the record supports {kept}, not {modifier}"
        )


def _once(case: ClaimCase, line: Line, modifier: str) -> Correction:
    places = [place for place, each in enumerate(line.modifiers) if each == modifier]
    return certain(f"Drop the repeated {modifier}", without_modifiers(case, line, places[1:]))


def _dropped(case: ClaimCase, line: Line, modifier: str) -> ClaimChange:
    return without_modifiers(case, line, [place for place, each in enumerate(line.modifiers) if each == modifier])


# --- validity -------------------------------------------------------------------------------------------


def _fault(case: ClaimCase, line: Line, place: int, modifier: str) -> str | None:
    """What is wrong with a modifier, in words; ``None`` where it may stand."""
    if modifier in line.modifiers[:place]:
        return "is repeated"
    if len(modifier) != 2:
        return "is not two characters long"
    if line.day is None or case.facts.modifiers.find(modifier, line.day) is not None:
        return None
    # Before the first day of the list nothing is known of any modifier.
    return "does not exist" if case.facts.modifiers.find("59", line.day) is not None else None


def _concept(case: ClaimCase, line: Line, place: int) -> int:
    """Which of the line's modifier elements holds the modifier: one may have several codings."""
    passed = -1
    for position, concept in enumerate(case.read_json()["item"][line.index].get("modifier", [])):
        passed += sum(1 for coding in concept.get("coding", []) if coding.get("code"))
        if passed >= place:
            return position
    return place
