"""Correct claims of other kinds: a hospital's, and a request for authorization."""

from __future__ import annotations

from typing import Literal

from fhir_massage.synthetic.claim import CLAIM_TYPE
from fhir_massage.synthetic.made import Made
from fhir_massage.synthetic.parties import Json, concept

Kind = Literal["institutional", "preauthorization"]
#: The uniform bill's revenue codes of therapy, by the professions whom a hospital bills for.
REVENUE = {"physical-therapist": "0420", "occupational-therapist": "0430"}
REVENUE_SYSTEM = "https://www.nubc.org/CodeSystem/RevenueCodes"
#: What a request does not say of services that were not given yet.
_OF_DONE = ("servicedDate", "servicedPeriod", "informationSequence", "procedureSequence")


def can_be(made: Made, kind: Kind) -> bool:
    """Whether such a claim can be made of a professional one."""
    return kind == "preauthorization" or made.plan.profession in REVENUE


def make(made: Made, kind: Kind) -> None:
    """Turn a correct professional claim into one of another kind, in place."""
    if kind == "institutional":
        _institutional(made.claim, REVENUE[made.plan.profession])
    else:
        _request(made.claim)


def _institutional(claim: Json, revenue: str) -> None:
    """The hospital's claim: lines of revenue codes, which point at no diagnosis."""
    claim["type"] = concept("institutional", CLAIM_TYPE)
    for item in claim["item"]:
        item.pop("diagnosisSequence", None)
        item["revenue"] = concept(revenue, REVENUE_SYSTEM)


def _request(claim: Json) -> None:
    """The request: nothing was done yet, and nothing is authorized."""
    claim["use"] = "preauthorization"
    for key in ("billablePeriod", "supportingInfo", "procedure"):
        claim.pop(key, None)
    for insurance in claim["insurance"]:
        insurance.pop("preAuthRef", None)
    for item in claim["item"]:
        for key in _OF_DONE:
            item.pop(key, None)
