"""Codes in codeable concepts: the systems that name them, and which coding counts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fhir_massage.read.elements import CodeableConcept

CPT = "http://www.ama-assn.org/go/cpt"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
HCPCS_SYSTEMS = frozenset(
    {
        HCPCS,
        "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
        "http://terminology.hl7.org/CodeSystem/HCPCS",
        "urn:oid:2.16.840.1.113883.6.285",
    }
)
PROCEDURE_SYSTEMS = HCPCS_SYSTEMS | {CPT, "urn:oid:2.16.840.1.113883.6.12"}
ICD_10_CM_SYSTEMS = frozenset({"http://hl7.org/fhir/sid/icd-10-cm", "urn:oid:2.16.840.1.113883.6.90"})
SNOMED = "http://snomed.info/sct"
SNOMED_SYSTEMS = frozenset({SNOMED, "urn:oid:2.16.840.1.113883.6.96"})
#: SNOMED CT's qualifiers of laterality: left, right, right and left, unilateral.
SNOMED_SIDES = frozenset({"7771000", "24028007", "51440002", "66459002"})
SIDES = frozenset({"left", "right", "bilateral", "both", "both sides", "left side", "right side", "unilateral"})
TAXONOMY_SYSTEMS = frozenset({"http://nucc.org/provider-taxonomy", "urn:oid:2.16.840.1.113883.6.101"})
NPI_SYSTEMS = frozenset({"http://hl7.org/fhir/sid/us-npi", "urn:oid:2.16.840.1.113883.4.6"})
TYPOLOGY_SYSTEMS = frozenset(
    {
        "https://nahdo.org/sopt",
        "http://nahdo.org/sopt",
        "urn:oid:2.16.840.1.113883.3.221.5",
        "urn:oid:2.16.840.1.113883.221.5",
    }
)

_PROCEDURE_SHAPE = re.compile(r"\d{4}[0-9A-Z]|[A-Z]\d{4}")
_ICD_SHAPE = re.compile(r"[A-Z]\d[0-9A-Z](\.?[0-9A-Z]{1,4})?")
_TAXONOMY_SHAPE = re.compile(r"[0-9A-Z]{9}X")


def codes(concept: CodeableConcept | None) -> list[tuple[str, str]]:
    """The (system, code) of each coding that has a code; the system is empty where absent."""
    if concept is None:
        return []
    return [(coding.system or "", coding.code.strip()) for coding in concept.coding if coding.code]


def procedure_code(concept: CodeableConcept | None) -> str | None:
    """The CPT or HCPCS code; failing those, a code without system that has the shape of one."""
    if concept is None:
        return None
    unnamed = None
    for coding in concept.coding:
        if not coding.code:
            continue
        if coding.system in PROCEDURE_SYSTEMS:
            return coding.code.strip().upper()
        if coding.system is None and unnamed is None:
            code = coding.code.strip().upper()
            if _PROCEDURE_SHAPE.fullmatch(code):
                unnamed = code
    return unnamed


def has_procedure_shape(code: str) -> bool:
    """Whether the code looks like one of CPT or HCPCS."""
    return _PROCEDURE_SHAPE.fullmatch(code.strip().upper()) is not None


def diagnosis_code(concept: CodeableConcept | None) -> str | None:
    """The ICD-10-CM code with its dot, whichever way it was written."""
    unnamed = None
    for system, code in codes(concept):
        if system in ICD_10_CM_SYSTEMS:
            return with_dot(code)
        if not system and unnamed is None and _ICD_SHAPE.fullmatch(code.upper()):
            unnamed = with_dot(code)
    return unnamed


def with_dot(code: str) -> str:
    """An ICD-10-CM code in upper case with the dot after its third character."""
    plain = code.strip().upper().replace(".", "")
    return plain if len(plain) <= 3 else f"{plain[:3]}.{plain[3:]}"


def is_side(site: CodeableConcept) -> bool:
    """Whether a site says only on which side, and names no region."""
    sided = [code for system, code in codes(site) if system in SNOMED_SYSTEMS]
    if sided:
        return all(code in SNOMED_SIDES for code in sided)
    said = [text.strip().lower() for text in words(site)]
    return bool(said) and all(text in SIDES for text in said)


def taxonomy_codes(concept: CodeableConcept | None) -> Iterator[str]:
    """NUCC provider taxonomy codes, also where no system is named."""
    for system, code in codes(concept):
        if system in TAXONOMY_SYSTEMS or (not system and _TAXONOMY_SHAPE.fullmatch(code.upper())):
            yield code.upper()


def words(concept: CodeableConcept | None) -> Iterator[str]:
    """The texts of a concept: its own and its codings' displays."""
    if concept is not None:
        if concept.text:
            yield concept.text
        for coding in concept.coding:
            if coding.display:
                yield coding.display
