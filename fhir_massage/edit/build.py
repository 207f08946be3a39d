"""A claim made from what a short form says, as a FHIR Bundle with everything that the claim names."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from fhir_massage.facts.book import Facts
from fhir_massage.read import codes

Json = dict[str, Any]

#: A NUCC Health Care Provider Taxonomy code for each profession that the form offers.
TAXONOMY = {
    "massage-therapist": "225700000X",
    "physical-therapist": "225100000X",
    "physical-therapist-assistant": "225200000X",
    "occupational-therapist": "225X00000X",
    "occupational-therapy-assistant": "224Z00000X",
    "chiropractor": "111N00000X",
    "acupuncturist": "171100000X",
    "athletic-trainer": "2255A2300X",
    "physician": "208100000X",
    "advanced-practice": "363L00000X",
}
TYPOLOGY = "https://nahdo.org/sopt"
CURRENCY = "USD"


class DraftLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line as the form says it: ``minutes`` of service, ``price`` of one unit in dollars, ``region`` in words."""

    code: str
    modifiers: tuple[str, ...] = ()
    units: int = 1
    minutes: int | None = None
    price: Decimal
    region: str = ""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What the form says. ``payer`` is the id of a policy; ``diagnoses`` are ICD-10-CM codes.

    ``referrer`` is who referred, or who certified the plan of care.
    """

    payer: str
    profession: str
    day: date
    diagnoses: tuple[str, ...]
    lines: tuple[DraftLine, ...]
    patient: str = ""
    therapist: str = ""
    npi: str = ""
    referrer: str = ""
    referrer_npi: str = ""
    referral: bool = False
    visits: int | None = None
    authorization: str = ""


def bundle(draft: Draft, facts: Facts, created: date, new_id: Callable[[], uuid.UUID] = uuid.uuid4) -> Json:
    """A Bundle of the claim with patient, coverage, payer, therapist and, where named, the referral."""
    parts = ["Claim", "Patient", "Coverage", "Payer", "Practitioner", "Referral"]
    at = {part: new_id().urn for part in parts}
    resources = [
        (at["Claim"], _claim(draft, at, created)),
        (at["Patient"], {"resourceType": "Patient", **_named(draft.patient)}),
        (at["Coverage"], _coverage(draft, facts, at)),
        (at["Payer"], {"resourceType": "Organization", "name": _payer_name(draft.payer, facts)}),
        (at["Practitioner"], _practitioner(draft)),
    ]
    if draft.referral:
        resources.append((at["Referral"], _referral(draft, at)))
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": address, "resource": resource} for address, resource in resources],
    }


def _claim(draft: Draft, at: dict[str, str], created: date) -> Json:
    timed = [line for line in draft.lines if line.minutes is not None]
    claim: Json = {
        "resourceType": "Claim",
        "status": "active",
        "type": _concept("http://terminology.hl7.org/CodeSystem/claim-type", "professional"),
        "use": "claim",
        "patient": {"reference": at["Patient"]},
        "created": created.isoformat(),
        "provider": {"reference": at["Practitioner"]},
        "priority": _concept("http://terminology.hl7.org/CodeSystem/processpriority", "normal"),
    }
    if draft.referral:
        claim["referral"] = {"reference": at["Referral"]}
    claim["careTeam"] = [{
        "sequence": 1,
        "provider": {"reference": at["Practitioner"]},
        "qualification": _concept("http://nucc.org/provider-taxonomy", TAXONOMY[draft.profession]),
    }]  # fmt: skip
    if draft.referrer or draft.referrer_npi:
        claim["careTeam"].append(_referrer(draft))
    if timed:
        claim["supportingInfo"] = [_minutes(place, line) for place, line in enumerate(timed, start=1)]
    if draft.diagnoses:
        claim["diagnosis"] = [
            {"sequence": place, "diagnosisCodeableConcept": _concept("http://hl7.org/fhir/sid/icd-10-cm", code)}
            for place, code in enumerate(draft.diagnoses, start=1)
        ]
    insurance: Json = {"sequence": 1, "focal": True, "coverage": {"reference": at["Coverage"]}}
    claim["insurance"] = [{**insurance, "preAuthRef": [draft.authorization]} if draft.authorization else insurance]
    claim["item"] = [_item(draft, place, line, timed) for place, line in enumerate(draft.lines, start=1)]
    total = sum((line.price * line.units for line in draft.lines), Decimal(0))
    return {**claim, "total": _dollars(total)}


def _item(draft: Draft, sequence: int, line: DraftLine, timed: list[DraftLine]) -> Json:
    system = codes.HCPCS if line.code[0].isalpha() else codes.CPT
    item: Json = {"sequence": sequence, "careTeamSequence": [1]}
    if draft.diagnoses:
        item["diagnosisSequence"] = list(range(1, min(len(draft.diagnoses), 4) + 1))
    if line.minutes is not None:
        item["informationSequence"] = [1 + next(place for place, each in enumerate(timed) if each is line)]
    item["productOrService"] = _concept(system, line.code)
    if line.modifiers:
        item["modifier"] = [{"coding": [{"code": modifier}]} for modifier in line.modifiers]
    item |= {"servicedDate": draft.day.isoformat(), "quantity": {"value": line.units}}
    item |= {"unitPrice": _dollars(line.price), "net": _dollars(line.price * line.units)}
    if line.region:
        item["bodySite"] = {"text": line.region}
    return item


def _minutes(sequence: int, line: DraftLine) -> Json:
    return {
        "sequence": sequence,
        "category": _concept("http://terminology.hl7.org/CodeSystem/claiminformationcategory", "info"),
        "valueQuantity": {"value": line.minutes, "unit": "min", "system": "http://unitsofmeasure.org", "code": "min"},
    }


def _coverage(draft: Draft, facts: Facts, at: dict[str, str]) -> Json:
    kind = _coverage_type(facts.policies[draft.payer].file.payer_class, facts, draft.day)
    return {
        "resourceType": "Coverage",
        "status": "active",
        **({"type": kind} if kind else {}),
        "beneficiary": {"reference": at["Patient"]},
        "payor": [{"reference": at["Payer"]}],
    }


def _coverage_type(payer_class: str, facts: Facts, on: date) -> Json | None:
    """The shortest code of the Source of Payment Typology for the class; failing that, a coverage type of FHIR's."""
    typology = [row.prefix for row in facts.payment_typology if row.payer == payer_class and row.in_force(on)]
    if typology:
        return _concept(TYPOLOGY, min(typology, key=lambda code: (len(code), code)))
    for row in facts.coverage_types:
        if row.payer == payer_class and row.in_force(on):
            return _concept(row.system, row.code)
    return None


def _payer_name(payer: str, facts: Facts) -> str:
    """A name by which the payer is recognised: its own where it has one, else its policy's title."""
    file = facts.policies[payer].file
    own = [payor.name for payor in file.payors if payor.name]
    if own or payer == file.payer_class:
        return own[0] if own else file.title
    names = [row.value for row in facts.payors if row.kind == "name" and row.payer == payer]
    return file.title if file.title.lower() in names or not names else names[0].title()


def _practitioner(draft: Draft) -> Json:
    practitioner: Json = {"resourceType": "Practitioner"}
    if draft.npi:
        practitioner["identifier"] = [{"system": "http://hl7.org/fhir/sid/us-npi", "value": draft.npi}]
    qualification = _concept("http://nucc.org/provider-taxonomy", TAXONOMY[draft.profession])
    return {**practitioner, **_named(draft.therapist), "qualification": [{"code": qualification}]}


def _referrer(draft: Draft) -> Json:
    """Who referred, as box 17 of the paper claim names them."""
    provider: Json = {"display": draft.referrer} if draft.referrer else {}
    if draft.referrer_npi:
        provider["identifier"] = {"system": "http://hl7.org/fhir/sid/us-npi", "value": draft.referrer_npi}
    role = _concept("http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBClaimCareTeamRole", "referring")
    return {"sequence": 2, "provider": provider, "role": role}


def _referral(draft: Draft, at: dict[str, str]) -> Json:
    """What the form knows of the referral, and no more: the review says what it still lacks."""
    referral: Json = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": at["Patient"]},
    }
    if draft.diagnoses:
        referral["reasonCode"] = [_concept("http://hl7.org/fhir/sid/icd-10-cm", code) for code in draft.diagnoses]
    if draft.visits is not None:
        referral["quantityQuantity"] = {"value": draft.visits, "unit": "visits"}
    return referral


def _named(name: str) -> Json:
    return {"name": [{"text": name}]} if name else {}


def _concept(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


def _dollars(amount: Decimal) -> Json:
    return {"value": amount.quantize(Decimal("0.01")), "currency": CURRENCY}
