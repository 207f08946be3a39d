"""JSON Patch as jsonpatch does it, on any document."""

from __future__ import annotations

import copy
from typing import Any

import jsonpatch  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_massage.edit import patch
from fhir_massage.edit.finding import Edit
from fhir_massage.errors import PatchFailed

keys = st.text("ab/~0", max_size=3)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("xyz", max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(keys, documents, max_size=4)


def pointers(part: Any, path: str = "") -> list[str]:
    """Every place in a document, and the places where something could be added."""
    found = [path] if path else []
    if isinstance(part, dict):
        for key, value in part.items():
            found += pointers(value, f"{path}/{patch.escape(key)}")
        found.append(f"{path}/new")
    elif isinstance(part, list):
        for index, value in enumerate(part):
            found += pointers(value, f"{path}/{index}")
        found += [f"{path}/-", f"{path}/{len(part)}", f"{path}/{len(part) + 1}", f"{path}/x"]
    return found


@given(st.data())
def test_one_operation_does_what_jsonpatch_does(data: st.DataObject) -> None:
    document = data.draw(objects)
    before = copy.deepcopy(document)
    path = data.draw(st.sampled_from(pointers(document)))
    op = data.draw(st.sampled_from(["add", "remove", "replace", "test"]))
    edit = Edit(op, path) if op == "remove" else Edit(op, path, data.draw(documents))
    operation = {"op": op, "path": path} | ({} if op == "remove" else {"value": edit.value})
    try:
        expected = jsonpatch.apply_patch(document, [operation])
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException):
        with pytest.raises(PatchFailed):
            patch.apply(document, [edit])
    else:
        assert patch.apply(document, [edit]) == expected
    assert document == before


@given(objects, objects)
def test_the_difference_leads_from_one_document_to_the_other(before: Any, after: Any) -> None:
    edits = patch.difference(before, after)
    assert patch.apply(before, edits) == after
    operations = [{"op": e.op, "path": e.path} | ({"value": e.value} if e.op != "remove" else {}) for e in edits]
    assert jsonpatch.apply_patch(before, operations) == after


@given(objects, objects)
def test_edits_are_taken_back(before: Any, after: Any) -> None:
    edits = patch.difference(before, after)
    assert patch.apply(after, patch.undoing(before, edits)) == before


@given(st.lists(st.integers(0, 9), max_size=8), st.data())
def test_an_element_taken_out_of_an_array_is_one_edit(values: list[int], data: st.DataObject) -> None:
    document = {"item": [{"sequence": place, "value": value} for place, value in enumerate(values)] + ["last"]}
    place = data.draw(st.integers(0, len(values)))
    (edit,) = patch.difference(document, {"item": document["item"][:place] + document["item"][place + 1 :]})
    assert (edit.op, edit.path) == ("remove", f"/item/{place}")


@pytest.mark.parametrize("path", ["", "item", "/item/01", "/item/-1", "/item/٣", "/status/x", "/missing/x"])
def test_a_path_that_fits_nothing_is_refused(path: str) -> None:
    with pytest.raises(PatchFailed):
        patch.apply({"item": [1, 2], "status": "active"}, [Edit("replace", path, 1)])
