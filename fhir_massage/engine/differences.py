"""In what a corrected copy of a claim differs, and which rules that can matter to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any

from fhir_massage.case.seen import ClaimCase, Line
from fhir_massage.edit.patch import touched_keys, touched_places
from fhir_massage.rules import rules_for

_OF_LINES = Line.__struct_fields__
_values = attrgetter(*_OF_LINES)
#: Fields of a line by which lines are put together to encounters.
_GROUPING = frozenset({"day", "provider", "policy"})


def differences(before: ClaimCase, after: ClaimCase) -> frozenset[str]:
    """The fields of the case and of its lines in which the two differ, as ``ClaimReader.revised`` leaves them.

    Keys of the claim's JSON, and of its items', are among them, each after a slash.
    """
    found = _keys(before.read_json(), after.read_json()) - {"/item"}
    if before.total != after.total:
        found.add("total")
    if before.named != after.named:
        found.add("named")
    if len(before.lines) != len(after.lines):
        return frozenset(found.union(_OF_LINES, ("lines", "encounters", "read_json", "/item")))
    for old, new in changed_lines(before, after):
        compared = zip(_OF_LINES, _values(old), _values(new), strict=True)
        found.update([name for name, one, other in compared if one is not other and one != other])
        found |= _keys(before.read_json()["item"][old.index], after.read_json()["item"][new.index])
    if found & _GROUPING:
        found.add("encounters")
    return frozenset(found)


def changed_lines(before: ClaimCase, after: ClaimCase) -> list[tuple[Line, Line]]:
    """The lines that are not as they were, each as it was and as it is, where there are as many as before."""
    return [(before.lines[place], after.lines[place]) for place in touched_places(before.lines, after.lines)]


def _keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """The keys under which two objects have other values; parts that were not touched are shared."""
    return {f"/{key}" for key in touched_keys(before, after)}


@lru_cache(maxsize=1024)
def rules_touched(fields: frozenset[str]) -> frozenset[str]:
    """The rules for claims that read any of the fields."""
    return frozenset(rule.id for rule in rules_for("claim") if not fields.isdisjoint(rule.reads))
