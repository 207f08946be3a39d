"""However a system, a code, a reference or a modifier is spelled, the findings are the same.

The spellings are those that public claims show: CMS's Blue Button, Synthea, OpenEMR, HL7's guides and the field.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_massage.read.codes import CPT
from tests.claims import Json, reviewed

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "fhir_massage/rules/examples").glob("*/bad.json"), *(ROOT / "examples/claims").glob("*.json")])
CPT_SPELLINGS = (
    CPT, "https://www.ama-assn.org/go/cpt", "http://www.ama-assn.org/go/cpt/", "http://ama-assn.org/go/cpt",
    "urn:oid:2.16.840.1.113883.6.12", "2.16.840.1.113883.6.12", "http://hl7.org/fhir/sid/cpt", "CPT", "CPT-4",
    "https://bluebutton.cms.gov/resources/codesystem/hcpcs", "urn:oid:2.16.840.1.113883.6.14", None,
)  # fmt: skip
ICD_SPELLINGS = (
    "http://hl7.org/fhir/sid/icd-10-cm", "https://hl7.org/fhir/sid/icd-10-cm/", "http://hl7.org/fhir/sid/icd-10",
    "urn:oid:2.16.840.1.113883.6.90", "ICD-10-CM", None,
)  # fmt: skip
NUCC_SPELLINGS = (
    "http://nucc.org/provider-taxonomy", "https://nucc.org/provider-taxonomy", "http://www.nucc.org/provider-taxonomy/",
    "urn:oid:2.16.840.1.113883.6.101", None,
)  # fmt: skip
NPI = "http://hl7.org/fhir/sid/us-npi"

Change = Callable[[Json, Random], None]


def codings(concept: Json | None) -> list[Json]:
    return [] if concept is None else list(concept.get("coding", []))


def respell(coding: Json, spellings: tuple[str | None, ...], random: Random) -> None:
    """Another name of the coding's system, where it has one of these now."""
    if coding.get("system") not in spellings:
        return
    chosen = random.choice(spellings)
    coding.pop("system", None)
    if chosen is not None:
        coding["system"] = chosen


def procedure_systems(claim: Json, random: Random) -> None:
    for item in claim.get("item", []):
        for coding in codings(item.get("productOrService")):
            if len(coding.get("code", "")) == 5 and coding["code"].isdigit():
                respell(coding, CPT_SPELLINGS, random)


def procedure_text(claim: Json, random: Random) -> None:
    """The code as a text alone."""
    for item in claim.get("item", []):
        found = codings(item.get("productOrService"))
        if len(found) == 1 and set(item["productOrService"]) == {"coding"} and "display" not in found[0]:
            item["productOrService"] = {"text": found[0]["code"]}


def modifiers(claim: Json, random: Random) -> None:
    """Lower case, words alone, or all modifiers of a line in one concept."""
    for item in claim.get("item", []):
        concepts = item.get("modifier", [])
        if not concepts or any(len(codings(concept)) != 1 for concept in concepts):
            continue
        codes = [concept["coding"][0]["code"] for concept in concepts]
        if any(len(code) != 2 or not code.isalnum() for code in codes) or len(set(codes)) < len(codes):
            continue
        item["modifier"] = random.choice(
            (
                [{"coding": [{"code": code.lower()}]} for code in codes],
                [{"text": code} for code in codes],
                [{"coding": [{"code": code} for code in codes]}],
            )
        )


def diagnosis_systems(claim: Json, random: Random) -> None:
    for diagnosis in claim.get("diagnosis", []):
        for coding in codings(diagnosis.get("diagnosisCodeableConcept")):
            respell(coding, ICD_SPELLINGS, random)
            if coding.get("system") and random.random() < 0.5:
                coding["code"] = coding["code"].replace(".", "")


def taxonomy_systems(claim: Json, random: Random) -> None:
    for member in claim.get("careTeam", []):
        for coding in codings(member.get("qualification")):
            respell(coding, NUCC_SPELLINGS, random)


CHANGES: tuple[Change, ...] = (procedure_systems, procedure_text, modifiers, diagnosis_systems, taxonomy_systems)


def found(content: Json) -> Counter[tuple[str, str, str]]:
    """What is found and where, by line and without the element within it: a modifier's place may differ."""
    report = reviewed(content)
    assert report.unread == ()
    return Counter((f.rule, f.severity, f.expression[0].split("]")[0]) for f in report.findings)


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(file=st.sampled_from(FILES), change=st.sampled_from(CHANGES), seed=st.integers(0, 10_000))
def test_a_spelling_changes_no_finding(file: Path, change: Change, seed: int) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    respelled = copy.deepcopy(content)
    for entry in respelled.get("entry", []):
        if entry["resource"]["resourceType"] == "Claim":
            change(entry["resource"], Random(seed))
    assert found(respelled) == found(content), (file.parent.name, change.__name__)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(file=st.sampled_from(FILES))
def test_a_search_in_place_of_an_address_changes_no_finding(file: Path) -> None:
    """References to practitioners with an NPI, written as ``Practitioner?identifier=system|value``."""
    content = json.loads(file.read_text(encoding="utf-8"))
    numbers = {
        f"Practitioner/{resource['id']}": each["value"]
        for entry in content.get("entry", [])
        if (resource := entry["resource"])["resourceType"] == "Practitioner"
        for each in resource.get("identifier", [])
        if each.get("system") == NPI
    }
    respelled = copy.deepcopy(content)
    for entry in respelled.get("entry", []):
        for member in entry["resource"].get("careTeam", []) if entry["resource"]["resourceType"] == "Claim" else ():
            number = numbers.get(member.get("provider", {}).get("reference", ""))
            if number is not None:
                member["provider"] = {"reference": f"Practitioner?identifier={NPI}|{number}"}
    assert found(respelled) == found(content), file.parent.name
