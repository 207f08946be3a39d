"""More units than the payer allows a day."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import ClaimCase
from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import cite, counted, is_timed, listed, part_of_charge
from fhir_massage.rules.units.limits import at_most


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
                tuple(at_most(case, lines, limit.units, "that no more than this was given")),
                cite(case.facts, limit),
                at_risk=part_of_charge(last, min(total - limit.units, last.units or 0)),
            )
