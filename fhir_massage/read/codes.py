"""Codes in codeable concepts: the systems that name them, and which coding counts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from fhir_massage.read.elements import CodeableConcept

CPT = "http://www.ama-assn.org/go/cpt"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"


class Systems:
    """Code systems by their names, however they are spelled.

    ``in`` passes over the scheme, ``www.``, a closing slash, ``urn:oid:`` and case.
    """

    def __init__(self, *names: str) -> None:
        self._names = frozenset(map(spelled_alike, names))

    def __contains__(self, system: object) -> bool:
        return isinstance(system, str) and spelled_alike(system) in self._names

    def __or__(self, other: Systems) -> Systems:
        return Systems(*self._names, *other._names)

    def __sub__(self, other: Systems) -> Systems:
        return Systems(*(self._names - other._names))


@lru_cache(maxsize=1024)
def spelled_alike(system: str) -> str:
    """A code system's name without what differs between spellings of one name."""
    return _SPELLING.sub("", system.strip().lower().rstrip("/"))


_SPELLING = re.compile(r"^(urn:oid:|https?://(www\.)?)")

#: HCPCS level II, CMS's own spelling of it in Blue Button among them, and its plain name.
HCPCS_SYSTEMS = Systems(
    HCPCS,
    "http://terminology.hl7.org/CodeSystem/HCPCS",
    "urn:oid:2.16.840.1.113883.6.285",
    "urn:oid:2.16.840.1.113883.6.14",
    "https://bluebutton.cms.gov/resources/codesystem/hcpcs",
    "HCPCS",
    "HCPCS Level II",
)
CPT_SYSTEMS = Systems(CPT, "urn:oid:2.16.840.1.113883.6.12", "http://hl7.org/fhir/sid/cpt", "CPT", "CPT-4", "CPT4")
PROCEDURE_SYSTEMS = HCPCS_SYSTEMS | CPT_SYSTEMS
#: ICD-10-CM; CMS writes it as ICD-10.
ICD_10_CM_SYSTEMS = Systems(
    "http://hl7.org/fhir/sid/icd-10-cm",
    "urn:oid:2.16.840.1.113883.6.90",
    "http://hl7.org/fhir/sid/icd-10",
    "ICD-10-CM",
    "ICD10CM",
    "ICD-10",
)
ICD_9_CM_SYSTEMS = Systems(
    "http://hl7.org/fhir/sid/icd-9-cm", "urn:oid:2.16.840.1.113883.6.103", "ICD-9-CM", "ICD9CM", "ICD-9"
)
#: Systems of drugs, findings and measurements: their five digits are no procedure.
NO_PROCEDURE_SYSTEMS = Systems(
    "http://www.nlm.nih.gov/research/umls/rxnorm",
    "http://hl7.org/fhir/sid/ndc",
    "http://hl7.org/fhir/sid/cvx",
    "http://snomed.info/sct",
    "urn:oid:2.16.840.1.113883.6.96",
    "http://loinc.org",
)
SNOMED = "http://snomed.info/sct"
SNOMED_SYSTEMS = frozenset({SNOMED, "urn:oid:2.16.840.1.113883.6.96"})
#: SNOMED CT's qualifiers of laterality: left, right, right and left, unilateral.
SNOMED_SIDES = frozenset({"7771000", "24028007", "51440002", "66459002"})
SIDES = frozenset({"left", "right", "bilateral", "both", "both sides", "left side", "right side", "unilateral"})
TAXONOMY_SYSTEMS = Systems("http://nucc.org/provider-taxonomy", "urn:oid:2.16.840.1.113883.6.101")
DEGREE_SYSTEMS = Systems(
    "http://terminology.hl7.org/CodeSystem/v2-0360",
    "http://hl7.org/fhir/v2/0360",
)
NPI_SYSTEMS = frozenset({"http://hl7.org/fhir/sid/us-npi", "urn:oid:2.16.840.1.113883.4.6"})
TYPOLOGY_SYSTEMS = frozenset(
    {
        "https://nahdo.org/sopt",
        "http://nahdo.org/sopt",
        "urn:oid:2.16.840.1.113883.3.221.5",
        "urn:oid:2.16.840.1.113883.221.5",
    }
)

#: A procedure code, and modifiers that are glued to it: ``97140-59``, ``97140:GP``, ``97140GP``.
#: One that begins with a digit stands behind a mark: a run of digits is another system's code.
_GLUED = re.compile(r"(\d{4}[0-9A-Z]|[A-Z]\d{4})((?:[-:,\s]+[0-9A-Z]{2}|[A-Z][0-9A-Z])*)")
_PROCEDURE_SHAPE = re.compile(r"\d{4}[0-9A-Z]|[A-Z]\d{4}")
_ICD_SHAPE = re.compile(r"[A-Z]\d[0-9A-Z](\.?[0-9A-Z]{1,4})?")
_TAXONOMY_SHAPE = re.compile(r"[0-9A-Z]{9}X")


def codes(concept: CodeableConcept | None) -> list[tuple[str, str]]:
    """The (system, code) of each coding that has a code; the system is empty where absent."""
    if concept is None:
        return []
    return [(coding.system or "", coding.code.strip()) for coding in concept.coding if coding.code]


def procedure_code(concept: CodeableConcept | None) -> str | None:
    """Return the CPT or HCPCS code.

    Failing a coding of these systems: a coding of an unknown or no system, else a text, that has the shape of one.
    """
    return procedure(concept)[0]


def procedure(concept: CodeableConcept | None) -> tuple[str | None, tuple[str, ...]]:
    """Return the CPT or HCPCS code, as ``procedure_code`` does, and the modifiers that are glued to it."""
    if concept is None:
        return None, ()
    unnamed: tuple[str | None, tuple[str, ...]] = None, ()
    for coding in concept.coding:
        if not coding.code:
            continue
        code = coding.code.strip().upper()
        if coding.system in PROCEDURE_SYSTEMS:
            return _unglued(code) or (code, ())
        if unnamed[0] is None and coding.system not in NO_PROCEDURE_SYSTEMS:
            unnamed = _unglued(code) or unnamed
    if unnamed[0] is None and not concept.coding and concept.text:
        return _unglued(concept.text.strip().upper()) or unnamed
    return unnamed


@lru_cache(maxsize=4096)
def _unglued(text: str) -> tuple[str, tuple[str, ...]] | None:
    """A procedure code and its modifiers, where the text is these and nothing else."""
    found = _GLUED.fullmatch(text)
    return None if found is None else (found[1], tuple(re.findall(r"[0-9A-Z]{2}", found[2])))


def is_modifier(system: str | None, code: str) -> bool:
    """Whether a coding among a line's modifiers is one of CPT or HCPCS, and none of vision, drugs or dentistry."""
    if not system or system in PROCEDURE_SYSTEMS:
        return True
    return len(code.strip()) == 2 and any(word in system.lower() for word in ("mdfr", "modif"))


def is_modifier_text(text: str | None) -> bool:
    """Whether a text is a modifier and nothing else."""
    return text is not None and _MODIFIER_SHAPE.fullmatch(text.strip().upper()) is not None


_MODIFIER_SHAPE = re.compile(r"[A-Z][A-Z0-9]|\d{2}")


def has_procedure_shape(code: str) -> bool:
    """Whether the code looks like one of CPT or HCPCS."""
    return _PROCEDURE_SHAPE.fullmatch(code.strip().upper()) is not None


def holds_procedure(code: str) -> bool:
    """Whether the code looks like one of CPT or HCPCS, with modifiers glued to it or without."""
    return _unglued(code.strip().upper()) is not None


def diagnosis_code(concept: CodeableConcept | None) -> str | None:
    """The ICD-10-CM code with its dot, whichever way it was written."""
    unnamed = None
    for system, code in codes(concept):
        if system in ICD_10_CM_SYSTEMS:
            return with_dot(code)
        if not system and unnamed is None and _ICD_SHAPE.fullmatch(code.upper()):
            unnamed = with_dot(code)
    return unnamed


def instead_of_diagnosis(concept: CodeableConcept | None) -> str:
    """What a concept without ICD-10-CM code gives in its place, in words; empty where it gives nothing."""
    for system, code in codes(concept):
        if system in ICD_9_CM_SYSTEMS:
            return f"the ICD-9-CM code {code}"
        if system in SNOMED_SYSTEMS:
            return f"the SNOMED CT code {code}"
        return f"the code {code} of another system"
    return "words alone" if any(words(concept)) else ""


def place_of_service(concept: CodeableConcept | None) -> str | None:
    """CMS's place of service code; ``None`` where none is given, or one of another system."""
    for system, code in codes(concept):
        if not system or _PLACE_OF_SERVICE.search(system):
            return code
    return None


_PLACE_OF_SERVICE = re.compile(r"place[-_ ]?of[-_ ]?service|serviceplace", re.IGNORECASE)


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


def specialty_codes(concept: CodeableConcept | None) -> Iterator[str]:
    """CMS's codes of a provider's specialty, as its Blue Button gives them."""
    for system, code in codes(concept):
        if _SPECIALTY.search(system):
            yield code.zfill(2)


_SPECIALTY = re.compile(r"prvdr[_-]spclty", re.IGNORECASE)


def degrees(concept: CodeableConcept | None) -> Iterator[str]:
    """HL7's codes of degrees and licences (table 0360), which are the letters after a name."""
    for system, code in codes(concept):
        if system in DEGREE_SYSTEMS:
            yield code.upper()


def words(concept: CodeableConcept | None) -> Iterator[str]:
    """The texts of a concept: its own and its codings' displays."""
    if concept is not None:
        if concept.text:
            yield concept.text
        for coding in concept.coding:
            if coding.display:
                yield coding.display
