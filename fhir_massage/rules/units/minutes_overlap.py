"""Two one-on-one services at the same minutes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from fhir_massage.case.seen import Number
from fhir_massage.edit.changes import ClaimChange
from fhir_massage.edit.finding import Correction, Denial, Found
from fhir_massage.rules.registry import visit_rule
from fhir_massage.rules.scopes import Visit, VisitLine
from fhir_massage.rules.tools import confirmed, number
from fhir_massage.rules.units.allotments import units_by_line


@visit_rule(
    "minutes-overlap",
    family="units",
    severity="error",
    title="Two one-on-one services at the same minutes",
    topic="limits",
    denial=Denial("CO", "151"),
)
def minutes_overlap(visit: Visit) -> Iterator[Found]:
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
    placed = [line for line in visit.lines if line.start and line.end and _one_on_one(visit, line)]
    if len(placed) < 2:
        return
    placed.sort(key=lambda line: (_sortable(line.start), line.index))
    for earlier, later in _neighbours(placed):
        minutes = _overlap(earlier, later)
        if minutes is not None:
            yield visit.find(
                later,
                "servicedPeriod",
                f"{visit.named(later.code)} and {visit.named(earlier.code)} (line {earlier.number}) "
                f"overlap by {number(minutes)} minutes; a minute is billed once.",
                *_apart_in_time(visit, earlier, later),
            )


def _one_on_one(visit: Visit, line: VisitLine) -> bool:
    timed = visit.facts.timed_codes.find(line.code, visit.day) if line.code else None
    return timed is not None and timed.one_on_one


def _sortable(moment: datetime | None) -> str:
    """Moments with and without zone cannot be compared; those of one kind sort among themselves."""
    assert moment is not None
    if moment.tzinfo is None:
        return f"0{moment.isoformat()}"
    return f"1{moment.timestamp():020.3f}"


def _neighbours(placed: list[VisitLine]) -> Iterator[tuple[VisitLine, VisitLine]]:
    """Each line but the first, after the one before it that ends last: a long one may reach over several."""
    last: VisitLine | None = None
    for line in placed:
        if last is not None:
            yield last, line
        if last is None or _sortable(line.end) > _sortable(last.end):
            last = line


def _overlap(earlier: VisitLine, later: VisitLine) -> Number | None:
    """The minutes that two lines share; ``None`` where they share none, or that cannot be told."""
    if earlier.start is None or earlier.end is None or later.start is None or later.end is None:
        return None
    if (earlier.start.tzinfo is None) != (later.start.tzinfo is None):
        return None
    seconds = (min(earlier.end, later.end) - max(earlier.start, later.start)).total_seconds()
    if seconds <= 0:
        return None
    return int(seconds // 60) if seconds % 60 == 0 else seconds / 60


def _apart_in_time(visit: Visit, earlier: VisitLine, later: VisitLine) -> Iterator[Correction]:
    assert earlier.start and earlier.end and later.start and later.end
    periods = {line.index: visit.item(line)["servicedPeriod"] for line in (earlier, later)}
    if later.end > earlier.end:
        shortened = (later.end - earlier.end).total_seconds() / 60
        yield _moved(visit, later, "start", periods[earlier.index]["end"], shortened)
    else:
        yield confirmed(
            f"Remove line {later.number}: its minutes lie within line {earlier.number}",
            visit.change().remove(later.index),
            f"that the record shows only {earlier.code} in these minutes",
        )
    if later.start > earlier.start:
        shortened = (later.start - earlier.start).total_seconds() / 60
        if later.end >= earlier.end:
            yield _moved(visit, earlier, "end", periods[later.index]["start"], shortened)
    elif later.end < earlier.end:
        shortened = (earlier.end - later.end).total_seconds() / 60
        yield _moved(visit, earlier, "start", periods[later.index]["end"], shortened)
    else:
        yield confirmed(
            f"Remove line {earlier.number}: line {later.number} has the same minutes",
            visit.change().remove(earlier.index),
            f"that the record shows only {later.code} in these minutes",
        )


def _moved(visit: Visit, line: VisitLine, side: str, moment: str, minutes: Number) -> Correction:
    """One side of a line's period moved, and units following where they would be too many."""
    moved = visit.change().put(line.index, f"/servicedPeriod/{side}", moment)
    if line.minutes_from == "servicedPeriod" and visit.policy and visit.policy.counting:
        _follow(visit, moved, {line.index: minutes})
    return confirmed(
        f"Line {line.number} {'starts' if side == 'start' else 'ends'} at {moment}",
        moved,
        f"that the record of the visit has {line.code} {'start' if side == 'start' else 'end'} then",
    )


def _follow(visit: Visit, moved: ClaimChange, minutes: dict[int, Number]) -> None:
    allotted = units_by_line(visit, minutes)
    for line in visit.lines:
        if line.index not in allotted or line.minutes is None or line.units is None:
            continue
        if line.units <= allotted[line.index]:
            continue
        if allotted[line.index]:
            moved.units(line.index, allotted[line.index])
        else:
            moved.remove(line.index)
