"""More units than are medically likely."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.registry import visit_rule
from fhir_massage.rules.scopes import Visit, VisitLine
from fhir_massage.rules.tools import counted, follows_ncci
from fhir_massage.rules.units.limits import at_most


@visit_rule(
    "units-exceed-mue",
    family="units",
    severity="error",
    title="More units than are medically likely",
    topic="limits",
    denial=Denial("CO", "151", ("N362",)),
)
def units_exceed_mue(visit: Visit) -> Iterator[Found]:
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
    if not follows_ncci(visit.policy):
        return
    for code, lines in _by_code(visit).items():
        edit = visit.facts.mue.find(code, visit.day)
        total = sum(line.units for line in lines if line.units is not None and line.units > 0)
        # An edit of nought is for codes that are never paid by themselves: other rules say what to do.
        if edit is None or edit.units == 0 or not visit.facts.is_code_ours(code) or total <= edit.units:
            continue
        last = lines[-1]
        yield visit.find(
            last,
            "quantity",
            f"{visit.named(code)}: {counted(total, 'unit')} on one day; "
            f"more than {edit.units} are denied as medically unlikely.",
            *at_most(visit, lines, edit.units, "that no more than this was given"),
            because=(edit, visit.policy.follows_ncci if visit.policy else None),
            excess=min(total - edit.units, last.units or 0),
        )


def _by_code(visit: Visit) -> dict[str, list[VisitLine]]:
    found: dict[str, list[VisitLine]] = {}
    for line in visit.lines:
        if line.code is not None:
            found.setdefault(line.code, []).append(line)
    return found
