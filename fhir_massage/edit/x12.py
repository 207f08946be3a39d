"""The corrected interchange: byte for byte as it came, but for the segments that corrections change."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from fhir_massage.errors import Unprocessable
from fhir_massage.read.x12.places import ClaimPlaces
from fhir_massage.read.x12.split import Segment

Json = dict[str, Any]


def corrected_interchange(content: bytes, claims: Iterable[tuple[ClaimPlaces, Json, Json]]) -> bytes:
    """The content with the elements replaced in which a claim as corrected differs from it as it came.

    ``claims`` are places, original and corrected. Segments are neither added nor taken away, so LX and SE01 stay as
    they are. Raises ``Unprocessable`` for a correction that cannot be written so.
    """
    changes: dict[int, tuple[Segment, dict[int, str]]] = {}
    for places, before, after in claims:
        for segment, number, value in _differences(places, before, after):
            changes.setdefault(segment.start, (segment, {}))[1][number] = value
    written, done = [], 0
    for start in sorted(changes):
        segment, values = changes[start]
        written += [content[done:start], _with(content[start : segment.end], segment, values)]
        done = segment.end
    return b"".join([*written, content[done:]])


def _differences(places: ClaimPlaces, before: Json, after: Json) -> Iterable[tuple[Segment, int, str]]:
    old, new = before.get("item", []), after.get("item", [])
    others = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)} - {"item", "total"}
    if len(old) != len(new) or others:
        raise Unprocessable(
            "a correction changes more than lines' codes, modifiers, units and charges, which is not written into X12",
            place=f"claim {places.number}",
        )
    for index, (was, now) in enumerate(zip(old, new, strict=True)):
        if was != now:
            yield from _of_line(places, f"Claim.item[{index}]", was, now)
    if before.get("total") != after.get("total"):
        yield places.elements["Claim.total"].segment, 2, _money(after["total"])


def _of_line(places: ClaimPlaces, path: str, was: Json, now: Json) -> Iterable[tuple[Segment, int, str]]:
    segment = places.elements[path].segment
    number = _number(places.elements[path].element)
    if _service(was) != _service(now):
        parts = segment.parts(number)
        code, modifiers = _service(now)
        rest = parts[6:]
        mods = [*modifiers, *[""] * (4 - len(modifiers))] if rest else modifiers
        if len(modifiers) > 4:
            raise Unprocessable("a line takes four modifiers at most", place=f"claim {places.number}")
        yield segment, number, segment.separators.component.join([parts[0], code, *mods, *rest])
    if was.get("quantity") != now.get("quantity"):
        yield segment, _number(places.elements[f"{path}.quantity"].element), _plain(now["quantity"]["value"])
    if was.get("net") != now.get("net"):
        yield segment, _number(places.elements[f"{path}.net"].element), _money(now["net"])


def _service(item: Json) -> tuple[str, list[str]]:
    return (
        item["productOrService"].get("coding", [{}])[0].get("code", ""),
        [each["coding"][0]["code"] for each in item.get("modifier", [])],
    )


def _with(raw: bytes, segment: Segment, values: dict[int, str]) -> bytes:
    """The segment's bytes with elements replaced, and all others as they came."""
    separator = segment.separators.element.encode("latin-1")
    parts = raw.split(separator)
    for number, value in values.items():
        parts += [b""] * (number + 1 - len(parts))
        parts[number] = value.encode("utf-8")
    return separator.join(parts)


def _number(element: str) -> int:
    """``SV102`` is element 2."""
    return int(element[-2:])


def _money(amount: Json) -> str:
    return _plain(amount["value"])


def _plain(value: Any) -> str:
    """A number as X12 writes it: without nought behind the point."""
    text = f"{Decimal(str(value)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
