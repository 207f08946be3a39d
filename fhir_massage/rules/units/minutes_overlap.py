"""Two one-on-one services at the same minutes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from fhir_massage.case.seen import ClaimCase, Encounter, Line, Number
from fhir_massage.edit.changes import ClaimChange
from fhir_massage.edit.finding import Correction, Denial, Found
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import change, cite, confirmed, is_timed, named, number
from fhir_massage.rules.units.allotments import allotted_units


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
    for line, allotted in zip(timed, allotted_units(encounter, timed, minutes), strict=True):
        if line.minutes is None or line.units is None or line.units <= allotted:
            continue
        if allotted:
            moved.units(line.index, allotted)
        else:
            moved.remove(line.index)
