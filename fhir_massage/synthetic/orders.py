"""Making correct orders: draft ServiceRequests for massage or manual therapy, with what comes along at order time."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec

from fhir_massage.read.codes import CPT, SNOMED
from fhir_massage.synthetic import parties
from fhir_massage.synthetic.choices import Choices, chance
from fhir_massage.synthetic.made import bundle
from fhir_massage.synthetic.maker import STYLES, Maker, drawn_days
from fhir_massage.synthetic.market import Market, Setting
from fhir_massage.synthetic.parties import ICD_10_CM, Addresses, Json

ORDERED = ("97124", "97140")
MASSAGE_IN_SNOMED = "387854002"
#: The payer's own answer to an order (Da Vinci Coverage Requirements Discovery).
COVERAGE_INFORMATION = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information"


class MadeOrder(msgspec.Struct, kw_only=True):
    """An order with its setting and day, and what stands beside it."""

    order: Json
    setting: Setting
    code: str
    day: date
    patient: Json
    coverage: Json
    performer: Json
    beside: list[Json]
    addresses: Addresses
    fresh_ids: int = 0

    @property
    def name(self) -> str:
        """The order as findings name it."""
        return f"ServiceRequest/{self.order['id']}"

    def add(self, resource: Json) -> Json:
        """Put a resource beside the order, and return the reference to it."""
        self.beside.append(resource)
        return {"reference": self.addresses.of(resource)}

    def fresh_id(self) -> str:
        """An id that no other resource of its type has."""
        self.fresh_ids += 1
        return f"{self.order['id']}-x{self.fresh_ids}"

    def resources(self) -> list[Json]:
        """Everything that stands beside the order."""
        return [self.patient, self.coverage, self.performer, *self.beside]

    def bundle(self) -> Json:
        """Everything in one Bundle."""
        return bundle(self.addresses, [self.order, *self.resources()])


def make_order(maker: Maker, choices: Choices, setting: Setting | None = None) -> MadeOrder | None:
    """A correct order with its own document; ``None`` where the setting has nothing to be ordered."""
    chosen = setting or maker.draw_setting(choices)
    addresses = Addresses(choices.choice(STYLES))
    subject = parties.patient(choices, "p1")
    day = drawn_days(choices, chosen.day, 1)[0]
    name = choices.choice(maker.market.names(chosen.payer))
    payor, reference = maker.payor(choices, "payor", name, addresses)
    coverage = parties.coverage(choices, "cov", addresses.of(subject), name, reference, day, day)
    number = choices.randint(10**8, 2 * 10**8 - 1)
    performer = parties.practitioner(choices, "performer", number, chosen.profession)
    made = order_for(maker.market, choices, "o1", chosen, day, subject, coverage, performer, addresses)
    if made is not None and payor is not None:
        made.beside.append(payor)
    return made


def order_for(
    market: Market,
    choices: Choices,
    id: str,
    setting: Setting,
    day: date,
    subject: Json,
    coverage: Json,
    performer: Json,
    addresses: Addresses,
) -> MadeOrder | None:
    """A correct order for a patient, written on ``day``; ``None`` where nothing can be ordered then."""
    policy = market.policy(setting.payer, day)
    billable = [code for code in market.codes(setting.payer, setting.profession, day) if code in ORDERED]
    if not billable or setting.profession.endswith("assistant"):
        return None
    code = choices.choice(billable)
    complaints = market.complaints(policy, code, day)
    if not complaints:
        return None
    order: Json = {
        "resourceType": "ServiceRequest",
        "id": id,
        "status": "draft",
        "intent": choices.choice(("order", "proposal", "plan")),
        "code": _ordered(choices, code),
        "subject": {"reference": addresses.of(subject)},
        "authoredOn": day.isoformat(),
        "insurance": [{"reference": addresses.of(coverage)}],
    }
    made = MadeOrder(
        order=order, setting=setting, code=code, day=day, patient=subject, coverage=coverage,
        performer=performer, beside=[], addresses=addresses,
    )  # fmt: skip
    if chance(choices, 0.7):
        order["performer"] = [{"reference": addresses.of(performer)}]
    if "performer" not in order or chance(choices, 0.3):
        order["performerType"] = parties.taxonomy(choices, setting.profession)
    asked = policy.referral(code, setting.profession)
    who = parties.requester_profession(choices, [asked] if asked else [])
    number = choices.randint(10**8, 2 * 10**8 - 1)
    order["requester"] = made.add(parties.practitioner(choices, f"{id}-by", number, who))
    complaint = choices.choice(complaints)
    if chance(choices, 0.5):
        condition = {
            "resourceType": "Condition",
            "id": f"{id}-why",
            "clinicalStatus": parties.concept("active", "http://terminology.hl7.org/CodeSystem/condition-clinical"),
            "code": parties.concept(complaint, ICD_10_CM),
            "subject": {"reference": addresses.of(subject)},
        }
        order["reasonReference"] = [made.add(condition)]
    else:
        order["reasonCode"] = [parties.concept(complaint, ICD_10_CM)]
    has_period = chance(choices, 0.5)
    if has_period:
        end = day + timedelta(days=choices.randint(20, 90))
        order["occurrencePeriod"] = {"start": day.isoformat(), "end": end.isoformat()}
    if not has_period or chance(choices, 0.5):
        order["quantityQuantity"] = {"value": choices.randint(4, 16), "unit": "visits"}
    if policy.may_ask_authorization(code, setting.profession) or chance(choices, 0.1):
        order["extension"] = [_authorized(choices)]
    return made


def _ordered(choices: Choices, code: str) -> Json:
    concept = parties.concept(code, choices.choice((CPT, "urn:oid:2.16.840.1.113883.6.12")))
    if code == "97124" and chance(choices, 0.3):
        concept["coding"].insert(0, {"system": SNOMED, "code": MASSAGE_IN_SNOMED})
    return concept


def _authorized(choices: Choices) -> Json:
    number = f"A{choices.randint(10**6, 10**7)}"
    return {
        "url": COVERAGE_INFORMATION,
        "extension": [
            {"url": "covered", "valueCode": "covered"},
            {"url": "pa-needed", "valueCode": "satisfied"},
            {"url": "satisfied-pa-id", "valueString": number},
        ],
    }
