"""Units of timed services: 15-minute units against minutes, limits and each other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from fhir_massage.case.seen import ClaimCase, Encounter, Line, Number
from fhir_massage.edit.changes import ClaimChange
from fhir_massage.edit.finding import Correction, Denial, Found
from fhir_massage.rules.counting import allot
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import (
    certain,
    change,
    cite,
    confirmed,
    counted,
    follows_ncci,
    is_timed,
    listed,
    named,
    number,
    part_of_charge,
)

RECORD = "that the record of the visit documents these minutes"


@claim_rule(
    "units-exceed-minutes",
    family="units",
    within="encounter",
    severity="error",
    title="More units than the minutes make",
    topic="limits",
    denial=Denial("CO", "151"),
)
def units_exceed_minutes(case: ClaimCase) -> Iterator[Found]:
    """Compare the units of timed services with the minutes documented.

    What it checks
    A timed code is billed in units of 15 minutes. Medicare, Medicare Advantage, Medicaid, TRICARE and
    the VA add up all timed minutes of the encounter (8 minutes make 1 unit, 23 make 2, 38 make 3, and
    so on), give each line its whole quarter-hours, and give the units left over to the lines with the
    largest remainders. Other payers count each line by itself: whole quarter-hours, and one more for a
    remainder of 8 minutes or more. The rule fires on a line with more units than that allots.

    Why it is denied
    Units beyond the documented minutes are billed time that was not given. The payer denies them
    (CO-151), or takes them back after a look at the record.

    What to do
    Bill the units that the minutes make. Where the minutes on the claim are wrong, mend them from the
    record instead. A line whose minutes make no unit comes off the claim.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 5, section 20.2; the CPT time rule for
    payers that count by the midpoint.
    """
    for line, allotted in _allotments(case):
        if line.units is None or line.units <= allotted or line.units != int(line.units):
            continue
        counting = line.policy.counting if line.policy else None
        yield Found(
            f"{line.element}.quantity",
            f"{named(case.facts, line.code, line.day)}: {counted(line.units, 'unit')} billed, but its "
            f"{number(line.minutes or 0)} minutes make {counted(allotted, 'unit')}{_together(case, line)}.",
            (_to_allotted(case, line, allotted),),
            cite(case.facts, counting),
            at_risk=part_of_charge(line, line.units - allotted),
        )


@claim_rule(
    "units-below-minutes",
    family="units",
    within="encounter",
    severity="information",
    title="Fewer units than the minutes make",
    topic="limits",
)
def units_below_minutes(case: ClaimCase) -> Iterator[Found]:
    """Notice units that could have been billed and were not.

    What it checks
    The same count as *units-exceed-minutes*, the other way: a line with fewer units than its minutes
    make under the payer's way of counting.

    Why it is denied
    It is not denied: it is work that is not paid.

    What to do
    If the record documents the minutes, bill the units that they make.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 5, section 20.2; the CPT time rule for
    payers that count by the midpoint.
    """
    for line, allotted in _allotments(case):
        if line.units is None or line.units < 1 or line.units >= allotted:
            continue
        yield Found(
            f"{line.element}.quantity",
            f"{named(case.facts, line.code, line.day)}: {counted(line.units, 'unit')} billed, while its "
            f"{number(line.minutes or 0)} minutes make {counted(allotted, 'unit')}{_together(case, line)}.",
            (confirmed(f"Bill {counted(allotted, 'unit')}", change(case).units(line.index, allotted), RECORD),),
            cite(case.facts, line.policy.counting if line.policy else None),
        )


@claim_rule(
    "minutes-overlap",
    family="units",
    within="encounter",
    severity="error",
    title="Two one-on-one services at the same minutes",
    topic="limits",
    denial=Denial("CO", "151"),
)
def minutes_overlap(case: ClaimCase) -> Iterator[Found]:
    """Find a minute that is billed twice.

    What it checks
    Two timed services that need one-on-one contact, by the same provider for the same patient, whose
    periods on the claim overlap.

    Why it is denied
    A therapist gives one one-on-one service at a time, so a minute counts once. Overlapping times are
    denied or taken back as time not given (CO-151).

    What to do
    Take the overlap out of one of the two, as the record of the visit has it, and bill the units that
    are left.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 5, section 20.2: minutes of one-on-one
    treatment are counted once.
    """
    for encounter in case.encounters:
        placed = [line for line in encounter.lines if line.start and line.end and _one_on_one(case, line)]
        if len(placed) < 2:
            continue
        placed.sort(key=lambda line: (_sortable(line.start), line.index))
        for earlier, later in _neighbours(placed):
            minutes = _overlap(earlier, later)
            if minutes is None:
                continue
            yield Found(
                f"{later.element}.servicedPeriod",
                f"{named(case.facts, later.code, later.day)} and {named(case.facts, earlier.code, earlier.day)} "
                f"(line {earlier.index + 1}) overlap by {number(minutes)} minutes; a minute is billed once.",
                tuple(_apart_in_time(case, encounter, earlier, later)),
                cite(case.facts, *case.facts.rule_sources.all("minutes-overlap", encounter.day)),
            )


@claim_rule("minutes-missing", family="units", severity="information", title="Minutes of a timed service not given")
def minutes_missing(case: ClaimCase) -> Iterator[Found]:
    """Say which timed lines cannot be checked against minutes.

    What it checks
    A timed service with no minutes anywhere on the claim: not in supporting information, not as a
    period with times, not on the procedure that the line names. Where the payer adds the minutes of
    all lines together, one line without minutes leaves every line of the visit unchecked.

    Why it is denied
    It is not denied by itself. Without minutes nobody can show that the units are right.

    What to do
    Give the minutes of each timed service with the claim, or check the units against the record.

    Source
    CMS, Medicare Benefit Policy Manual (Pub. 100-02), chapter 15, section 220.3: timed-code minutes are
    part of the treatment note.
    """
    for line in case.lines:
        if line.minutes is not None or not is_timed(case, line):
            continue
        yield Found(
            line.element,
            f"{named(case.facts, line.code, line.day)}: no minutes are given, so its units cannot be checked.",
            citations=cite(case.facts, *case.facts.rule_sources.all("minutes-missing", line.day or case.today)),
        )


@claim_rule(
    "units-not-whole",
    family="units",
    severity="error",
    title="Units are not a whole number above nought",
    denial=Denial("CO", "16"),
)
def units_not_whole(case: ClaimCase) -> Iterator[Found]:
    """Ask for units as a whole number.

    What it checks
    A line whose quantity is absent, nought, negative, a fraction, or given in minutes.

    Why it is denied
    Units are a required whole number on a professional claim. A line without is sent back as incomplete
    (CO-16).

    What to do
    Give whole units. A quantity in minutes is turned into the units that the minutes make; where they make
    none, the line comes off the claim.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 26, section 10.4, item 24G: days or units.
    """
    for line in case.lines:
        if line.code is None or (line.units is not None and line.units >= 1 and line.units == int(line.units)):
            continue
        yield Found(
            f"{line.element}.quantity",
            f"{named(case.facts, line.code, line.day or case.today)}: {_units_in_words(line)}; units must be a whole number above nought.",
            tuple(_whole_units(case, line)),
            cite(case.facts, *case.facts.rule_sources.all("units-not-whole", line.day or case.today)),
        )


@claim_rule(
    "units-exceed-mue",
    family="units",
    within="encounter",
    severity="error",
    title="More units than are medically likely",
    topic="limits",
    denial=Denial("CO", "151", ("N362",)),
)
def units_exceed_mue(case: ClaimCase) -> Iterator[Found]:
    """Hold the units of a code against its medically unlikely edit.

    What it checks
    The units of one code in one encounter, all its lines together, against NCCI's medically unlikely
    edit for that code, for payers that follow NCCI.

    Why it is denied
    Units above the edit are denied (CO-151 with N362) by the claim system, before anybody reads a record.

    What to do
    If the units are a slip, bill what was given. If so many were given and needed, keep the record ready:
    edits by date of service of the clinical kind may be overturned on appeal.

    Source
    CMS, National Correct Coding Initiative, medically unlikely edits for practitioner services.
    """
    for encounter in case.encounters:
        if not follows_ncci(encounter.policy):
            continue
        for code, lines in _by_code(encounter).items():
            edit = case.facts.mue.find(code, encounter.day)
            total = sum(line.units for line in lines if line.units is not None and line.units > 0)
            # An edit of nought is for codes that are never paid by themselves: other rules say what to do.
            if edit is None or edit.units == 0 or total <= edit.units:
                continue
            last = lines[-1]
            yield Found(
                f"{last.element}.quantity",
                f"{named(case.facts, code, encounter.day)}: {counted(total, 'unit')} on one day; "
                f"more than {edit.units} are denied as medically unlikely.",
                tuple(_at_most(case, lines, edit.units, "that no more than this was given")),
                cite(case.facts, edit),
                at_risk=part_of_charge(last, min(total - edit.units, last.units or 0)),
            )


@claim_rule(
    "units-exceed-policy",
    family="units",
    within="encounter",
    severity="error",
    title="More units than the payer allows a day",
    topic="limits",
    denial=Denial("CO", "119"),
)
def units_exceed_policy(case: ClaimCase) -> Iterator[Found]:
    """Hold a day's units against the payer's own limit.

    What it checks
    The units of manual therapy and massage together, or of all timed codes, on one day, against the limit
    in the payer's policy, where the payer publishes one.

    Why it is denied
    Units above the plan's daily limit exceed the benefit (CO-119).

    What to do
    If the units are a slip, bill what was given. Otherwise the units above the limit will not be paid.

    Source
    The payer's own policy, named in the finding.
    """
    for encounter in case.encounters:
        for limit in encounter.policy.daily_units if encounter.policy else ():
            lines = [
                line
                for line in encounter.lines
                if line.units is not None
                and line.units > 0
                and line.code is not None
                and (limit.covers_code(line.code) or ("timed" in limit.codes and is_timed(case, line)))
            ]
            total = sum(line.units for line in lines if line.units is not None)
            if total <= limit.units:
                continue
            last = lines[-1]
            yield Found(
                f"{last.element}.quantity",
                f"{counted(total, 'unit')} of {listed(sorted({str(line.code) for line in lines}))} on one day; "
                f"{case.payer_title} pays at most {limit.units}.",
                tuple(_at_most(case, lines, limit.units, "that no more than this was given")),
                cite(case.facts, limit),
                at_risk=part_of_charge(last, min(total - limit.units, last.units or 0)),
            )


# --- minutes and what they allot ---------------------------------------------------------------------


def _allotments(case: ClaimCase) -> list[tuple[Line, int]]:
    """Each timed line with the units that its payer's way of counting allots, where that is known."""
    if "allotments" not in case.memo:
        case.memo["allotments"] = list(_allot_each(case))
    found: list[tuple[Line, int]] = case.memo["allotments"]
    return found


def _allot_each(case: ClaimCase) -> Iterator[tuple[Line, int]]:
    for encounter in case.encounters:
        if encounter.policy is None or encounter.policy.counting is None:
            continue
        timed = [line for line in encounter.lines if is_timed(case, line)]
        if encounter.policy.counting.value == "midpoint":
            timed = [line for line in timed if line.minutes is not None]
        elif any(line.minutes is None for line in timed):
            continue
        yield from zip(timed, _allotted(encounter, timed), strict=True)


def _allotted(encounter: Encounter, timed: list[Line], minutes: dict[int, Number] | None = None) -> list[int]:
    """The units of each timed line; ``minutes`` by line position replace those of the claim."""
    assert encounter.policy is not None and encounter.policy.counting is not None
    of_claim = [line.minutes or 0 for line in timed]
    return allot(
        encounter.policy.counting.value,
        [minutes.get(line.index, own) for line, own in zip(timed, of_claim, strict=True)] if minutes else of_claim,
        [int(line.units or 0) for line in timed],
    )


def _to_allotted(case: ClaimCase, line: Line, allotted: int) -> Correction:
    if allotted == 0:
        return certain(f"Remove line {line.index + 1}", change(case).remove(line.index))
    return certain(f"Bill {counted(allotted, 'unit')}", change(case).units(line.index, allotted))


def _together(case: ClaimCase, line: Line) -> str:
    """A few words where other lines' minutes count too."""
    if line.policy is None or line.policy.counting is None or line.policy.counting.value != "cms":
        return ""
    others = [
        other for encounter in case.encounters if line in encounter.lines
        for other in encounter.lines if is_timed(case, other)
    ]  # fmt: skip
    if len(others) < 2:
        return ""
    return f" (the encounter has {number(sum(other.minutes or 0 for other in others))} timed minutes in all)"


def _units_in_words(line: Line) -> str:
    if line.units_given_in_minutes:
        return "the quantity is given as time"
    return "no units are given" if line.units is None else f"{number(line.units)} units are given"


def _whole_units(case: ClaimCase, line: Line) -> Iterator[Correction]:
    for counted_line, allotted in _allotments(case):
        if counted_line is not line:
            continue
        if allotted < 1:
            if line.units_given_in_minutes:
                yield certain(
                    f"Remove line {line.index + 1}: its minutes make no unit", change(case).remove(line.index)
                )
            continue
        label = f"Bill {counted(allotted, 'unit')}"
        if line.units_given_in_minutes:
            yield certain(label, change(case).units(line.index, allotted))
        else:
            yield confirmed(label, change(case).units(line.index, allotted), RECORD)


# --- overlaps -----------------------------------------------------------------------------------------


def _one_on_one(case: ClaimCase, line: Line) -> bool:
    timed = case.facts.timed_codes.find(line.code, line.day) if line.code and line.day else None
    return timed is not None and timed.one_on_one


def _sortable(moment: datetime | None) -> str:
    """Moments with and without zone cannot be compared; those of one kind sort among themselves."""
    assert moment is not None
    if moment.tzinfo is None:
        return f"0{moment.isoformat()}"
    return f"1{moment.timestamp():020.3f}"


def _neighbours(placed: list[Line]) -> Iterator[tuple[Line, Line]]:
    """Each line but the first, after the one before it that ends last: a long one may reach over several."""
    last: Line | None = None
    for line in placed:
        if last is not None:
            yield last, line
        if last is None or _sortable(line.end) > _sortable(last.end):
            last = line


def _overlap(earlier: Line, later: Line) -> Number | None:
    """The minutes that two lines share; ``None`` where they share none, or that cannot be told."""
    if earlier.start is None or earlier.end is None or later.start is None or later.end is None:
        return None
    if (earlier.start.tzinfo is None) != (later.start.tzinfo is None):
        return None
    seconds = (min(earlier.end, later.end) - max(earlier.start, later.start)).total_seconds()
    if seconds <= 0:
        return None
    return int(seconds // 60) if seconds % 60 == 0 else seconds / 60


def _apart_in_time(case: ClaimCase, encounter: Encounter, earlier: Line, later: Line) -> Iterator[Correction]:
    assert earlier.start and earlier.end and later.start and later.end
    periods = {line.index: case.read_json()["item"][line.index]["servicedPeriod"] for line in (earlier, later)}
    if later.end > earlier.end:
        shortened = (later.end - earlier.end).total_seconds() / 60
        yield _moved(case, encounter, later, "start", periods[earlier.index]["end"], shortened)
    else:
        yield confirmed(
            f"Remove line {later.index + 1}: its minutes lie within line {earlier.index + 1}",
            change(case).remove(later.index),
            f"that the record shows only {earlier.code} in these minutes",
        )
    if later.start > earlier.start:
        shortened = (later.start - earlier.start).total_seconds() / 60
        if later.end >= earlier.end:
            yield _moved(case, encounter, earlier, "end", periods[later.index]["start"], shortened)
    elif later.end < earlier.end:
        shortened = (earlier.end - later.end).total_seconds() / 60
        yield _moved(case, encounter, earlier, "start", periods[later.index]["end"], shortened)
    else:
        yield confirmed(
            f"Remove line {earlier.index + 1}: line {later.index + 1} has the same minutes",
            change(case).remove(earlier.index),
            f"that the record shows only {later.code} in these minutes",
        )


def _moved(case: ClaimCase, encounter: Encounter, line: Line, side: str, moment: str, minutes: Number) -> Correction:
    """One side of a line's period moved, and units following where they would be too many."""
    moved = change(case).put(line.index, f"/servicedPeriod/{side}", moment)
    if line.minutes_from == "servicedPeriod" and encounter.policy and encounter.policy.counting:
        _follow(case, encounter, moved, {line.index: minutes})
    return confirmed(
        f"Line {line.index + 1} {'starts' if side == 'start' else 'ends'} at {moment}",
        moved,
        f"that the record of the visit has {line.code} {'start' if side == 'start' else 'end'} then",
    )


def _follow(case: ClaimCase, encounter: Encounter, moved: ClaimChange, minutes: dict[int, Number]) -> None:
    timed = [line for line in encounter.lines if is_timed(case, line)]
    assert encounter.policy is not None and encounter.policy.counting is not None
    if encounter.policy.counting.value == "cms" and any(line.minutes is None for line in timed):
        return
    for line, allotted in zip(timed, _allotted(encounter, timed, minutes), strict=True):
        if line.minutes is None or line.units is None or line.units <= allotted:
            continue
        if allotted:
            moved.units(line.index, allotted)
        else:
            moved.remove(line.index)


# --- limits -------------------------------------------------------------------------------------------


def _by_code(encounter: Encounter) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    for line in encounter.lines:
        if line.code is not None:
            found.setdefault(line.code, []).append(line)
    return found


def _at_most(case: ClaimCase, lines: list[Line], limit: int, needs: str) -> Iterator[Correction]:
    """The last lines cut back until the limit is kept."""
    cut = change(case)
    left = limit
    for line in lines:
        if line.units is None or line.units <= 0:
            continue
        if left <= 0:
            cut.remove(line.index)
        elif line.units > left:
            cut.units(line.index, left)
        left -= int(line.units)
    yield confirmed(f"Bill {counted(limit, 'unit')} in all", cut, needs)
