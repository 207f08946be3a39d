"""The same service on two lines."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import Number
from fhir_massage.edit.changes import ClaimChange
from fhir_massage.edit.finding import Correction, Denial, Edit, Found
from fhir_massage.rules.registry import visit_rule
from fhir_massage.rules.scopes import Visit, VisitLine
from fhir_massage.rules.tools import confirmed, counted

UCUM = "http://unitsofmeasure.org"
INFORMATION = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/claiminformationcategory", "code": "info"}]}


@visit_rule(
    "duplicate-line",
    family="claim",
    severity="error",
    title="The same service on two lines",
    topic="duplicate-therapy",
    denial=Denial("CO", "18"),
)
def duplicate_line(visit: Visit) -> Iterator[Found]:
    """Find a service that stands on the claim twice.

    What it checks
    Two lines of one encounter with the same code and the same modifiers, in whatever order. Modifiers 76,
    77 and 91 say that a service was given once more, and break it.

    Why it is denied
    The second line is denied as an exact duplicate (CO-18).

    What to do
    If both were given, bill them on one line with the units added. If the service was given once, remove
    one line.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 1, detection of duplicate claims; X12,
    claim adjustment reason code 18.
    """
    for first, second in _alike(visit):
        yield visit.find(
            second,
            "",
            f"{_with_modifiers(visit, second)} on {visit.day} stands on line {first.number} already.",
            *_one_of(visit, first, second),
            because=(
                *visit.facts.rule_sources.all("duplicate-line", visit.day),
                visit.facts.denials.find(("carc", "18"), visit.day),
            ),
        )


def _alike(visit: Visit) -> Iterator[tuple[VisitLine, VisitLine]]:
    """Each line that repeats an earlier one of the visit, with that one."""
    seen: dict[tuple[str, frozenset[str]], VisitLine] = {}
    repeats = visit.facts.modifiers_of("repeat")
    for line in visit.lines:
        modifiers = frozenset(line.modifiers)
        if line.code is None or modifiers & repeats:
            continue
        first = seen.setdefault((line.code, modifiers), line)
        if first is not line:
            yield first, line


def _with_modifiers(visit: Visit, line: VisitLine) -> str:
    modifiers = f" with {' '.join(line.modifiers)}" if line.modifiers else ""
    return f"{visit.named(line.code)}{modifiers}"


def _one_of(visit: Visit, first: VisitLine, second: VisitLine) -> Iterator[Correction]:
    if _is_whole(first.units) and _is_whole(second.units):
        units = int(first.units or 0) + int(second.units or 0)
        merged = visit.change().units(first.index, units)
        one, other = visit.whole(first), visit.whole(second)
        if one.unit_price is None and one.net is not None and other.net is not None:
            merged.net(first.index, one.net + other.net)
        added = _add_minutes(visit, merged, first, second)
        merged.remove(second.index)
        yield Correction(
            f"Bill line {first.number} with {counted(units, 'unit')}, and remove line {second.number}",
            (*added, *merged.edits()),
            "that both were given, and are the same service",
        )
    yield confirmed(
        f"Remove line {second.number}",
        visit.change().remove(second.index),
        f"that {second.code} was given once",
    )


def _is_whole(units: Number | None) -> bool:
    return units is not None and units > 0 and units == int(units)


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
