"""A claim line billed with another procedure code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_massage.edit.changes import ClaimChange
from fhir_massage.read import codes


def recode(change: ClaimChange, claim: Mapping[str, Any], line: int, code: str) -> ClaimChange:
    """Bill the line with another procedure code, in place of the coding that holds the old one."""
    position, coding = _coding_of(claim["item"][line])
    place = f"/productOrService/coding/{position}"
    change.put(line, f"{place}/code", code)
    system = coding.get("system")
    if system is not None and (system in codes.HCPCS_SYSTEMS) != code[0].isalpha():
        change.put(line, f"{place}/system", _system_for(claim, code))
    if "display" in coding:
        change.drop(line, f"{place}/display")
    return change


def _coding_of(item: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
    """The coding that the line's procedure code is read from, with its position."""
    codings = list(enumerate(item["productOrService"]["coding"]))
    with_code = [(number, coding) for number, coding in codings if coding.get("code")]
    named = [found for found in with_code if found[1].get("system") in codes.PROCEDURE_SYSTEMS]
    unnamed = [found for found in with_code if "system" not in found[1] and codes.has_procedure_shape(found[1]["code"])]
    return (named or unnamed)[0]


def _system_for(claim: Mapping[str, Any], code: str) -> str:
    """The code system of a code, written as the claim's other lines write it."""
    wanted = codes.HCPCS_SYSTEMS if code[0].isalpha() else codes.PROCEDURE_SYSTEMS - codes.HCPCS_SYSTEMS
    for item in claim["item"]:
        for coding in (item.get("productOrService") or {}).get("coding", []):
            if coding.get("system") in wanted:
                return str(coding["system"])
    return codes.HCPCS if code[0].isalpha() else codes.CPT
