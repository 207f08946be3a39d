"""A claim line billed with another procedure code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_massage.edit.changes import ClaimChange
from fhir_massage.read import codes


def recode(change: ClaimChange, claim: Mapping[str, Any], line: int, code: str) -> ClaimChange:
    """Bill the line with another procedure code, in place of the coding, or the text, that holds the old one.

    Modifiers that are glued to the old code stay glued to the new one.
    """
    found = _coding_of(claim["item"][line])
    if found is None:
        coded = {"coding": [{"system": _system_for(claim, code), "code": code}]}
        return change.put(line, "/productOrService", coded)
    position, coding = found
    place = f"/productOrService/coding/{position}"
    change.put(line, f"{place}/code", code + coding["code"].strip()[len(code) :])
    system = coding.get("system")
    if system is not None and (system in codes.HCPCS_SYSTEMS) != code[0].isalpha():
        change.put(line, f"{place}/system", _system_for(claim, code))
    if "display" in coding:
        change.drop(line, f"{place}/display")
    return change


def _coding_of(item: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]] | None:
    """The coding that the line's procedure code is read from, with its position; ``None`` for a code in words."""
    codings = list(enumerate(item["productOrService"].get("coding", [])))
    with_code = [(number, coding) for number, coding in codings if coding.get("code")]
    named = [found for found in with_code if found[1].get("system") in codes.PROCEDURE_SYSTEMS]
    unnamed = [
        found
        for found in with_code
        if found[1].get("system") not in codes.NO_PROCEDURE_SYSTEMS and codes.holds_procedure(found[1]["code"])
    ]
    return next(iter(named or unnamed), None)


def _system_for(claim: Mapping[str, Any], code: str) -> str:
    """The code system of a code, written as the claim's other lines write it."""
    wanted = codes.HCPCS_SYSTEMS if code[0].isalpha() else codes.PROCEDURE_SYSTEMS - codes.HCPCS_SYSTEMS
    for item in claim["item"]:
        for coding in (item.get("productOrService") or {}).get("coding", []):
            if coding.get("system") in wanted:
                return str(coding["system"])
    return codes.HCPCS if code[0].isalpha() else codes.CPT
