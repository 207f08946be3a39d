"""More units than the payer allows a day."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.facts.policy import DailyUnits
from fhir_massage.rules.registry import visit_rule
from fhir_massage.rules.scopes import Visit, VisitLine
from fhir_massage.rules.tools import counted, listed
from fhir_massage.rules.units.limits import at_most


@visit_rule(
    "units-exceed-policy",
    family="units",
    severity="error",
    title="More units than the payer allows a day",
    topic="limits",
    denial=Denial("CO", "119"),
)
def units_exceed_policy(visit: Visit) -> Iterator[Found]:
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
    for limit in visit.policy.daily_units if visit.policy else ():
        lines = [line for line in visit.lines if _counts(visit, line, limit)]
        total = sum(line.units for line in lines if line.units is not None)
        if total <= limit.units:
            continue
        last = lines[-1]
        yield visit.find(
            last,
            "quantity",
            f"{counted(total, 'unit')} of {listed(sorted({str(line.code) for line in lines}))} on one day; "
            f"{visit.payer} pays at most {limit.units}.",
            *at_most(visit, lines, limit.units, "that no more than this was given"),
            because=(limit,),
            excess=min(total - limit.units, last.units or 0),
        )


def _counts(visit: Visit, line: VisitLine, limit: DailyUnits) -> bool:
    """Whether the line's units count towards the limit."""
    if line.units is None or line.units <= 0 or line.code is None:
        return False
    return limit.covers_code(line.code) or ("timed" in limit.codes and visit.is_timed(line))
