"""Writing a planned claim as FHIR, in the many ways in which billing systems write one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Literal

import msgspec

from fhir_massage.case.people import THERAPISTS
from fhir_massage.read.codes import CPT, HCPCS, SNOMED
from fhir_massage.rules.tools import flag_for
from fhir_massage.synthetic.choices import Choices, chance
from fhir_massage.synthetic.market import Market
from fhir_massage.synthetic.parties import ICD_10_CM, NPI, UCUM, Addresses, Json, concept, taxonomy
from fhir_massage.synthetic.plan import Plan, Service
from fhir_massage.synthetic.repertoire import npi

Team = Literal["qualified", "record", "role", "several", "biller", "identifier"]
TEAMS: tuple[Team, ...] = ("qualified", "record", "role", "several", "biller", "identifier")
CPT_SYSTEMS: tuple[str | None, ...] = (CPT, CPT, "urn:oid:2.16.840.1.113883.6.12", None)
HCPCS_SYSTEMS: tuple[str | None, ...] = (HCPCS, HCPCS, "http://terminology.hl7.org/CodeSystem/HCPCS", None)
ICD_SYSTEMS: tuple[str | None, ...] = (ICD_10_CM, ICD_10_CM, "urn:oid:2.16.840.1.113883.6.90", None)
ZONES = ("-05:00", "-08:00", "Z", "+02:00")
CLAIM_TYPE = "http://terminology.hl7.org/CodeSystem/claim-type"
ROLE = "http://terminology.hl7.org/CodeSystem/claimcareteamrole"
CARIN_ROLE = "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBClaimCareTeamRole"
INFORMATION = "http://terminology.hl7.org/CodeSystem/claiminformationcategory"


class References(msgspec.Struct):
    """The references that a claim makes to what stands beside it.

    ``rendering`` names who rendered; ``others`` are further members of the care team.
    """

    patient: Json
    biller: Json
    rendering: Json
    coverages: list[Json]
    others: list[Json] = []
    referral: Json | None = None
    addresses: Addresses = Addresses()


class Writing(msgspec.Struct):
    """How one billing system writes its claims."""

    team: Team
    cpt: str | None
    hcpcs: str | None
    icd: str | None
    dotted: bool
    dated: Literal["date", "period", "billable"]
    zone: str
    hours: bool
    modifiers_apart: bool
    quantity: Json
    totals: bool
    nets: bool
    words: bool


def writing(choices: Choices, team: Team) -> Writing:
    """One way of writing, drawn."""
    return Writing(
        team=team,
        cpt=choices.choice(CPT_SYSTEMS),
        hcpcs=choices.choice(HCPCS_SYSTEMS),
        icd=choices.choice(ICD_SYSTEMS),
        dotted=chance(choices, 0.6),
        dated=choices.choice(("date", "date", "period", "billable")),
        zone=choices.choice(ZONES),
        hours=chance(choices, 0.2),
        modifiers_apart=chance(choices, 0.8),
        quantity=choices.choice(({}, {}, {"unit": "{unit}"}, {"code": "1", "system": UCUM}, {"unit": "UN"})),
        totals=chance(choices, 0.9),
        nets=chance(choices, 0.9),
        words=chance(choices, 0.2),
    )


class ClaimWriter:
    """Writes plans as FHIR Claims."""

    def __init__(self, market: Market) -> None:
        self.market = market

    def write(
        self, choices: Choices, id: str, plan: Plan, how: Writing, refers: References, created: date
    ) -> tuple[Json, list[Json]]:
        """The Claim, and the Procedures that its lines name."""
        claim: Json = {
            "resourceType": "Claim",
            "id": id,
            "status": "active",
            "type": concept("professional", CLAIM_TYPE),
            "use": "claim",
            "patient": dict(refers.patient),
            "created": created.isoformat(),
            "provider": dict(refers.rendering if how.team == "biller" else refers.biller),
            "priority": concept("normal"),
        }
        if refers.referral is not None:
            claim["referral"] = dict(refers.referral)
        if how.dated == "billable" and len(plan.days) == 1 and plan.minutes != "period":
            claim["billablePeriod"] = {"start": plan.days[0].isoformat(), "end": plan.days[0].isoformat()}
        team = self._team(choices, plan, how, refers)
        if team:
            claim["careTeam"] = team
        procedures = self._timed(claim, plan, how, refers)
        claim["diagnosis"] = [
            {"sequence": n, "diagnosisCodeableConcept": concept(c if how.dotted else c.replace(".", ""), how.icd)}
            for n, c in enumerate(plan.complaints, start=1)
        ]
        if procedures:
            claim["procedure"] = [
                {"sequence": n, "procedureReference": {"reference": refers.addresses.of(made)}}
                for n, made in enumerate(procedures, start=1)
            ]
        claim["insurance"] = [
            {"sequence": n, "focal": n == 1, "coverage": dict(each)} for n, each in enumerate(refers.coverages, start=1)
        ]
        claim["item"] = [self._item(choices, n, s, plan, how) for n, s in enumerate(plan.services, start=1)]
        if how.totals:
            total = sum((service.price * service.units for service in plan.services), Decimal(0))
            claim["total"] = {"value": total, "currency": "USD"}
        return claim, procedures

    def _team(self, choices: Choices, plan: Plan, how: Writing, refers: References) -> list[Json]:
        if how.team == "biller":
            return []
        member: Json = {"sequence": 1, "provider": dict(refers.rendering)}
        if how.team in ("qualified", "identifier", "several"):
            member["qualification"] = taxonomy(choices, plan.profession)
        others: list[Json] = []
        if how.team == "several":
            member["responsible"] = True
            others = [{"provider": dict(each)} for each in refers.others]
        team = [member, *others, *_beside(choices, plan)]
        return [{"sequence": n, **each} for n, each in enumerate(team, start=1)]

    def _timed(self, claim: Json, plan: Plan, how: Writing, refers: References) -> list[Json]:
        """Write the minutes where they do not stand on the lines themselves; the Procedures made for that."""
        if plan.minutes == "information":
            infos = [
                _minutes(n, service.minutes, in_hours=how.hours)
                for n, service in enumerate(plan.services, start=1)
                if service.timed
            ]
            if infos:
                claim["supportingInfo"] = infos
        if plan.minutes != "procedure":
            return []
        return [
            {
                "resourceType": "Procedure",
                "id": f"{claim['id']}-{n}",
                "status": "completed",
                "code": concept(service.code, how.cpt),
                "subject": dict(refers.patient),
                "performedPeriod": _period(service, how.zone),
            }
            for n, service in enumerate(plan.services, start=1)
        ]

    def _item(self, choices: Choices, number: int, service: Service, plan: Plan, how: Writing) -> Json:
        system = how.hcpcs if service.code[0].isalpha() else how.cpt
        item: Json = {"sequence": number, "productOrService": concept(service.code, system)}
        if how.team != "biller" and (how.team == "several" or number % 2):
            item["careTeamSequence"] = [1]
        item["diagnosisSequence"] = [place + 1 for place in service.complaints]
        if plan.minutes == "information" and service.timed:
            item["informationSequence"] = [number]
        if plan.minutes == "procedure":
            item["procedureSequence"] = [number]
        if how.words and plan.minutes != "procedure":
            spoken = technique_words(self.market, service.code, service.day)
            if spoken:
                item["productOrService"]["text"] = choices.choice(spoken)
        if service.modifiers:
            item["modifier"] = _modifiers(service.modifiers, apart=how.modifiers_apart)
        if plan.minutes == "period":
            item["servicedPeriod"] = _period(service, how.zone)
        elif how.dated == "period":
            item["servicedPeriod"] = {"start": service.day.isoformat(), "end": service.day.isoformat()}
        elif how.dated == "date" or len(plan.days) > 1:
            item["servicedDate"] = service.day.isoformat()
        if service.regions:
            sites = [self._site(choices, region) for region in service.regions]
            item["bodySite"] = sites[0]
            if len(sites) > 1:
                item["subSite"] = sites[1:]
        item["quantity"] = {"value": service.units, **how.quantity}
        item["unitPrice"] = {"value": service.price, "currency": "USD"}
        if how.nets:
            item["net"] = {"value": service.price * service.units, "currency": "USD"}
        return item

    def _site(self, choices: Choices, region: str) -> Json:
        kind, value = choices.choice(self.market.sites[region])
        return {"text": value} if kind == "text" else concept(value, SNOMED)


@lru_cache(maxsize=4096)
def technique_words(market: Market, code: str, day: date) -> tuple[str, ...]:
    """The techniques that belong to a code, and to no other code, by their names."""
    rows = [row for row in market.facts.techniques if row.kind == "text" and row.in_force(day)]
    return tuple(
        row.value for row in rows
        if row.code == code and not any(other.value in row.value and other.code != code for other in rows)
    )  # fmt: skip


def created_after(choices: Choices, market: Market, plan: Plan) -> date:
    """A day on which the claim may be sent: from the last visit on, within the payer's limit."""
    last = plan.days[-1]
    days = choices.choice((0, 1, 2, 5, 12, 20))
    limit = market.policy(plan.payer, last).filing_limit
    if limit is not None and limit.days is not None:
        days = min(days, limit.days - (last - plan.days[0]).days)
    return last + timedelta(days=max(days, 0))


def _minutes(sequence: int, minutes: int, *, in_hours: bool) -> Json:
    if in_hours and minutes % 15 == 0:
        quantity: Json = {"value": Decimal(minutes) / 60, "unit": "h", "system": UCUM, "code": "h"}
    else:
        quantity = {"value": minutes, "unit": "min", "system": UCUM, "code": "min"}
    return {"sequence": sequence, "category": concept("info", INFORMATION), "valueQuantity": quantity}


def _period(service: Service, zone: str) -> Json:
    start, end = service.starts, service.starts + service.minutes
    return {"start": moment(service.day, start, zone), "end": moment(service.day, end, zone)}


def moment(day: date, minute: int, zone: str) -> str:
    """A minute of a day as a FHIR dateTime."""
    return f"{day.isoformat()}T{minute // 60:02}:{minute % 60:02}:00{zone}"


def _modifiers(modifiers: Sequence[str], *, apart: bool) -> list[Json]:
    if apart:
        return [concept(modifier) for modifier in modifiers]
    return [{"coding": [{"code": modifier} for modifier in modifiers]}]


def names_others(plan: Plan) -> bool:
    """Whether the payer wants others on the claim beside who rendered: who certified the plan, who supervises."""
    return _certifies(plan) or _supervises(plan)


def _certifies(plan: Plan) -> bool:
    flag = plan.policy.referring_provider
    return any(flag_for(flag, service.code, plan.profession) is not None for service in plan.services)


def _supervises(plan: Plan) -> bool:
    found = [plan.policy.payable(service.code, plan.profession) for service in plan.services]
    return any(entry is not None and entry.supervised for entry in found)


def _beside(choices: Choices, plan: Plan) -> list[Json]:
    """Who certified the plan of care, and who supervises an assistant, as care team members without sequence."""
    team: list[Json] = []
    if _supervises(plan):
        therapist = taxonomy(choices, THERAPISTS[plan.profession])
        team.append({"provider": _by_number(choices), "role": concept("supervisor", ROLE), "qualification": therapist})
    if _certifies(plan):
        team.append({"provider": _by_number(choices), "role": concept("referring", CARIN_ROLE)})
    return team


def _by_number(choices: Choices) -> Json:
    return {"identifier": {"system": NPI, "value": npi(choices.randint(10**8, 2 * 10**8 - 1))}}
