"""Assertions on an order's coverage as the extension that Da Vinci CRD writes onto the order.

https://hl7.org/fhir/us/davinci-crd/StructureDefinition-ext-coverage-information.html, versions 2.1 and 2.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any, Literal

import msgspec

from fhir_massage.case.order import COVERAGE_INFORMATION, covered_by
from fhir_massage.engine.coverage import Assertion, Detail, Why
from fhir_massage.read.codes import CPT, HCPCS
from fhir_massage.read.read import encode
from fhir_massage.read.references import tail

Json = dict[str, Any]
Version = Literal["2.1", "2.2"]
#: The guide's own codes, and HL7's lasting ones for details; both are sent, since the guide is between them.
GUIDE_CODES = "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp"
DETAIL_CODES = "http://terminology.hl7.org/CodeSystem/crd-coverage-detail"
#: What makes nothing new of an answer. Its coverage is compared by itself, however it is addressed.
_OF_ITS_TIME = ("coverage", "date", "coverage-assertion-id")
_OF_DOCUMENTS = ("doc-needed", "doc-purpose", "questionnaire")


class Annotated(msgspec.Struct, frozen=True):
    """A resource with its answers on coverage, and what is told apart by the id of each new assertion."""

    resource: Json
    made: dict[str, Assertion]


def annotated(
    resource: Json,
    assertions: Sequence[Assertion],
    *,
    on: date,
    version: Version,
    documentation: bool,
    new_id: Callable[[], str],
) -> Annotated | None:
    """The whole resource with the assertions; ``None`` where it says all that already.

    Nothing else of it changes. An answer on a coverage that is not asserted of here stays. ``documentation``
    says whether documents may be asked for, which the guide rules out on its secondary hooks.
    """
    before = resource.get("extension")
    kept: list[Any] = list(before) if isinstance(before, list) else []
    made: dict[str, Assertion] = {}
    for coverage, of_coverage in _by_coverage(assertions).items():
        name = new_id()
        new = [_extension(each, on, name, version, documentation=documentation) for each in of_coverage]
        old = [extension for extension in kept if _is_about(extension, coverage)]
        if [_said(each, documentation) for each in old] == [_said(each, documentation) for each in new]:
            continue
        kept = [extension for extension in kept if extension not in old] + new
        made |= {name if len(new) == 1 else f"{name}#{i}": each for i, each in enumerate(of_coverage, start=1)}
    return Annotated({**resource, "extension": kept}, made) if made else None


def _by_coverage(assertions: Iterable[Assertion]) -> dict[str, list[Assertion]]:
    found: dict[str, list[Assertion]] = {}
    for each in assertions:
        found.setdefault(each.coverage, []).append(each)
    return found


def _parts(extension: Any) -> list[Json]:
    parts = extension.get("extension") if isinstance(extension, dict) else None
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _is_about(extension: Any, coverage: str) -> bool:
    if not isinstance(extension, dict) or extension.get("url") != COVERAGE_INFORMATION:
        return False
    return covered_by(_parts(extension)) == tail(coverage)


def _said(extension: Any, documentation: bool) -> list[bytes]:
    """What an answer says, whenever and under whatever id it was given, in whatever order.

    Where documents may not be asked for, what was asked for before is no news.
    """
    aside = _OF_ITS_TIME if documentation else (*_OF_ITS_TIME, *_OF_DOCUMENTS)
    return sorted(encode(part) for part in _parts(extension) if part.get("url") not in aside)


# --- one assertion ------------------------------------------------------------------------------------


def _extension(assertion: Assertion, on: date, id: str, version: Version, *, documentation: bool) -> Json:
    said = _for_version(assertion, version)
    parts = [
        {"url": "coverage", "valueReference": {"reference": said.coverage}},
        {"url": "covered", "valueCode": said.covered},
    ]
    if said.authorization is not None:
        parts.append({"url": "pa-needed", "valueCode": said.authorization})
    if documentation:
        parts += _documentation(said)
    parts += [{"url": "info-needed", "valueCode": code} for code in said.missing]
    parts += [{"url": "billingCode", "valueCoding": _coding(code)} for code in said.codes]
    parts += [{"url": "reason", "valueCodeableConcept": _reason(why)} for why in said.reasons]
    parts += [_detail(detail) for detail in said.details]
    parts += [{"url": "dependency", "valueReference": {"reference": name}} for name in said.dependencies]
    if documentation and said.asked is not None and said.asked.questionnaire:
        parts.append({"url": "questionnaire", "valueCanonical": said.asked.questionnaire})
    parts += [
        {"url": "date", "valueDate": on.isoformat()},
        {"url": "coverage-assertion-id", "valueString": id},
    ]
    if said.authorization_number is not None:
        parts.append({"url": "satisfied-pa-id", "valueString": said.authorization_number})
    if said.asked is not None and said.asked.contact:
        parts.append(_contact(said.asked.contact, version))
    if said.expires is not None:
        parts.append({"url": "expiry-date", "valueDate": said.expires.isoformat()})
    return {"url": COVERAGE_INFORMATION, "extension": parts}


def _for_version(assertion: Assertion, version: Version) -> Assertion:
    """The assertion in the codes of that version: 2.1 knows no ``indeterminate``."""
    if version == "2.1" and assertion.covered == "indeterminate":
        return msgspec.structs.replace(assertion, covered="conditional", missing=("OTH",))
    return assertion


def _documentation(said: Assertion) -> list[Json]:
    """What has to be documented, and for what: the form that authorization asks for, the letter to be kept."""
    purposes = []
    if said.asked is not None and said.asked.questionnaire:
        purposes.append("withpa")
    if said.letter:
        purposes.append("retain-doc")
    if not purposes:
        return []
    return [
        {"url": "doc-needed", "valueCode": "clinical"},
        *({"url": "doc-purpose", "valueCode": purpose} for purpose in purposes),
    ]


def _coding(code: str) -> Json:
    return {"system": HCPCS if code[:1].isalpha() else CPT, "code": code}


def _reason(why: Why) -> Json:
    if why.code is None:
        return {"text": why.text}
    return {"coding": [{"system": GUIDE_CODES, "code": why.code}], "text": why.text}


def _detail(detail: Detail) -> Json:
    value: Json = {"url": "value", "valueString": detail.words}
    if detail.link is not None:
        value = {"url": "value", "valueUrl": detail.link}
    if detail.visits is not None:
        value = {"url": "value", "valueQuantity": {"value": detail.visits, "unit": "visits"}}
    parts = [
        {"url": "category", "valueCode": detail.category},
        {
            "url": "code",
            "valueCodeableConcept": {
                "coding": [{"system": system, "code": detail.code} for system in (DETAIL_CODES, GUIDE_CODES)]
            },
        },
        value,
    ]
    if detail.words and "valueString" not in value:
        parts.append({"url": "qualification", "valueString": detail.words})
    return {"url": "detail", "extension": parts}


def _contact(contact: str, version: Version) -> Json:
    point = {"system": "url" if contact.startswith("https://") else "phone", "value": contact}
    if version == "2.1":
        return {"url": "contact", "valueContactPoint": point}
    return {"url": "contact", "valueContactDetail": {"telecom": [point]}}
