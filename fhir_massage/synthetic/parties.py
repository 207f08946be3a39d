"""The people, coverages, referrals and answers that a claim stands on, as FHIR resources."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

import msgspec

from fhir_massage.facts.policy import ReferralAsked
from fhir_massage.read.codes import CPT, HCPCS, SNOMED
from fhir_massage.synthetic import repertoire
from fhir_massage.synthetic.choices import Choices, chance
from fhir_massage.synthetic.market import PayerName

Json = dict[str, Any]
Style = Literal["relative", "absolute", "versioned", "uuid"]
NPI = "http://hl7.org/fhir/sid/us-npi"
NUCC = "http://nucc.org/provider-taxonomy"
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
UCUM = "http://unitsofmeasure.org"
BASE = "http://ehr.example.org/fhir"
RECORD_NUMBER = "http://ehr.example.org/mrn"
PHYSICAL_THERAPY = "91251008"


class Addresses(msgspec.Struct, frozen=True):
    """How the resources of one document refer to each other."""

    style: Style = "relative"

    def of(self, resource: Json) -> str:
        """The address by which others refer to a resource."""
        name = f"{resource['resourceType']}/{resource['id']}"
        if self.style == "relative":
            return name
        if self.style == "uuid":
            return self.full_url(resource)
        return f"{BASE}/{name}/_history/2" if self.style == "versioned" else f"{BASE}/{name}"

    def full_url(self, resource: Json) -> str:
        """The ``fullUrl`` of its entry in a Bundle."""
        name = f"{resource['resourceType']}/{resource['id']}"
        return f"urn:uuid:{uuid5(NAMESPACE_URL, name)}" if self.style == "uuid" else f"{BASE}/{name}"


def concept(code: str, system: str | None = None, text: str | None = None) -> Json:
    """A codeable concept with one coding."""
    coding = {"system": system, "code": code} if system else {"code": code}
    return {"coding": [coding], "text": text} if text else {"coding": [coding]}


def procedure_concept(code: str) -> Json:
    """A procedure code with its system."""
    return concept(code, HCPCS if code[0].isalpha() else CPT)


def patient(choices: Choices, id: str) -> Json:
    """A patient."""
    return {
        "resourceType": "Patient",
        "id": id,
        "identifier": [{"system": RECORD_NUMBER, "value": f"MRN-{id}"}],
        "name": [{"family": choices.choice(repertoire.FAMILIES), "given": [choices.choice(repertoire.GIVEN)]}],
        "gender": choices.choice(("female", "male", "other", "unknown")),
        "birthDate": f"{choices.randint(1940, 2004)}-{choices.randint(1, 12):02}-{choices.randint(1, 28):02}",
    }


def clinic(choices: Choices, id: str, number: int) -> Json:
    """An organization that bills. ``number`` is the first nine digits of its NPI."""
    return {
        "resourceType": "Organization",
        "id": id,
        "identifier": [{"system": NPI, "value": repertoire.npi(number)}],
        "name": f"{choices.choice(repertoire.CLINICS)} Therapy",
    }


def practitioner(choices: Choices, id: str, number: int, profession: str | None) -> Json:
    """Somebody who renders or refers; ``profession`` where their own record tells it."""
    made = {
        "resourceType": "Practitioner",
        "id": id,
        "identifier": [{"system": NPI, "value": repertoire.npi(number)}],
        "name": [{"family": choices.choice(repertoire.FAMILIES), "given": [choices.choice(repertoire.GIVEN)]}],
    }
    if profession is not None:
        made["qualification"] = [{"code": taxonomy(choices, profession)}]
    return made


def role(choices: Choices, id: str, person: str, organization: str, profession: str) -> Json:
    """The role that a person has in a clinic; the profession stands in its code or specialty."""
    return {
        "resourceType": "PractitionerRole",
        "id": id,
        "practitioner": {"reference": person},
        "organization": {"reference": organization},
        choices.choice(("code", "specialty")): [taxonomy(choices, profession)],
    }


def taxonomy(choices: Choices, profession: str) -> Json:
    """The NUCC code of a profession."""
    return concept(choices.choice(repertoire.TAXONOMIES[profession]), NUCC)


def payor(id: str, name: PayerName, shown: str) -> Json:
    """The organization that pays, named as the facts know it, or by a name that nobody knows."""
    made: Json = {"resourceType": "Organization", "id": id, "name": shown}
    if name.identifier:
        made["identifier"] = [payor_identifier(name.identifier)]
    return made


def payor_identifier(written: str) -> Json:
    """An identifier that the facts write as ``system|value``, or as a value alone."""
    system, bar, value = written.rpartition("|")
    return {"system": system, "value": value} if bar else {"value": value}


def payor_name(choices: Choices, name: PayerName) -> str:
    """What the payor is called."""
    if name.name:
        return choices.choice((name.name, name.name.title(), name.name.upper()))
    return choices.choice(repertoire.UNKNOWN_PAYORS)


def coverage(
    choices: Choices, id: str, beneficiary: str, name: PayerName, payor: Json, first: date, last: date
) -> Json:
    """A coverage in force from ``first`` to ``last`` at least."""
    made: Json = {
        "resourceType": "Coverage",
        "id": id,
        "status": "active",
        "beneficiary": {"reference": beneficiary},
        "payor": [payor],
    }
    if name.type_code is not None:
        made["type"] = concept(name.type_code, name.type_system)
    kind = choices.randint(0, 3)
    if kind:
        made["period"] = {"start": (first - timedelta(days=choices.randint(0, 900))).isoformat()}
    if kind == 2:
        made["period"]["end"] = (last + timedelta(days=choices.randint(0, 400))).isoformat()
    if kind == 3:
        made["period"] = {"start": str(first.year), "end": str(last.year)}
    return made


def requester_profession(choices: Choices, asked: Sequence[ReferralAsked]) -> str:
    """A profession whose referral is taken for all that is asked for."""
    taken = [
        who for who in ("physician", "advanced-practice") if all(who in a.referrers or not a.referrers for a in asked)
    ]
    return choices.choice(taken) if taken else next(iter(asked[0].referrers), "physician")


def referral(
    choices: Choices,
    id: str,
    subject: str,
    requester: Json,
    asked: Sequence[ReferralAsked],
    days: Sequence[date],
    codes: Sequence[str],
    reason: str,
    *,
    visits: int | None = None,
) -> Json:
    """A referral that reaches every one of the days and orders every one of the codes.

    ``visits``: so many, exactly, and whatever the days are.
    """
    lives = min((a.life_days for a in asked if a.life_days is not None), default=365)
    earliest = max(days[-1] - timedelta(days=lives), days[0] - timedelta(days=60))
    authored = days[0] - timedelta(days=choices.randint(0, max((days[0] - earliest).days, 0)))
    made: Json = {
        "resourceType": "ServiceRequest",
        "id": id,
        "status": choices.choice(("active", "active", "completed")),
        "intent": choices.choice(("order", "order", "original-order", "instance-order")),
        "subject": {"reference": subject},
        "authoredOn": authored.isoformat(),
        "requester": requester,
        "reasonCode": [concept(reason, ICD_10_CM)],
    }
    ordered = choices.randint(0, 3)
    if ordered == 0:
        made["code"] = procedure_concept(codes[0])
        if len(codes) > 1:
            made["orderDetail"] = [procedure_concept(code) for code in codes[1:]]
    elif ordered == 1:
        made["code"] = concept(PHYSICAL_THERAPY, SNOMED)
    elif ordered == 2:
        made["code"] = {"text": choices.choice(repertoire.ORDERED_WORDS)}
    has_period = chance(choices, 0.6)
    if has_period:
        end = days[-1] + timedelta(days=choices.randint(0, 60))
        made["occurrencePeriod"] = {"start": authored.isoformat(), "end": end.isoformat()}
    if visits is not None or not has_period or chance(choices, 0.5):
        count = visits if visits is not None else len(set(days)) + choices.randint(0, 6)
        made["quantityQuantity"] = {"value": count, "unit": "visits"}
    return made


def eligibility(id: str, subject: str, covered: str, day: date, item: Json) -> Json:
    """The payer's own answer on a patient's benefits."""
    return {
        "resourceType": "CoverageEligibilityResponse",
        "id": id,
        "status": "active",
        "purpose": ["benefits"],
        "patient": {"reference": subject},
        "created": day.isoformat(),
        "request": {"display": "Benefits enquiry"},
        "outcome": "complete",
        "insurer": {"display": "Payer"},
        "insurance": [{"coverage": {"reference": covered}, "item": [item]}],
    }


def therapy_benefit(discipline: Literal["PT", "AD"], used: Decimal) -> Json:
    """The item of such an answer that says how much of the year's therapy amount is used, in dollars."""
    return {
        "category": concept(discipline, "http://terminology.hl7.org/CodeSystem/ex-benefitcategory"),
        "benefit": [{"type": concept("benefit"), "usedMoney": {"value": used, "currency": "USD"}}],
    }


def visits_benefit(allowed: int, used: int | None = None) -> Json:
    """The item of such an answer that says how many visits are allowed, and how many are used."""
    benefit: Json = {"type": concept("visit"), "allowedUnsignedInt": allowed}
    if used is not None:
        benefit["usedUnsignedInt"] = used
    return {
        "category": concept("PT", "http://terminology.hl7.org/CodeSystem/ex-benefitcategory"),
        "benefit": [benefit],
    }
