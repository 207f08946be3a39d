"""Diagnoses that are no ICD-10-CM codes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from fhir_massage.case.seen import Diagnosis
from fhir_massage.edit.finding import Denial, Found
from fhir_massage.facts.book import Facts
from fhir_massage.rules.parts import Services
from fhir_massage.rules.registry import services_rule
from fhir_massage.rules.tools import NO_INSURERS, listed

#: The first day on which claims bear ICD-10-CM.
ICD_10_CM_BEGAN = date(2015, 10, 1)
_SHAPE = re.compile(r"[A-Z]\d[0-9A-Z](\.[0-9A-Z]{1,4})?")


@services_rule(
    "diagnosis-not-coded",
    family="diagnosis",
    severity="error",
    title="A diagnosis is no ICD-10-CM code",
    denial=Denial("CO", "16", ("M76",)),
)
def diagnosis_not_coded(case: Services) -> Iterator[Found]:
    """Ask for diagnoses in ICD-10-CM.

    What it checks
    A claim whose diagnoses hold no ICD-10-CM code at all: ICD-9-CM for services since 1 October 2015, SNOMED CT or
    words alone, or a Condition that did not come along. And each code that is given as ICD-10-CM and never was
    one.

    Why it is denied
    A claim carries ICD-10-CM. Without a code, or with one that does not exist, it is sent back (CO-16 with M76).

    What to do
    Code the diagnosis that the record documents.

    Source
    Department of Health and Human Services, 45 CFR 162.1002; National Uniform Claim Committee, 1500 claim form
    instructions, item 21.
    """
    if case.payer_class in NO_INSURERS or case.day is None or case.day < ICD_10_CM_BEGAN:
        return
    if all(line.code is None for line in case.lines):  # nothing is coded yet: code-not-read says so
        return
    given = list(dict.fromkeys(each.given for each in case.diagnoses if each.given))
    if case.diagnoses and given and all(each.code is None and each.given for each in case.diagnoses):
        yield Found(
            "Claim.diagnosis", f"The claim has no ICD-10-CM diagnosis, but {listed(given)}; at least one is required."
        )
    for diagnosis in case.diagnoses:
        if diagnosis.code is not None and not _may_exist(case.facts, diagnosis):
            yield Found(diagnosis.element, f"{diagnosis.code} is no ICD-10-CM code.")


def _may_exist(facts: Facts, diagnosis: Diagnosis) -> bool:
    """Whether a code is, or may be, one of ICD-10-CM: categories that the facts hold, they hold whole."""
    code = str(diagnosis.code)
    if not _SHAPE.fullmatch(code):
        return False
    return code[:3] not in facts.diagnosis_categories or code in facts.diagnosis_codes
