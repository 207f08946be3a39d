"""What may be called certain: a correction that costs nobody anything which the claim's own data does not prove."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from fhir_massage.edit.changes import money
from fhir_massage.edit.finding import Correction

Json = Mapping[str, Any]


def made_safe(correction: Correction, before: Json, after: Json, distinct: frozenset[str]) -> Correction:
    """Return the correction as one to be confirmed where it is called certain and must not be.

    ``before`` and ``after`` are the claim without and with it; ``distinct`` are the modifiers that keep two services
    apart (59, XE, XP, XS, XU). What is charged is what the lines charge: a total may follow them. Never certain
    are removing a line, raising units or a charge, and taking off the last such modifier of a line, whose partner may
    be on another claim.
    """
    if not correction.certain:
        return correction
    needs = next(_risks(before, after, distinct), None)
    return correction if needs is None else msgspec.structs.replace(correction, needs=needs)


def _risks(before: Json, after: Json, distinct: frozenset[str]) -> Iterator[str]:
    was, now = before.get("item", []), after.get("item", [])
    if len(now) < len(was):
        yield "that the service is to be left off this claim"
    for old, new in zip(was, now, strict=False):
        if _rises(_number(old.get("quantity")), _number(new.get("quantity"))):
            yield "that the record shows the units to be added"
        if any(_rises(money(old.get(key)), money(new.get(key))) for key in ("net", "unitPrice")):
            yield "that the higher charge is right"
        if _modifiers(old) & distinct and not _modifiers(new) & distinct:
            yield "that nothing else of that day, on this claim or another, needs it"


def _rises(old: Decimal | None, new: Decimal | None) -> bool:
    return old is not None and new is not None and new > old


def _number(quantity: Any) -> Decimal | None:
    value = quantity.get("value") if isinstance(quantity, Mapping) else None
    return None if value is None else Decimal(str(value))


def _modifiers(item: Json) -> frozenset[str]:
    """Every code among a line's modifiers, as it is compared."""
    concepts = item.get("modifier") or []
    return frozenset(
        str(coding["code"]).strip().upper()
        for concept in concepts
        if isinstance(concept, Mapping)
        for coding in concept.get("coding") or [{"code": concept.get("text")}]
        if coding.get("code")
    )
