"""More units than the minutes make."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Correction, Denial, Found
from fhir_massage.rules.registry import session_rule
from fhir_massage.rules.scopes import Session, VisitLine
from fhir_massage.rules.tools import certain, confirmed, counted, number
from fhir_massage.rules.units.allotments import Allotment, by_line, by_total, minutes_in_all, way_of

NO_MORE_MINUTES = "that the session had no further timed minutes"


@session_rule(
    "units-exceed-minutes",
    family="units",
    severity="error",
    title="More units than the minutes make",
    topic="limits",
    denial=Denial("CO", "151"),
)
def units_exceed_minutes(session: Session) -> Iterator[Found]:
    """Compare the units of timed services with the minutes documented.

    What it checks
    A timed code is billed in units of 15 minutes. Medicare, and each payer whose own text says so, adds up all
    timed minutes of the day and discipline, whoever rendered (8 minutes make 1 unit, 23 make 2, 38 make 3, and
    so on), gives each code its whole quarter-hours, and gives the units left over to the codes with the
    largest remainders. Payers that count by the midpoint take each line by itself: whole quarter-hours, and
    one more for a remainder of 8 minutes or more. A payer whose way is not known is held to what both ways agree
    on; where they differ, or minutes of services that got no unit could explain it, there is only a note.
    Minutes of services that got no unit count for Medicare and cannot stand on a claim. So where one unit too
    many could be right by them, a warning asks for the session's total. Minutes in supporting information that
    no line names are taken as that total.

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
    way = way_of(session.policy)
    if way is None:
        yield from _by_both_ways(session)
        return
    for allotment in by_total(session) if way == "cms" else by_line(session):
        if allotment.excess and _is_whole(allotment.line):
            yield _too_many(session, allotment)


def _too_many(session: Session, allotment: Allotment) -> Found:
    counting = session.policy.counting if session.policy else None
    words = _words(session, allotment)
    if not allotment.may_be_right:
        return session.find(
            allotment.line,
            "quantity",
            f"{words}.",
            _to(session, allotment),
            because=(counting,),
            excess=allotment.excess,
        )
    return session.find(
        allotment.line,
        "quantity",
        f"{words}; {allotment.billed} {'is' if allotment.billed == 1 else 'are'} right only if the session had further "
        "timed minutes: confirm its total.",
        _to(session, allotment, NO_MORE_MINUTES),
        because=(counting,),
        excess=allotment.excess,
        severity="warning",
    )


def _by_both_ways(session: Session) -> Iterator[Found]:
    """What is too much by either way of counting is an error, by one of them a note."""
    if session.policy is None:
        return
    total = {line.index: allotment for allotment in by_total(session) for line in allotment.lines}
    for alone in by_line(session):
        line, together = alone.line, total.get(alone.line.index)
        if not _is_whole(line) or together is None or not (alone.excess or together.excess):
            continue
        if alone.excess and together.excess and not together.may_be_right:
            most = Allotment(alone.lines, alone.minutes, alone.billed, max(alone.units, _left(together, line)))
            if most.excess:
                yield session.find(
                    line, "quantity", f"{_words(session, most)}.", _to(session, most), excess=most.excess
                )
                continue
        if alone.excess or line is together.line:
            yield session.find(line, "quantity", _ways(session, alone, together), severity="information")


def _left(together: Allotment, line: VisitLine) -> int:
    """The units that the day's total leaves for a line of a code, where the code's other lines keep theirs."""
    return max(together.units - (together.billed - int(line.units or 0)), 0)


def _ways(session: Session, alone: Allotment, together: Allotment) -> str:
    line = alone.line
    further = " or more, if the session had further timed minutes" if together.may_be_right else ""
    return (
        f"{session.named(line.code)}: {counted(alone.billed, 'unit')} billed for {number(alone.minutes)} minutes. "
        f"Counted by themselves they make {counted(alone.units, 'unit')}; by the day's total, as Medicare counts, "
        f"this code has {counted(together.units, 'unit')}{further}. How this payer counts is not known here."
    )


def _words(session: Session, allotment: Allotment) -> str:
    lines = f" on {len(allotment.lines)} lines" if len(allotment.lines) > 1 else ""
    return (
        f"{session.named(allotment.line.code)}: {counted(allotment.billed, 'unit')} billed{lines}, but its "
        f"{number(allotment.minutes)} minutes make {counted(allotment.units, 'unit')}{minutes_in_all(session)}"
    )


def _is_whole(line: VisitLine) -> bool:
    return line.units is not None and line.units == int(line.units)


def _to(session: Session, allotment: Allotment, needs: str | None = None) -> Correction:
    """The line with as many units less as are too many; certain where it is the code's only one."""
    line = allotment.line
    left = int(line.units or 0) - allotment.excess
    if len(allotment.lines) > 1:
        needs = f"that line {line.number}, and no other of {line.code}, has the units too many"
    if left <= 0:
        return confirmed(
            f"Remove line {line.number}",
            session.change().remove(line.index),
            needs or "that the service is to be left off this claim",
        )
    fewer = session.change().units(line.index, left)
    label = f"Bill {counted(left, 'unit')}"
    return certain(label, fewer) if needs is None else confirmed(label, fewer, needs)
