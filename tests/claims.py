"""Correct claims for tests to vary: a readable call in, a FHIR Bundle out."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import date
from typing import Any

from fhir_massage import Finding, Report, review

Json = dict[str, Any]
TODAY = date(2026, 11, 10)
DAY = "2026-11-02"

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
PAYORS = {
    "medicare-part-b": ("Medicare Part B", "121"),
    "medicare-advantage": ("Sunrise Medicare Advantage", "111"),
    "medicaid": ("State Medicaid", "2"),
    "commercial": ("Evergreen Mutual Health", "5"),
    "veterans-affairs": ("VA Community Care Network", "32"),
    "tricare": ("TRICARE Prime", "311"),
    "workers-compensation": ("State Fund Workers' Compensation", "95"),
    "auto": ("Roadway Casualty", "96"),
    "hsa-fsa": ("Household Health Account", None),
    "self-pay": ("Self", "81"),
}
#: Plans that say of themselves what others of their class commonly do.
PLANS = {
    "cigna": ("Cigna", "5"),
    "uniform-medical-plan": ("Uniform Medical Plan", "5"),
    "unitedhealthcare": ("UnitedHealthcare", "5"),
}
NPI_THERAPIST = "1234567893"
NPI_PHYSICIAN = "1987654328"


def concept(code: str, system: str | None = None) -> Json:
    """A codeable concept with one coding."""
    return {"coding": [{**({"system": system} if system else {}), "code": code}]}


def line(
    code: str,
    *,
    units: Any = 1,
    minutes: int | None = 15,
    modifiers: tuple[str, ...] = (),
    day: str = DAY,
    at: tuple[str, str] | None = None,
    region: str | None = None,
    price: str = "58.00",
    pointers: tuple[int, ...] = (1,),
) -> Json:
    """A claim line. ``at`` are clock times (``10:00``, ``10:15``); ``region`` is a body site in words."""
    return {
        "code": code, "units": units, "minutes": minutes, "modifiers": modifiers, "day": day,
        "at": at, "region": region, "price": price, "pointers": pointers,
    }  # fmt: skip


def claim(
    *lines: Json,
    payer: str = "commercial",
    profession: str | None = "physical-therapist",
    diagnoses: tuple[str, ...] = ("M54.2",),
    referral: bool | None = None,
    authorization: str | None = None,
) -> Json:
    """A correct claim as a Bundle, with patient, provider, coverage and what the payer asks for.

    ``referral`` and ``authorization`` follow the payer where not given.
    """
    if referral is None:
        referral = payer in ("veterans-affairs", "workers-compensation", "auto") or (
            payer == "commercial" and profession == "massage-therapist"
        )
    if authorization is None and payer == "veterans-affairs":
        authorization = "VA0001234567"
    items, infos = [], []
    for number, given in enumerate(lines or (line("97140"),), start=1):
        items.append(_item(number, given))
        if given["minutes"] is not None and given["at"] is None:
            items[-1]["informationSequence"] = [number]
            infos.append(_minutes(number, given["minutes"]))
    resource: Json = {
        "resourceType": "Claim",
        "id": "c1",
        "status": "active",
        "type": concept("professional", "http://terminology.hl7.org/CodeSystem/claim-type"),
        "use": "claim",
        "patient": {"reference": "Patient/p1"},
        "created": "2026-11-03",
        "provider": {"reference": "Organization/clinic"},
        "priority": concept("normal"),
        "careTeam": [
            {"sequence": 1, "provider": {"reference": "Practitioner/therapist"}}
            | (
                {"qualification": concept(TAXONOMY[profession], "http://nucc.org/provider-taxonomy")}
                if profession
                else {}
            )
        ],
        "supportingInfo": infos,
        "diagnosis": [
            {"sequence": n, "diagnosisCodeableConcept": concept(code, "http://hl7.org/fhir/sid/icd-10-cm")}
            for n, code in enumerate(diagnoses, start=1)
        ],
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"reference": "Coverage/cov"}}],
        "item": items,
        "total": {"value": round(sum(item["net"]["value"] for item in items), 2), "currency": "USD"},
    }
    if profession is not None and profession.endswith("assistant"):
        resource["careTeam"].append(supervising(3, profession))
    if payer == "medicare-part-b":
        resource["careTeam"].append(certifying(2))
    if not infos:
        del resource["supportingInfo"]
    if not diagnoses:
        del resource["diagnosis"]
    if referral:
        resource["referral"] = {"reference": "ServiceRequest/referral"}
    if authorization:
        resource["insurance"][0]["preAuthRef"] = [authorization]
    others = [
        _patient(),
        _coverage(payer),
        _clinic(),
        _therapist(),
        _payor(payer),
        *([_referral()] if referral else []),
    ]
    return bundle(resource, *others)


def order(
    code: str | None = "97140",
    *,
    payer: str = "commercial",
    text: str | None = None,
    snomed: str | None = None,
    performer: str | None = "physical-therapist",
    requester: str | None = "physician",
    reasons: tuple[str, ...] = ("M54.2",),
    conditions: tuple[str, ...] = ("M54.2",),
    visits: int | None = 8,
) -> Json:
    """A complete draft order as a Bundle, with patient, coverage, requester, performer and active conditions."""
    codings = [{"system": "http://www.ama-assn.org/go/cpt", "code": code}] if code else []
    codings += [{"system": "http://snomed.info/sct", "code": snomed}] if snomed else []
    resource: Json = {
        "resourceType": "ServiceRequest",
        "id": "o1",
        "status": "draft",
        "intent": "order",
        "code": {**({"coding": codings} if codings else {}), **({"text": text} if text else {})},
        "subject": {"reference": "Patient/p1"},
        "authoredOn": "2026-11-09",
        "insurance": [{"reference": "Coverage/cov"}],
    }
    others = [_patient(), _coverage(payer), _payor(payer)]
    if reasons:
        resource["reasonCode"] = [concept(reason, "http://hl7.org/fhir/sid/icd-10-cm") for reason in reasons]
    if visits is not None:
        resource["quantityQuantity"] = {"value": visits, "unit": "visits"}
    if requester is not None:
        resource["requester"] = {"reference": "Practitioner/requester"}
        others.append(_professional("requester", requester))
    if performer is not None:
        resource["performer"] = [{"reference": "Practitioner/performer"}]
        others.append(_professional("performer", performer))
    others += [_condition(number, diagnosis) for number, diagnosis in enumerate(conditions, start=1)]
    return bundle(resource, *others)


def bundle(*resources: Json) -> Json:
    """A collection of resources."""
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"fullUrl": f"http://ehr.example.org/fhir/{r['resourceType']}/{r.get('id')}", "resource": r}
            for r in resources
        ],
    }


def resource(bundle: Json, kind: str) -> Json:
    """The first resource of a kind in a bundle, to be varied in place."""
    return next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == kind)


def varied(bundle: Json, change: Callable[[Json], object], kind: str = "Claim") -> Json:
    """A copy of the bundle with one of its resources changed."""
    copied = copy.deepcopy(bundle)
    change(resource(copied, kind))
    return copied


def reviewed(content: Json | bytes, on: date = TODAY) -> Report:
    """A review in which no rule may fail."""
    report = review(content, on=on)
    for broken in report.broken:
        raise broken.error
    return report


def grave(report: Report) -> list[str]:
    """The rules of the errors and warnings found."""
    return [finding.rule for finding in report.findings if finding.severity != "information"]


def the(report: Report, rule: str) -> Finding:
    """The one finding of a rule."""
    found = [finding for finding in report.findings if finding.rule == rule]
    assert len(found) == 1, f"{rule}: {len(found)} findings among {[f.rule for f in report.findings]}"
    return found[0]


def corrected(report: Report, name: str = "Claim/c1") -> Json:
    """A resource with its certain corrections applied."""
    return report.corrected[name]


def with_claim(bundle: Json, changed: Json) -> Json:
    """The bundle with its claim replaced, for reviewing a corrected one again."""
    copied = copy.deepcopy(bundle)
    for entry in copied["entry"]:
        if entry["resource"]["resourceType"] == "Claim":
            entry["resource"] = changed
    return copied


def _item(number: int, given: Json) -> Json:
    units = given["units"]
    net = round(float(given["price"]) * units, 2) if isinstance(units, int | float) else float(given["price"])
    item: Json = {
        "sequence": number,
        "careTeamSequence": [1],
        "diagnosisSequence": list(given["pointers"]),
        "productOrService": concept(given["code"], "http://www.ama-assn.org/go/cpt"),
        "quantity": {"value": units},
        "unitPrice": {"value": float(given["price"]), "currency": "USD"},
        "net": {"value": net, "currency": "USD"},
    }
    if given["modifiers"]:
        item["modifier"] = [concept(modifier) for modifier in given["modifiers"]]
    if given["at"]:
        start, end = (f"{given['day']}T{clock}:00-05:00" for clock in given["at"])
        item["servicedPeriod"] = {"start": start, "end": end}
    else:
        item["servicedDate"] = given["day"]
    if given["region"]:
        item["bodySite"] = {"text": given["region"]}
    return item


def _minutes(sequence: int, minutes: int) -> Json:
    return {
        "sequence": sequence,
        "category": concept("info", "http://terminology.hl7.org/CodeSystem/claiminformationcategory"),
        "valueQuantity": {"value": minutes, "unit": "min", "system": "http://unitsofmeasure.org", "code": "min"},
    }


def _patient() -> Json:
    return {
        "resourceType": "Patient",
        "id": "p1",
        "name": [{"family": "Example", "given": ["Pat"]}],
        "birthDate": "1957-03-08",
    }


def _coverage(payer: str) -> Json:
    name, typology = (PAYORS | PLANS)[payer]
    kind = (
        {"coding": [{"system": "https://nahdo.org/sopt", "code": typology}]}
        if typology
        else concept("HSAPOL", "http://terminology.hl7.org/CodeSystem/v3-ActCode")
    )
    return {
        "resourceType": "Coverage",
        "id": "cov",
        "status": "active",
        "type": kind,
        "beneficiary": {"reference": "Patient/p1"},
        "period": {"start": "2015-01-01"},
        "payor": [{"reference": "Organization/payor", "display": name}],
    }


def _payor(payer: str) -> Json:
    return {"resourceType": "Organization", "id": "payor", "name": (PAYORS | PLANS)[payer][0]}


def _clinic() -> Json:
    return {"resourceType": "Organization", "id": "clinic", "name": "Northside Therapy Clinic"}


def _therapist() -> Json:
    return {
        "resourceType": "Practitioner",
        "id": "therapist",
        "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": NPI_THERAPIST}],
        "name": [{"family": "Rivera", "given": ["Sam"]}],
    }


def supervising(sequence: int, assistant: str) -> Json:
    """The therapist who supervises an assistant, as a care team member."""
    therapist = assistant.replace("-assistant", "").replace("therapy", "therapist")
    return {
        "sequence": sequence,
        "provider": {"identifier": {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1245319599"}},
        "role": concept("supervisor", "http://terminology.hl7.org/CodeSystem/claimcareteamrole"),
        "qualification": concept(TAXONOMY[therapist], "http://nucc.org/provider-taxonomy"),
    }


def certifying(sequence: int) -> Json:
    """The physician who certified the plan of care, as a care team member."""
    return {
        "sequence": sequence,
        "provider": {"identifier": {"system": "http://hl7.org/fhir/sid/us-npi", "value": NPI_PHYSICIAN}},
        "role": concept("referring", "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBClaimCareTeamRole"),
    }


def _physician() -> Json:
    return {
        "resourceType": "Practitioner",
        "id": "physician",
        "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": NPI_PHYSICIAN}],
        "qualification": [{"code": concept("208100000X", "http://nucc.org/provider-taxonomy")}],
    }


def _professional(name: str, profession: str) -> Json:
    return {
        "resourceType": "Practitioner",
        "id": name,
        "qualification": [{"code": concept(TAXONOMY[profession], "http://nucc.org/provider-taxonomy")}],
    }


def _condition(number: int, diagnosis: str) -> Json:
    return {
        "resourceType": "Condition",
        "id": f"condition{number}",
        "clinicalStatus": concept("active", "http://terminology.hl7.org/CodeSystem/condition-clinical"),
        "code": concept(diagnosis, "http://hl7.org/fhir/sid/icd-10-cm"),
        "subject": {"reference": "Patient/p1"},
    }


def _referral() -> Json:
    return {
        "resourceType": "ServiceRequest",
        "id": "referral",
        "contained": [_physician()],
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "authoredOn": "2026-10-12",
        "occurrencePeriod": {"start": "2026-10-12", "end": "2027-01-12"},
        "quantityQuantity": {"value": 12, "unit": "visits"},
        "requester": {"reference": "#physician"},
        "reasonCode": [concept("M54.2", "http://hl7.org/fhir/sid/icd-10-cm")],
    }
