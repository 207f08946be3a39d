"""A resource's JSON, written line by line, with the lines that each finding is about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from fhir_massage.edit.finding import Correction
from fhir_massage.present.claim import Marked
from fhir_massage.read.read import encode

#: A longer resource is shown around its marks only: a page that holds it twice would be slow to use.
LONGEST = 1_500
AROUND = 6

Path = tuple[str | int, ...]


class JsonLine(msgspec.Struct, frozen=True):
    """A line of JSON with its number from one. ``marks`` begin here; ``severity`` is the gravest that reaches here."""

    number: int
    text: str
    marks: tuple[Marked, ...] = ()
    severity: str | None = None
    left_out: int = 0


class Difference(msgspec.Struct, frozen=True):
    """What one edit changes, in words: the element, and what stands there before and after (empty for nothing)."""

    element: str
    before: str
    after: str


def marked_json(resource: Any, marks: Sequence[Marked]) -> list[JsonLine]:
    """The resource's JSON with marks. Of a long one only what is about the marks; ``left_out`` counts the rest."""
    written = list(_written(resource, (), 0, ""))
    spans = _spans(written)
    begins: dict[int, list[Marked]] = {}
    reaches: dict[int, str] = {}
    for mark in marks:
        first, last = _span(spans, _steps(mark.finding.expression[0]))
        begins.setdefault(first, []).append(mark)
        for place in range(first, min(last, first + LONGEST) + 1):
            reaches.setdefault(place, mark.finding.severity)
    lines = [
        JsonLine(place + 1, text, tuple(begins.get(place, ())), reaches.get(place))
        for place, (_, text) in enumerate(written)
    ]
    return lines if len(lines) <= LONGEST else _around(lines, sorted(begins))


def differences(resource: Any, correction: Correction) -> list[Difference]:
    """What a correction changes, edit by edit."""
    found = []
    for edit in correction.edits:
        steps = [step.replace("~1", "/").replace("~0", "~") for step in edit.path[1:].split("/")]
        adds_to_array = edit.op == "add" and isinstance(_at(resource, steps[:-1]), list)
        before = None if adds_to_array else _at(resource, steps)
        after = None if edit.op == "remove" else edit.value
        found.append(Difference(_named(steps), _said(before), _said(after)))
    return found


def changed(before: Any, after: Any, edits: Sequence[Any]) -> list[Difference]:
    """What edits made of one resource's JSON into another changed."""
    return differences(before, Correction("", tuple(edits)))


def _written(value: Any, path: Path, depth: int, lead: str) -> Iterator[tuple[Path, str]]:
    """Each line of the JSON with the path of the element that it belongs to."""
    indent = "  " * depth
    if isinstance(value, dict) and value:
        yield path, f"{indent}{lead}{{"
        yield from _members(((key, item, f"{_compact(key)}: ") for key, item in value.items()), len(value), path, depth)
        yield path, f"{indent}}}"
    elif isinstance(value, list) and value:
        yield path, f"{indent}{lead}["
        yield from _members(((place, item, "") for place, item in enumerate(value)), len(value), path, depth)
        yield path, f"{indent}]"
    else:
        yield path, f"{indent}{lead}{encode(value).decode()}"


def _members(
    members: Iterator[tuple[str | int, Any, str]], count: int, path: Path, depth: int
) -> Iterator[tuple[Path, str]]:
    for place, (key, item, lead) in enumerate(members):
        last: tuple[Path, str] | None = None
        for line in _written(item, (*path, key), depth + 1, lead):
            if last is not None:
                yield last
            last = line
        assert last is not None
        yield (last[0], last[1] + ",") if place < count - 1 else last


def _spans(written: Sequence[tuple[Path, str]]) -> dict[Path, tuple[int, int]]:
    spans: dict[Path, tuple[int, int]] = {}
    for place, (path, _) in enumerate(written):
        spans[path] = (spans[path][0] if path in spans else place, place)
    return spans


def _span(spans: dict[Path, tuple[int, int]], path: Path) -> tuple[int, int]:
    """The lines of the element, or, where it is not there, the first line of what should hold it."""
    if path in spans:
        return spans[path]
    while path and path not in spans:
        path = path[:-1]
    first = spans[path][0]
    return first, first


def _steps(expression: str) -> Path:
    """``Claim.item[0].modifier`` as ``("item", 0, "modifier")``."""
    steps: list[str | int] = []
    for step in expression.split(".")[1:]:
        name, _, positions = step.partition("[")
        steps.append(name)
        steps += [int(position) for position in positions.rstrip("]").split("][") if position.isdigit()]
    return tuple(steps)


def _around(lines: list[JsonLine], wanted: list[int]) -> list[JsonLine]:
    shown = sorted({
        place for mark in wanted for place in range(max(0, mark - AROUND), min(len(lines), mark + AROUND + 1))
    })  # fmt: skip
    excerpt: list[JsonLine] = []
    expected = 0
    for place in shown[:LONGEST]:
        if place > expected:
            excerpt.append(JsonLine(expected + 1, "", left_out=place - expected))
        excerpt.append(lines[place])
        expected = place + 1
    if expected < len(lines):
        excerpt.append(JsonLine(expected + 1, "", left_out=len(lines) - expected))
    return excerpt


def _at(part: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        if isinstance(part, dict) and step in part:
            part = part[step]
        elif isinstance(part, list) and step.isdigit() and int(step) < len(part):
            part = part[int(step)]
        else:
            return None
    return part


#: What people call the elements that corrections change; what is left out says nothing to them.
_CALLED = {
    "net": "net charge", "unitPrice": "price", "quantity": "units", "diagnosisSequence": "pointers",
    "informationSequence": "information", "servicedPeriod": "time", "servicedDate": "date", "bodySite": "region",
    "productOrService": "code", "locationCodeableConcept": "place of service", "supportingInfo": "information",
    "preAuthRef": "authorization", "careTeam": "care team",
}  # fmt: skip
_UNSAID = {"value", "coding", "code", "system", "display", "valueQuantity", "diagnosisCodeableConcept"}


def _named(steps: Sequence[str]) -> str:
    """Where an edit changes something, in words: ``Line 2, modifier 1``."""
    words: list[str] = []
    unsaid = False
    for step in steps:
        if step.isdigit() and not unsaid:
            words[-1] = f"{words[-1]} {int(step) + 1}"
        elif not step.isdigit() and step != "-":
            unsaid = step in _UNSAID
            if not unsaid:
                words.append("line" if step == "item" else _CALLED.get(step, _split(step)))
    said = ", ".join(words)
    return said[:1].upper() + said[1:]


def _split(step: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", step).lower()


def _said(value: Any) -> str:
    """A value as people read it: a concept by its codes, an amount by its number, a line by its code."""
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(_said(each) for each in value)
    if not isinstance(value, dict):
        return str(value) if not isinstance(value, bool) else ("yes" if value else "no")
    if "productOrService" in value:
        return " ".join(filter(None, (_said(value["productOrService"]), _said(value.get("modifier", [])))))
    for key in ("coding", "code", "text", "value", "valueQuantity", "diagnosisCodeableConcept", "reference"):
        if value.get(key):
            return _said(value[key])
    return _compact(value)


def _compact(value: Any) -> str:
    return "" if value is None else encode(value).decode()
