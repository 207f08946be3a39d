"""Edits on whole claims: what they do not name keeps its bytes, and they can be taken back."""

from __future__ import annotations

from typing import Any

import jsonpatch  # type: ignore[import-untyped]
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_massage.edit import patch
from fhir_massage.edit.changes import ClaimChange
from fhir_massage.edit.finding import Edit
from fhir_massage.read.read import encode, read

Json = dict[str, Any]
any_claim = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

names = st.text("abcXYZ_~/é", min_size=1, max_size=6)
written = st.decimals(min_value=-999, max_value=9999, places=2) | st.decimals(min_value=0, max_value=1, places=5)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | written | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def unknown(draw: st.DrawFn) -> Json:
    """Elements that no rule reads, in any order, with decimals as somebody wrote them."""
    return {f"x{key}": value for key, value in draw(st.dictionaries(names, values, max_size=3)).items()}


@st.composite
def items(draw: st.DrawFn) -> Json:
    """A claim line with some of the elements that edits touch, in any order."""
    parts: list[tuple[str, Any]] = [("productOrService", {"coding": [{"code": "97140"}]})]
    price = draw(st.decimals(min_value=1, max_value=200, places=2))
    units = draw(st.integers(1, 6))
    parts.append(("quantity", {"value": units, **draw(unknown())}))
    if draw(st.booleans()):
        parts.append(("unitPrice", {"value": price, "currency": "USD"}))
    if draw(st.booleans()):
        parts.append(("net", {**draw(unknown()), "value": price * units, "currency": "USD"}))
    modifiers = draw(st.lists(st.sampled_from(["GP", "59", "XS", "KX"]), max_size=3))
    if modifiers:
        parts.append(("modifier", [{"coding": [{"code": m, **draw(unknown())}]} for m in modifiers]))
    parts += draw(unknown()).items()
    return dict(draw(st.permutations(parts)))


@st.composite
def claims(draw: st.DrawFn) -> Json:
    parts: list[tuple[str, Any]] = [
        ("resourceType", "Claim"),
        ("item", draw(st.lists(items(), min_size=1, max_size=4))),
        ("total", {"value": draw(st.decimals(min_value=0, max_value=9999, places=2)), **draw(unknown())}),
        *draw(unknown()).items(),
    ]
    return dict(draw(st.permutations(parts)))


@st.composite
def changes(draw: st.DrawFn, claim: Json) -> tuple[Edit, ...]:
    """What rules do to lines, on one or two of them."""
    changed = ClaimChange(claim)
    lines = range(len(claim["item"]))
    for index in draw(st.sets(st.sampled_from(lines), min_size=1, max_size=2)):
        held = claim["item"][index].get("modifier", [])
        doings = ["units", "add", "remove", *(["drop", "instead"] if held else [])]
        match draw(st.sampled_from(doings)):
            case "units":
                changed.units(index, draw(st.integers(1, 8)))
            case "add":
                changed.add_modifier(index, "59")
            case "remove":
                changed.remove(index)
            case "drop":
                changed.drop_modifier(index, draw(st.integers(0, len(held) - 1)))
            case "instead":
                changed.change_modifier(index, draw(st.integers(0, len(held) - 1)), "GY")
    return changed.edits()


def _as_read(claim: Json) -> Json:
    """The claim as the reader has it, from the bytes that somebody wrote."""
    (entry,) = read(encode(claim)).entries
    return entry.json()


def _operations(edits: tuple[Edit, ...] | list[Edit]) -> list[Json]:
    return [{"op": e.op, "path": e.path} | ({} if e.op == "remove" else {"value": e.value}) for e in edits]


@any_claim
@given(st.data())
def test_a_change_does_what_jsonpatch_does_and_leaves_the_original(data: st.DataObject) -> None:
    claim = _as_read(data.draw(claims()))
    before = encode(claim)
    edits = data.draw(changes(claim))
    after = patch.apply(claim, edits)
    assert after == jsonpatch.apply_patch(claim, _operations(edits))
    assert encode(claim) == before


@any_claim
@given(st.data())
def test_what_a_change_does_not_name_keeps_its_bytes_and_place(data: st.DataObject) -> None:
    claim = _as_read(data.draw(claims()))
    edits = data.draw(changes(claim))
    after = patch.apply(claim, edits)
    named = {edit.path.split("/")[1] for edit in edits}
    assert [key for key in after if key not in named] == [key for key in claim if key not in named]
    assert all(encode(after[key]) == encode(value) for key, value in claim.items() if key not in named)
    removed = {edit.path for edit in edits if edit.op == "remove" and edit.path.count("/") == 2}
    if "item" not in after:
        return
    left = [line for index, line in enumerate(claim["item"]) if f"/item/{index}" not in removed]
    places = [index for index in range(len(claim["item"])) if f"/item/{index}" not in removed]
    assert len(after["item"]) == len(left)
    for index, old, new in zip(places, left, after["item"], strict=True):
        touched = {edit.path.split("/")[3] for edit in edits if edit.path.startswith(f"/item/{index}/")}
        assert [key for key in new if key in old] == [key for key in old if key in new]
        assert all(encode(new[key]) == encode(value) for key, value in old.items() if key not in touched)


@any_claim
@given(st.data())
def test_a_change_can_be_taken_back(data: st.DataObject) -> None:
    claim = _as_read(data.draw(claims()))
    after = patch.apply(claim, data.draw(changes(claim)))
    back = patch.difference(after, claim)
    assert patch.apply(after, back) == claim
    assert jsonpatch.apply_patch(after, _operations(back)) == claim
    again = patch.apply(after, back)
    untouched = {edit.path.split("/")[1] for edit in back}
    assert all(encode(again[key]) == encode(value) for key, value in claim.items() if key not in untouched)


def test_decimals_as_written_are_what_they_were() -> None:
    content = (
        b'{"total":{"value":174.75},"resourceType":"Claim","y":1.000,"item":[{"x":12.50,"quantity":{"value":3.0},'
        b'"net":{"z":[0.10],"value":174.750},"unitPrice":{"value":58.250}}]}'
    )
    claim = read(content).entries[0].json()
    assert encode(patch.apply(claim, ClaimChange(claim).units(0, 2).edits())) == (
        b'{"total":{"value":116.50},"resourceType":"Claim","y":1.000,"item":[{"x":12.50,"quantity":{"value":2},'
        b'"net":{"z":[0.10],"value":116.50},"unitPrice":{"value":58.250}}]}'
    )
