"""The same service on two lines."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import ClaimCase, Encounter, Line, Number
from fhir_massage.edit.changes import ClaimChange
from fhir_massage.edit.finding import Correction, Denial, Edit, Found
from fhir_massage.rules.claim.shared import REPEATED
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import change, cite, confirmed, counted, named

UCUM = "http://unitsofmeasure.org"
INFORMATION = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/claiminformationcategory", "code": "info"}]}


@claim_rule(
    "duplicate-line",
    family="claim",
    within="encounter",
    severity="error",
    title="The same service on two lines",
    topic="duplicate-therapy",
    denial=Denial("CO", "18"),
)
def duplicate_line(case: ClaimCase) -> Iterator[Found]:
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
    for encounter in case.encounters:
        if len({line.code for line in encounter.lines}) < len(encounter.lines):
            for first, second in _alike(encounter):
                yield Found(
                    second.element,
                    f"{_with_modifiers(case, second)} on {encounter.day} stands on line {first.index + 1} already.",
                    tuple(_one_of(case, first, second)),
                    cite(
                        case.facts,
                        *case.facts.rule_sources.all("duplicate-line", encounter.day),
                        case.facts.denials.find(("carc", "18"), encounter.day),
                    ),
                )


def _alike(encounter: Encounter) -> Iterator[tuple[Line, Line]]:
    """Each line that repeats an earlier one of the encounter, with that one."""
    seen: dict[tuple[str, frozenset[str]], Line] = {}
    for line in encounter.lines:
        modifiers = frozenset(line.modifiers)
        if line.code is None or modifiers & REPEATED:
            continue
        first = seen.setdefault((line.code, modifiers), line)
        if first is not line:
            yield first, line


def _with_modifiers(case: ClaimCase, line: Line) -> str:
    modifiers = f" with {' '.join(line.modifiers)}" if line.modifiers else ""
    return f"{named(case.facts, line.code, line.day)}{modifiers}"


def _one_of(case: ClaimCase, first: Line, second: Line) -> Iterator[Correction]:
    if _is_whole(first.units) and _is_whole(second.units):
        units = int(first.units or 0) + int(second.units or 0)
        merged = change(case).units(first.index, units)
        if first.unit_price is None and first.net is not None and second.net is not None:
            merged.net(first.index, first.net + second.net)
        added = _add_minutes(case, merged, first, second)
        merged.remove(second.index)
        yield Correction(
            f"Bill line {first.index + 1} with {counted(units, 'unit')}, and remove line {second.index + 1}",
            (*added, *merged.edits()),
            "that both were given, and are the same service",
        )
    yield confirmed(
        f"Remove line {second.index + 1}",
        change(case).remove(second.index),
        f"that {second.code} was given once",
    )


def _is_whole(units: Number | None) -> bool:
    return units is not None and units > 0 and units == int(units)


def _add_minutes(case: ClaimCase, merged: ClaimChange, first: Line, second: Line) -> list[Edit]:
    """The minutes of both lines given to the first, where both are known and not the same ones.

    A line's minutes are the first that its information names, so their sum goes ahead of what it names.
    """
    if first.minutes is None or second.minutes is None:
        return []
    claim = case.read_json()
    one, other = (claim["item"][line.index] for line in (first, second))
    if first.minutes_from == second.minutes_from == "supportingInfo" and (
        one.get("informationSequence") == other.get("informationSequence")
    ):
        return []
    infos = claim.get("supportingInfo", [])
    sequence = max((info.get("sequence", 0) for info in infos), default=0) + 1
    info = {
        "sequence": sequence,
        "category": infos[0]["category"] if infos and "category" in infos[0] else INFORMATION,
        "valueQuantity": {"value": first.minutes + second.minutes, "unit": "min", "system": UCUM, "code": "min"},
    }
    merged.put(first.index, "/informationSequence", [sequence, *one.get("informationSequence", [])])
    return [Edit("add", "/supportingInfo/-", info) if infos else Edit("add", "/supportingInfo", [info])]
