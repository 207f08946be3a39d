"""Two lines of a visit made into one."""

from __future__ import annotations

from fhir_massage.edit.changes import ClaimChange
from fhir_massage.edit.finding import Edit
from fhir_massage.rules.scopes import Visit, VisitLine

UCUM = "http://unitsofmeasure.org"
INFORMATION = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/claiminformationcategory", "code": "info"}]}


def on_one_line(visit: Visit, kept: VisitLine, gone: VisitLine, units: int) -> tuple[Edit, ...]:
    """The edits that bill so many units on one line, with the minutes and charges of both, and remove the other."""
    merged = visit.change().units(kept.index, units)
    one, other = visit.whole(kept), visit.whole(gone)
    if one.unit_price is None and one.net is not None and other.net is not None:
        merged.net(kept.index, one.net + other.net)
    added = _add_minutes(visit, merged, kept, gone)
    merged.remove(gone.index)
    return (*added, *merged.edits())


def _add_minutes(visit: Visit, merged: ClaimChange, first: VisitLine, second: VisitLine) -> list[Edit]:
    """The minutes of both lines given to the first, where both are known and not the same ones.

    A line's minutes are the first that its information names, so their sum goes ahead of what it names.
    """
    if first.minutes is None or second.minutes is None:
        return []
    one, other = visit.item(first), visit.item(second)
    if first.minutes_from == second.minutes_from == "supportingInfo" and (
        one.get("informationSequence") == other.get("informationSequence")
    ):
        return []
    infos = visit.information()
    sequence = max((info.get("sequence", 0) for info in infos), default=0) + 1
    info = {
        "sequence": sequence,
        "category": infos[0]["category"] if infos and "category" in infos[0] else INFORMATION,
        "valueQuantity": {"value": first.minutes + second.minutes, "unit": "min", "system": UCUM, "code": "min"},
    }
    merged.put(first.index, "/informationSequence", [sequence, *one.get("informationSequence", [])])
    return [Edit("add", "/supportingInfo/-", info) if infos else Edit("add", "/supportingInfo", [info])]
