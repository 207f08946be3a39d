"""A diagnosis code was not valid on the date."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from fhir_massage.case.seen import Diagnosis
from fhir_massage.edit.finding import Correction, Denial, Edit, Found
from fhir_massage.facts.book import Facts
from fhir_massage.facts.rows import DiagnosisCode
from fhir_massage.read.codes import ICD_10_CM_SYSTEMS, with_dot
from fhir_massage.rules.diagnosis.shared import MOST_OPTIONS, was_invalid
from fhir_massage.rules.parts import Services
from fhir_massage.rules.registry import services_rule
from fhir_massage.rules.tools import charges, cite, listed


@services_rule(
    "diagnosis-retired",
    family="diagnosis",
    severity="error",
    title="A diagnosis code was not valid on the date",
    denial=Denial("CO", "146"),
)
def diagnosis_retired(case: Services) -> Iterator[Found]:
    """Hold each ICD-10-CM code against the code set of the date of service.

    What it checks
    A code that on the date of service was retired, not yet in force, or a heading that is not specific
    enough to be billed (M54.5 since 1 October 2021). Codes change every 1 October, and some on 1 April; each
    date of the lines that point at the code counts.

    Why it is denied
    A diagnosis that is not valid on the date of service is denied (CO-146).

    What to do
    Take the code in its place that says what the record documents. Where the claim's dates lie on both sides
    of a change, bill them on two claims.

    Source
    CDC National Center for Health Statistics and CMS, ICD-10-CM order files and addenda of each fiscal year.
    """
    days = {line.day for line in case.lines if line.day is not None}
    for position, diagnosis in enumerate(case.diagnoses):
        if diagnosis.code is None or not any(was_invalid(case.facts, diagnosis.code, day) for day in days):
            continue
        day = next((day for day in _days_of(case, diagnosis) if was_invalid(case.facts, diagnosis.code, day)), None)
        if day is None:
            continue
        rows = case.facts.diagnosis_codes.ever(diagnosis.code)
        row = case.facts.diagnosis_codes.find(diagnosis.code, day) or _last_before(rows, day)
        successors = _successors(case.facts, diagnosis.code, row, day)
        yield Found(
            diagnosis.element,
            f"{diagnosis.code} was not valid on {day}: {_why(rows, row, day)}{_choice(successors)}.",
            tuple(_recoded(case, position, diagnosis.code, successors, day)),
            cite(case.facts, row or rows[0]),
            at_risk=charges([line for line in case.lines if diagnosis in line.diagnoses]),
        )


def _days_of(case: Services, diagnosis: Diagnosis) -> list[date]:
    """The dates of service of the lines that point at the diagnosis; where none does, the claim's first."""
    days = {line.day for line in case.lines if line.day is not None and diagnosis in line.diagnoses}
    return sorted(days) or [day for day in (case.day,) if day is not None]


def _last_before(rows: list[DiagnosisCode], day: date) -> DiagnosisCode | None:
    ended = [row for row in rows if row.end is not None and row.end < day]
    return ended[-1] if ended else None


def _why(rows: list[DiagnosisCode], row: DiagnosisCode | None, day: date) -> str:
    if row is None:
        return f"it came into force on {rows[0].effective}"
    if row.end is not None and row.end < day:
        return f"it was retired on {row.end + timedelta(days=1)}"
    before = [each for each in rows if each.billable and each.effective < row.effective]
    if before:
        return f"since {row.effective} it is a heading, not specific enough to be billed"
    return "it is not specific enough to be billed"


def _successors(facts: Facts, code: str, row: DiagnosisCode | None, day: date) -> list[str]:
    """The billable codes in its place on that day, headings followed down to what they hold."""
    found: list[str] = []
    waiting = list(row.successors) if row is not None else []
    seen = {code}
    while waiting and len(found) < MOST_OPTIONS:
        successor = waiting.pop(0)
        if successor in seen:
            continue
        seen.add(successor)
        now = facts.diagnosis_codes.find(successor, day)
        if now is None:
            continue
        if now.billable:
            found.append(successor)
        else:
            waiting += now.successors
    return found


def _choice(successors: list[str]) -> str:
    if not successors:
        return ""
    return f"; bill {listed(successors, 'or')}" if len(successors) <= 3 else "; bill a more specific code"


def _recoded(case: Services, position: int, code: str, successors: list[str], day: date) -> Iterator[Correction]:
    """The coding given each successor, its dot as it was written. None for a Condition's own code."""
    concept: dict[str, Any] = case.read_json()["diagnosis"][position].get("diagnosisCodeableConcept") or {}
    place = _coding_of(concept.get("coding", []), code)
    if place is None:
        return
    coding = concept["coding"][place]
    path = f"/diagnosis/{position}/diagnosisCodeableConcept/coding/{place}"
    dotless = len(code) > 3 and "." not in coding["code"]
    for successor in successors:
        edits = [Edit("replace", f"{path}/code", successor.replace(".", "") if dotless else successor)]
        # The words of the old code would contradict the new one.
        edits += [Edit("remove", f"{path}/display")] if "display" in coding else []
        yield Correction(
            f"Code {_in_words(case.facts, successor, day)} in place of {code}",
            tuple(edits),
            f"that the record documents what {successor} says",
        )


def _in_words(facts: Facts, code: str, day: date) -> str:
    """The code with the words of ICD-10-CM, where they are held: a code alone nobody can choose by."""
    row = facts.diagnosis_words.find(code, day)
    return code if row is None else f"{code} ({row.words})"


def _coding_of(codings: list[dict[str, Any]], code: str) -> int | None:
    """Which of the codings is read as the diagnosis: the ICD-10-CM one, else one without system."""
    written = [i for i, coding in enumerate(codings) if coding.get("code")]
    for place in written:
        if codings[place].get("system") in ICD_10_CM_SYSTEMS:
            return place
    return next((i for i in written if not codings[i].get("system") and with_dot(codings[i]["code"]) == code), None)
