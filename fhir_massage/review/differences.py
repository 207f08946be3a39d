"""In what a corrected copy of a claim differs, and which rules that can matter to."""

from __future__ import annotations

from functools import lru_cache

from fhir_massage.model.case import ClaimCase, Line
from fhir_massage.rules import rules_for

_OF_LINES = frozenset(Line.__struct_fields__)
#: Fields of a line by which lines are put together to encounters.
_GROUPING = frozenset({"day", "provider", "policy"})


def differences(before: ClaimCase, after: ClaimCase) -> frozenset[str]:
    """The fields of the case and of its lines in which the two differ, as ``ClaimReader.revised`` leaves them."""
    found = {"read_json"}
    if before.total != after.total:
        found.add("total")
    if before.named != after.named:
        found.add("named")
    if len(before.lines) != len(after.lines):
        return frozenset(found | _OF_LINES | {"lines", "encounters"})
    for old, new in zip(before.lines, after.lines, strict=True):
        if old is not new:
            found |= {name for name in _OF_LINES if getattr(old, name) != getattr(new, name)}
    if found & _GROUPING:
        found.add("encounters")
    return frozenset(found)


@lru_cache(maxsize=1024)
def rules_touched(fields: frozenset[str]) -> frozenset[str]:
    """The rules for claims that read any of the fields."""
    return frozenset(rule.id for rule in rules_for("claim") if not fields.isdisjoint(rule.reads))
