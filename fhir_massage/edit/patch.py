"""JSON Patch (RFC 6902) on resources: add, remove, replace and test.

A patched copy shares every untouched part with the original, which stays as it was: a correction is
tried many times a review, and copying whole claims for it would cost more than reviewing them. That
is why no library is used here; the tests hold the results against ``jsonpatch``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import compress, count
from operator import is_not
from typing import Any

from fhir_massage.edit.finding import Edit
from fhir_massage.errors import PatchFailed


def apply(document: Any, edits: Iterable[Edit]) -> Any:
    """The document with the edits made. Raises ``PatchFailed`` where one does not fit."""
    for edit in edits:
        if not edit.path.startswith("/"):
            raise PatchFailed(f"{edit.op} {edit.path}: the path must start with '/'")
        steps = [step.replace("~1", "/").replace("~0", "~") for step in edit.path[1:].split("/")]
        document = _edited(document, steps, edit)
    return document


def _edited(part: Any, steps: list[str], edit: Edit) -> Any:
    step, rest = steps[0], steps[1:]
    if isinstance(part, dict):
        return _edited_object(part, step, rest, edit)
    if isinstance(part, list):
        return _edited_array(part, step, rest, edit)
    raise PatchFailed(f"{edit.op} {edit.path}: there is nothing at '{step}'")


def _edited_object(part: dict[str, Any], step: str, rest: list[str], edit: Edit) -> dict[str, Any]:
    if not rest and edit.op == "add":
        return {**part, step: edit.value}
    if step not in part:
        raise PatchFailed(f"{edit.op} {edit.path}: there is no '{step}'")
    if not rest and edit.op == "remove":
        return {key: value for key, value in part.items() if key != step}
    return {**part, step: _leaf_or_deeper(part[step], rest, edit)}


def _edited_array(part: list[Any], step: str, rest: list[str], edit: Edit) -> list[Any]:
    position = _position(part, step, edit, beyond=not rest and edit.op == "add")
    if not rest and edit.op == "add":
        return [*part[:position], edit.value, *part[position:]]
    if not rest and edit.op == "remove":
        return [*part[:position], *part[position + 1 :]]
    return [*part[:position], _leaf_or_deeper(part[position], rest, edit), *part[position + 1 :]]


def _leaf_or_deeper(value: Any, rest: list[str], edit: Edit) -> Any:
    if rest:
        return _edited(value, rest, edit)
    if edit.op == "replace":
        return edit.value
    if value != edit.value:
        raise PatchFailed(f"test {edit.path}: another value stands there")
    return value


def _position(part: list[Any], step: str, edit: Edit, *, beyond: bool) -> int:
    if beyond and step == "-":
        return len(part)
    if not step.isascii() or not step.isdigit() or (len(step) > 1 and step[0] == "0"):
        raise PatchFailed(f"{edit.op} {edit.path}: '{step}' is no position in an array")
    position = int(step)
    if position > len(part) - (0 if beyond else 1):
        raise PatchFailed(f"{edit.op} {edit.path}: there is no position {position}")
    return position


def touched_keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The keys of an object that edits touched: a patched copy shares with it what they did not."""
    touched = [key for key, value in after.items() if before.get(key) is not value]
    return touched if after.keys() >= before.keys() else touched + [key for key in before if key not in after]


def touched_places(before: Sequence[Any], after: Sequence[Any]) -> list[int]:
    """The places of an array at which something else stands than before, as far as both reach."""
    return list(compress(count(), map(is_not, before, after)))


def difference(before: Any, after: Any, path: str = "") -> list[Edit]:
    """The edits that make ``before`` into ``after``: values replaced, keys and array tails added or removed."""
    if type(before) is type(after) and isinstance(before, dict):
        return _object_difference(before, after, path)
    if isinstance(before, list) and isinstance(after, list):
        return _array_difference(before, after, path)
    if type(before) is type(after) and before == after:
        return []
    return [Edit("replace", path, after)]


def _object_difference(before: dict[str, Any], after: dict[str, Any], path: str) -> list[Edit]:
    edits = [Edit("remove", f"{path}/{escape(key)}") for key in before if key not in after]
    for key, value in after.items():
        here = f"{path}/{escape(key)}"
        edits += difference(before[key], value, here) if key in before else [Edit("add", here, value)]
    return edits


def _array_difference(before: list[Any], after: list[Any], path: str) -> list[Edit]:
    """What begins and ends alike stays; between, values change place by place and the rest is removed or added."""
    shorter = min(len(before), len(after))
    end = 0
    if len(before) != len(after):
        while end < shorter and not difference(before[-1 - end], after[-1 - end]):
            end += 1
    start = shorter - end
    edits: list[Edit] = []
    for position in range(start):
        edits += difference(before[position], after[position], f"{path}/{position}")
    edits += [Edit("remove", f"{path}/{position}") for position in range(len(before) - end - 1, start - 1, -1)]
    return edits + [Edit("add", f"{path}/{place}", after[place]) for place in range(start, len(after) - end)]


def undoing(document: Any, edits: Iterable[Edit], at: str = "") -> list[Edit]:
    """The edits that take those edits back from the document they were made on.

    ``at`` is the JSON Pointer of the document within a larger one that they are to be made on.
    Raises ``PatchFailed`` where one of the edits does not fit.
    """
    back: list[Edit] = []
    for edit in edits:
        after = apply(document, [edit])
        back = [_undoing(document, edit, at), *back]
        document = after
    return back


def _undoing(document: Any, edit: Edit, at: str) -> Edit:
    steps = [step.replace("~1", "/").replace("~0", "~") for step in edit.path[1:].split("/")]
    parent = document
    for step in steps[:-1]:
        parent = parent[int(step)] if isinstance(parent, list) else parent[step]
    last, path = steps[-1], at + edit.path
    if isinstance(parent, list):
        if edit.op == "add":
            place = len(parent) if last == "-" else int(last)
            return Edit("remove", f"{path.rsplit('/', 1)[0]}/{place}")
        return Edit("add" if edit.op == "remove" else edit.op, path, parent[int(last)])
    if edit.op == "add" and last not in parent:
        return Edit("remove", path)
    return Edit("add" if edit.op == "remove" else "replace", path, parent[last])


def escape(key: str) -> str:
    """A key as a step of a JSON Pointer."""
    return key.replace("~", "~0").replace("/", "~1")
