"""More visits than the plan pays in a year."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

import msgspec

from fhir_massage.case.seen import Benefit
from fhir_massage.edit.finding import Denial, Found
from fhir_massage.facts.policy import YearlyVisits
from fhir_massage.rules.coverage.shared import benefits_of
from fhir_massage.rules.parts import Service, Services
from fhir_massage.rules.registry import services_rule
from fhir_massage.rules.tools import charges, cite, counted


@services_rule(
    "visit-limit-exceeded",
    family="coverage",
    severity="error",
    title="More visits than the plan pays in a year",
    topic="limits",
    denial=Denial("PR", "119"),
)
def visit_limit_exceeded(case: Services) -> Iterator[Found]:
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
    over: dict[date, tuple[list[Service], _Limit]] = {}
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


class _Limit(msgspec.Struct, frozen=True):
    """The visits allowed, the words for what they are of, and the claim's dates beyond them."""

    visits: int
    of: str
    beyond: frozenset[date]
    entry: YearlyVisits | None = None


def _limit(case: Services, line: Service) -> _Limit | None:
    """The limit that holds for the line: by the payer's answer on the benefits, else by its policy."""
    if line.day is None or line.code is None:
        return None
    for benefit in benefits_of(case, line) if case.benefits else ():
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


def _by_answer(case: Services, day: date, benefit: Benefit, allowed: int) -> _Limit:
    # Of a benefit without code, only visits with codes of this claim are counted: never too many.
    codes = frozenset(benefit.codes or (line.code for line in case.lines if line.code is not None))
    mine, earlier = _visits(case, codes.__contains__)
    if benefit.visits_used is not None:  # the payer knows of no visit after its answer
        earlier = {other for other in earlier if benefit.told is not None and other > benefit.told}
    days = sorted(other for other in mine | earlier if _in_one_span(benefit, day, other))
    used = "" if benefit.visits_used is None else f" ({benefit.visits_used} used)"
    beyond = frozenset(days[max(allowed - (benefit.visits_used or 0), 0) :])
    return _Limit(allowed, f" by its answer on the benefits{used}", beyond)


def _by_policy(case: Services, day: date, entry: YearlyVisits) -> _Limit:
    mine, earlier = _visits(case, entry.covers_code)
    days = sorted(other for other in mine | earlier if other.year == day.year)
    return _Limit(entry.visits, f" in {day.year}", frozenset(days[entry.visits :]), entry)


def _visits(case: Services, counts: Callable[[str], bool]) -> tuple[set[date], set[date]]:
    """The dates of service on this claim, and on others, with codes that count."""
    mine = {line.day for line in case.lines if line.day is not None and line.code is not None and counts(line.code)}
    return mine, case.read_visits().of_codes(counts)
