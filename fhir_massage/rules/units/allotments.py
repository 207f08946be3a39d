"""The units that the minutes of a session make, service by service, by each way of counting."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fhir_massage.case.seen import Number
from fhir_massage.facts.policy import Policy
from fhir_massage.rules.scopes import Session, Visit, VisitLine
from fhir_massage.rules.tools import number
from fhir_massage.rules.units.counting import Way, allot, may_have_had_more, shared, units_of

RECORD = "that the record of the visit documents these minutes"


class Allotment(msgspec.Struct, frozen=True):
    """A timed service of a session with the units that its minutes make.

    By the day's total (``cms``) it is all the lines of a code, by the midpoint one line. ``billed`` are its units;
    ``may_be_right`` says that minutes of services which got no unit could explain one unit too many.
    """

    lines: tuple[VisitLine, ...]
    minutes: Number
    billed: int
    units: int
    may_be_right: bool = False

    @property
    def excess(self) -> int:
        """The units that are billed beyond what the minutes make."""
        return max(self.billed - self.units, 0)

    @property
    def line(self) -> VisitLine:
        """The line with most units for its minutes, of which one too many is taken first."""
        return max(self.lines, key=lambda line: (int(line.units or 0) * 15 - (line.minutes or 0), line.index))


def way_of(policy: Policy | None) -> Way | None:
    """How a payer counts by its own text; ``None`` where that is not known."""
    counting = None if policy is None else policy.counting
    return None if counting is None or counting.by_custom else counting.value


def by_total(session: Session) -> list[Allotment]:
    """The allotments by the day's total; none where the minutes of a timed line are not known."""
    timed = timed_lines(session)
    if any(line.minutes is None for line in timed):
        return []
    services = list(_by_code(timed).values())
    minutes = [sum(line.minutes or 0 for line in lines) for lines in services]
    billed = [sum(int(line.units or 0) for line in lines) for lines in services]
    unbilled = max((session.said_minutes or 0) - sum(minutes), 0)
    units = shared(minutes, billed, unbilled)
    excess = sum(max(had - made, 0) for had, made in zip(billed, units, strict=True))
    asks = excess == 1 and session.said_minutes is None
    return [
        Allotment(
            tuple(lines),
            minutes[place],
            billed[place],
            units[place],
            asks and billed[place] > units[place] and may_have_had_more(place, minutes, billed),
        )
        for place, lines in enumerate(services)
    ]


def by_line(session: Session) -> list[Allotment]:
    """The allotments of each line for itself, by the midpoint, as far as its minutes are known."""
    return [
        Allotment((line,), line.minutes, int(line.units or 0), units_of(line.minutes))
        for line in timed_lines(session)
        if line.minutes is not None
    ]


def units_by_line(visit: Visit, minutes: dict[int, Number] | None = None) -> dict[int, int]:
    """The units of each timed line by its place on the claim, for corrections; none where that is not known.

    ``minutes`` by place replace those of the claim.
    """
    if visit.policy is None:
        return {}
    timed = timed_lines(visit)
    own = {line.index: line.minutes for line in timed} | (minutes or {})
    known = [line for line in timed if own[line.index] is not None]
    way = way_of(visit.policy) or "cms"
    if way == "cms" and len(known) < len(timed):
        return {}
    units = allot(way, [own[line.index] or 0 for line in known], [int(line.units or 0) for line in known])
    return {line.index: made for line, made in zip(known, units, strict=True)}


def timed_lines(visit: Visit) -> list[VisitLine]:
    """The lines whose codes are counted in 15-minute units."""
    return [line for line in visit.lines if visit.is_timed(line)]


def minutes_in_all(session: Session) -> str:
    """A few words where other services' minutes count too."""
    timed = timed_lines(session)
    total = max(sum(line.minutes or 0 for line in timed), session.said_minutes or 0)
    if len(timed) < 2 and not session.said_minutes:
        return ""
    return f" (the session has {number(total)} timed minutes in all)"


def _by_code(timed: Sequence[VisitLine]) -> dict[str, list[VisitLine]]:
    found: dict[str, list[VisitLine]] = {}
    for line in timed:
        found.setdefault(str(line.code), []).append(line)
    return found
