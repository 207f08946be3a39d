"""Sent later than the payer allows."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import MAXYEAR, date
from decimal import Decimal
from functools import lru_cache

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.facts.policy import FilingLimit
from fhir_massage.rules.parts import Service, Services
from fhir_massage.rules.registry import services_rule
from fhir_massage.rules.tools import cite, counted, days_after


@services_rule(
    "timely-filing-exceeded",
    family="claim",
    severity="error",
    title="Sent later than the payer allows",
    topic="limits",
    denial=Denial("CO", "29"),
)
def timely_filing_exceeded(case: Services) -> Iterator[Found]:
    """Hold the day of the claim against the payer's time limit.

    What it checks
    A claim created later after the date of service than the payer's policy allows. Medicare allows one
    calendar year: a service of 29 February is to be billed by 28 February of the next year.

    Why it is denied
    The payer denies what comes too late (CO-29), and the patient may not be billed for it.

    What to do
    Nothing on the claim will mend it. Where the delay was the payer's, or the patient was covered only
    afterwards, ask the payer for an exception.

    Source
    The payer's own policy, named in the finding.
    """
    if case.created is None:
        return
    late = [(line, last) for line in case.lines if (last := _last_day(line)) is not None and last < case.created]
    if not late:
        return
    line, last = min(late, key=lambda found: found[1])
    limit = _limit(line)
    assert line.day is not None
    assert limit is not None
    lines = "" if len(late) == 1 else f" ({counted(len(late), 'line')} are late)"
    charges = [each.charge for each, _ in late]
    yield Found(
        "Claim.created",
        f"Created on {case.created}, but {case.payer_title} takes a claim for a service of {line.day} "
        f"only until {last}{lines}.",
        citations=cite(case.facts, limit),
        at_risk=None if None in charges else sum((charge for charge in charges if charge is not None), Decimal(0)),
    )


def _limit(line: Service) -> FilingLimit | None:
    return None if line.policy is None else line.policy.filing_limit


def _last_day(line: Service) -> date | None:
    """The last day on which the line may be sent; ``None`` where no limit is known."""
    limit = _limit(line)
    if limit is None or line.day is None:
        return None
    if limit.days is not None:
        return days_after(line.day, limit.days)
    return None if limit.months is None else _months_after(line.day, limit.months)


@lru_cache(maxsize=4096)
def _months_after(day: date, months: int) -> date:
    """The same day so many months later, or the month's last where it has no such day; the last day of all at most."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    if year > MAXYEAR:
        return date.max
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
