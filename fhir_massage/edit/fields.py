"""Elements of a claim as a person types them: from the words in a field to the claim with that element changed.

Each function takes the Claim's own JSON and returns a changed copy; amounts that follow from the change follow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from fhir_massage.edit import patch
from fhir_massage.edit.changes import CENT, ClaimChange
from fhir_massage.errors import FhirMassageError
from fhir_massage.read import codes
from fhir_massage.read.quantity import measure

Json = dict[str, Any]
LETTERS = "ABCDEFGHIJKL"


class BadField(FhirMassageError):
    """What was typed into a field cannot stand there: names the field and what it takes."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        super().__init__(f"{field}: {reason}")


def change_line(claim: Json, index: int, field: str, typed: str) -> Json:
    """The claim with one field of a line as typed. Raises ``BadField``; ``IndexError`` for a line that is not there."""
    if index >= len(claim.get("item", [])):
        raise IndexError(index)
    return _LINE[field](claim, index, " ".join(typed.split()))


def change_head(claim: Json, field: str, typed: str) -> Json:
    """The claim with one field of its head as typed. Raises ``BadField``."""
    return _HEAD[field](claim, " ".join(typed.split()))


def letter(position: int) -> str:
    """What a diagnosis is called on a claim form by its position: A to L, then numbers."""
    return LETTERS[position] if position < len(LETTERS) else str(position + 1)


# --- fields of a line ---------------------------------------------------------------------------------


def _date(claim: Json, index: int, typed: str) -> Json:
    day = _day("date", typed)
    item: Json = dict(claim["item"][index])
    period = item.get("servicedPeriod")
    if isinstance(period, Mapping) and any("T" in str(period.get(end, "")) for end in ("start", "end")):
        moved = {k: f"{day}{v[10:]}" if k in ("start", "end") and "T" in str(v) else v for k, v in period.items()}
        return _with_item(claim, index, {**item, "servicedPeriod": moved})
    item.pop("servicedPeriod", None)
    return _with_item(claim, index, {**item, "servicedDate": day})


def _code(claim: Json, index: int, typed: str) -> Json:
    code = typed.upper()
    if not codes.has_procedure_shape(code):
        raise BadField("code", "write a CPT or HCPCS code of five characters, such as 97140")
    item = claim["item"][index]
    kept = [
        coding
        for coding in item.get("productOrService", {}).get("coding", [])
        if coding.get("system") is not None and coding["system"] not in codes.PROCEDURE_SYSTEMS
    ]
    system = codes.HCPCS if code[0].isalpha() else codes.CPT
    return _with_item(claim, index, {**item, "productOrService": {"coding": [{"system": system, "code": code}, *kept]}})


def _modifiers(claim: Json, index: int, typed: str) -> Json:
    wanted = [part for part in re.split(r"[\s,;-]+", typed.upper()) if part]
    item = claim["item"][index]
    there = {coding.get("code", "").upper(): concept for concept in item.get("modifier", [])
             for coding in concept.get("coding", [])}  # fmt: skip
    if not wanted:
        return _with_item(claim, index, {key: value for key, value in item.items() if key != "modifier"})
    concepts = [there.get(code, {"coding": [{"code": code}]}) for code in wanted]
    return _with_item(claim, index, {**item, "modifier": concepts})


def _pointers(claim: Json, index: int, typed: str) -> Json:
    diagnoses = claim.get("diagnosis", [])
    named = {letter(position): each.get("sequence") for position, each in enumerate(diagnoses)}
    named |= {str(each.get("sequence")): each.get("sequence") for each in diagnoses}
    wanted = [part for part in re.split(r"[\s,;]+", typed.upper()) if part]
    if len(wanted) == 1 and wanted[0] not in named and wanted[0].isalpha():
        wanted = list(wanted[0])
    unknown = [part for part in wanted if part not in named]
    if unknown:
        raise BadField("pointers", f"there is no diagnosis {unknown[0][:8]}; write letters of those on the claim")
    item = {key: value for key, value in claim["item"][index].items() if key != "diagnosisSequence"}
    return _with_item(claim, index, {**item, "diagnosisSequence": [named[part] for part in wanted]} if wanted else item)


def _units(claim: Json, index: int, typed: str) -> Json:
    units = _number("units", typed)
    if units == units.to_integral_value() and units > 0:
        return _patched(claim, ClaimChange(claim).units(index, int(units)))
    return _with_item(claim, index, {**claim["item"][index], "quantity": {"value": _plain(units)}})


def _minutes(claim: Json, index: int, typed: str) -> Json:
    minutes = _plain(_number("minutes", typed))
    item = claim["item"][index]
    place = _info_with_minutes(claim, item)
    if place is not None and not _shared(claim, index, claim["supportingInfo"][place].get("sequence")):
        infos = list(claim["supportingInfo"])
        infos[place] = {**infos[place], "valueQuantity": _in_minutes(minutes)}
        return {**claim, "supportingInfo": infos}
    period = item.get("servicedPeriod")
    if place is None and isinstance(period, Mapping) and "T" in str(period.get("start", "")):
        start = datetime.fromisoformat(str(period["start"]))
        end = (start + timedelta(minutes=float(minutes))).isoformat()
        return _with_item(claim, index, {**item, "servicedPeriod": {**period, "end": end}})
    infos = claim.get("supportingInfo", [])
    sequence = 1 + max((info.get("sequence", 0) for info in infos), default=0)
    category = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/claiminformationcategory", "code": "info"}]
    }
    added = {"sequence": sequence, "category": category, "valueQuantity": _in_minutes(minutes)}
    old = None if place is None else claim["supportingInfo"][place].get("sequence")
    named = [each for each in item.get("informationSequence", []) if each != old]
    changed = _with_item(claim, index, {**item, "informationSequence": [*named, sequence]})
    return {**changed, "supportingInfo": [*infos, added]}


def _charge(claim: Json, index: int, typed: str) -> Json:
    charge = _number("charge", typed.removeprefix("$").replace(",", "")).quantize(CENT)
    item = claim["item"][index]
    units = item.get("quantity", {}).get("value")
    times = Decimal(str(units or 0)) * Decimal(str(item.get("factor", 1)))
    change = ClaimChange(claim)
    if "unitPrice" in item and times > 0:
        price = (charge / times).quantize(CENT)
        if price * times != charge:
            raise BadField("charge", f"it must be {times} times a price in whole cents; change the units first")
        change.put(index, "/unitPrice", {**item["unitPrice"], "value": price})
    return _patched(claim, change.net(index, charge))


def _region(claim: Json, index: int, typed: str) -> Json:
    item = {key: value for key, value in claim["item"][index].items() if key not in ("bodySite", "subSite")}
    return _with_item(claim, index, {**item, "bodySite": {"text": typed}} if typed else item)


_LINE: dict[str, Callable[[Json, int, str], Json]] = {
    "date": _date,
    "code": _code,
    "modifiers": _modifiers,
    "pointers": _pointers,
    "units": _units,
    "minutes": _minutes,
    "charge": _charge,
    "region": _region,
}
LINE_FIELDS = tuple(_LINE)


# --- fields of the head -------------------------------------------------------------------------------


def _created(claim: Json, typed: str) -> Json:
    return {**claim, "created": _day("created", typed)}


def _authorization(claim: Json, typed: str) -> Json:
    slots = list(claim.get("insurance", []))
    if not slots:
        raise BadField("authorization", "the claim names no insurance to put it on")
    place = next((i for i, slot in enumerate(slots) if slot.get("focal")), 0)
    slot = {key: value for key, value in slots[place].items() if key != "preAuthRef"}
    slots[place] = {**slot, "preAuthRef": [typed]} if typed else slot
    return {**claim, "insurance": slots}


def _diagnoses(claim: Json, typed: str) -> Json:
    wanted = [codes.with_dot(part) for part in re.split(r"[\s,;]+", typed) if part]
    there = list(claim.get("diagnosis", []))
    by_code = {codes.with_dot(code): each for each in there if (code := _diagnosis_code(each))}
    highest = max((each.get("sequence", 0) for each in there), default=0)
    kept: list[Json] = []
    for position, code in enumerate(wanted):
        if code in by_code:
            kept.append(by_code[code])
        elif position < len(there) and len(wanted) == len(there):
            kept.append({**there[position], "diagnosisCodeableConcept": _icd(code)})
        else:
            highest += 1
            kept.append({"sequence": highest, "diagnosisCodeableConcept": _icd(code)})
    changed = {key: value for key, value in claim.items() if key != "diagnosis"}
    return {**changed, "diagnosis": kept} if kept else changed


_HEAD: dict[str, Callable[[Json, str], Json]] = {
    "created": _created,
    "authorization": _authorization,
    "diagnoses": _diagnoses,
}
HEAD_FIELDS = tuple(_HEAD)


# --- small parts --------------------------------------------------------------------------------------


def _with_item(claim: Json, index: int, item: Json) -> Json:
    items = list(claim["item"])
    items[index] = item
    return {**claim, "item": items}


def _patched(claim: Json, change: ClaimChange) -> Json:
    changed: Json = patch.apply(claim, change.edits())
    return changed


def _day(field: str, typed: str) -> str:
    try:
        return date.fromisoformat(typed).isoformat()
    except ValueError:
        raise BadField(field, "write the day as YYYY-MM-DD") from None


def _number(field: str, typed: str) -> Decimal:
    try:
        number = Decimal(typed)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0 or number > 1_000_000:
        raise BadField(field, "write a number")
    return number


def _plain(number: Decimal) -> int | Decimal:
    return int(number) if number == number.to_integral_value() else number


def _in_minutes(minutes: int | Decimal) -> Json:
    return {"value": minutes, "unit": "min", "system": "http://unitsofmeasure.org", "code": "min"}


def _info_with_minutes(claim: Json, item: Json) -> int | None:
    """The position of the supporting information that gives the line's minutes."""
    named = item.get("informationSequence", [])
    for position, info in enumerate(claim.get("supportingInfo", [])):
        quantity = info.get("valueQuantity", {})
        timed = measure(quantity.get("code"), quantity.get("unit")) in ("minutes", "hours")
        if info.get("sequence") in named and timed and quantity.get("value") is not None:
            return position
    return None


def _shared(claim: Json, index: int, sequence: Any) -> bool:
    """Whether another line names the same supporting information."""
    return any(
        sequence in item.get("informationSequence", []) for other, item in enumerate(claim["item"]) if other != index
    )


def _diagnosis_code(diagnosis: Json) -> str | None:
    codings = diagnosis.get("diagnosisCodeableConcept", {}).get("coding", [])
    return next((coding["code"] for coding in codings if coding.get("code")), None)


def _icd(code: str) -> Json:
    return {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}]}
