"""More units than are medically likely."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import ClaimCase, Encounter, Line
from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import cite, counted, follows_ncci, named, part_of_charge
from fhir_massage.rules.units.limits import at_most


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
                tuple(at_most(case, lines, edit.units, "that no more than this was given")),
                cite(case.facts, edit),
                at_risk=part_of_charge(last, min(total - edit.units, last.units or 0)),
            )


def _by_code(encounter: Encounter) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    for line in encounter.lines:
        if line.code is not None:
            found.setdefault(line.code, []).append(line)
    return found
