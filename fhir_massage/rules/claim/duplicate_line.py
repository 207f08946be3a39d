"""The same service on two lines."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import Number
from fhir_massage.edit.finding import Correction, Denial, Found
from fhir_massage.rules.merge import on_one_line
from fhir_massage.rules.registry import visit_rule
from fhir_massage.rules.scopes import Visit, VisitLine
from fhir_massage.rules.tools import confirmed, counted


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
        yield Correction(
            f"Bill line {first.number} with {counted(units, 'unit')}, and remove line {second.number}",
            on_one_line(visit, first, second, units),
            "that both were given, and are the same service",
        )
    yield confirmed(
        f"Remove line {second.number}",
        visit.change().remove(second.index),
        f"that {second.code} was given once",
    )


def _is_whole(units: Number | None) -> bool:
    return units is not None and units > 0 and units == int(units)
