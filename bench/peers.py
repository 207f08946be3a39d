"""What a review is measured beside: reading the same bytes, and others who check the same claim."""

from __future__ import annotations

import importlib.util
import json
import warnings
from functools import partial
from typing import Any

import msgspec

from bench.measure import Work
from fhir_massage.read import elements
from fhir_massage.read.read import read

FLOOR = "msgspec decoding (same structs)"
#: A checker of CMS-1500 claims from PyPI; the bench does not install it.
CLAIM_VALIDATOR = "claim-validator 0.3.0 (no FHIR, no corrections)"


def readers(content: bytes) -> dict[str, Work]:
    """Ways to read the bytes and do nothing with them."""
    decoder = msgspec.json.Decoder(elements.AnyResource)
    return {
        FLOOR: partial(decoder.decode, content),
        "msgspec decoding (dicts)": partial(msgspec.json.decode, content),
        "json.loads": partial(json.loads, content),
        "reading it as a review does": partial(read, content),
        "fhir.resources validation": partial(_bundle().model_validate_json, content),
    }


def checkers(content: bytes) -> dict[str, Work]:
    """Others who check the claim, as far as they are installed."""
    found: dict[str, Work] = {"a service on fhir.resources": partial(_service, _bundle(), _outcome(), content)}
    if importlib.util.find_spec("claim_validator") is not None:
        from claim_validator import validate

        found[CLAIM_VALIDATOR] = partial(validate, _as_cms_1500(json.loads(content)))
    return found


def _service(bundle_model: Any, outcome_model: Any, content: bytes) -> str:
    """The least that a service on fhir.resources does: validate, join, check, and answer with a validated outcome.

    Its checks are a tenth of ours (pointers, dates, sums, an NPI's length), and it proves no correction.
    """
    bundle = bundle_model.model_validate_json(content)
    found = {f"{e.resource.get_resource_type()}/{e.resource.id}": e.resource for e in bundle.entry}
    issues = []
    for claim in (r for r in found.values() if r.get_resource_type() == "Claim"):
        coverage = found.get(claim.insurance[0].coverage.reference)
        if coverage is None or coverage.status != "active":
            issues.append(_issue("insurance", "the coverage is not active"))
        sequences = {diagnosis.sequence for diagnosis in claim.diagnosis or ()}
        for position, item in enumerate(claim.item or ()):
            if not sequences.issuperset(item.diagnosisSequence or ()) or not item.diagnosisSequence:
                issues.append(_issue(f"item[{position}]", "it points at no diagnosis"))
            if item.servicedDate is None or item.servicedDate > claim.created:
                issues.append(_issue(f"item[{position}]", "its date is wrong"))
            if item.net.value != item.quantity.value * item.unitPrice.value:
                issues.append(_issue(f"item[{position}].net", "it does not add up"))
        if claim.total.value != sum(item.net.value for item in claim.item or ()):
            issues.append(_issue("total", "it does not add up"))
    issues = issues or [{"severity": "information", "code": "informational"}]
    answer: str = outcome_model.model_validate({"issue": issues}).model_dump_json()
    return answer


def _issue(element: str, text: str) -> dict[str, Any]:
    return {"severity": "error", "code": "invalid", "expression": [f"Claim.{element}"], "diagnostics": text}


def _bundle() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from fhir.resources.R4B.bundle import Bundle
    return Bundle


def _outcome() -> Any:
    from fhir.resources.R4B.operationoutcome import OperationOutcome

    return OperationOutcome


def _as_cms_1500(bundle: dict[str, Any]) -> dict[str, Any]:
    """The claim in the words of ``claim-validator``; turning it into them is not timed."""
    claim = bundle["entry"][0]["resource"]
    return {
        "billing_provider_npi": "1234567893",
        "total_charge": claim["total"]["value"],
        "diagnosis_codes": [
            {"code": each["diagnosisCodeableConcept"]["coding"][0]["code"], "pointer": each["sequence"]}
            for each in claim["diagnosis"]
        ],
        "lines": [
            {
                "procedure_code": item["productOrService"]["coding"][0]["code"],
                "modifiers": [each["coding"][0]["code"] for each in item.get("modifier", [])],
                "units": item["quantity"]["value"],
                "charge_amount": item["net"]["value"],
                "diagnosis_pointers": item.get("diagnosisSequence", []),
                "service_date_from": item["servicedDate"],
            }
            for item in claim["item"]
        ],
    }
