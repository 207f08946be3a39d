"""Diagnoses: that there are any, that lines point at them, that they were valid, and that they support."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from fhir_massage.case.seen import ClaimCase, Diagnosis, Line
from fhir_massage.edit.finding import Correction, Denial, Edit, Found
from fhir_massage.facts.book import Facts
from fhir_massage.facts.rows import DiagnosisCode, Row
from fhir_massage.read.codes import ICD_10_CM_SYSTEMS, with_dot
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import certain, change, charges, cite, confirmed, listed, named

#: Payers that pay for chiropractic manipulation only to correct a subluxation of the spine.
SUBLUXATION_PAYERS = frozenset({"medicare-part-b", "medicare-advantage"})
#: Who pays here asks for no supporting diagnosis.
NO_PAYER_EDITS = frozenset({"hsa-fsa", "self-pay"})
#: The most codes that are offered in place of another.
MOST_OPTIONS = 48


@claim_rule(
    "diagnosis-missing",
    family="diagnosis",
    severity="error",
    title="The claim has no diagnosis",
    denial=Denial("CO", "16", ("M76",)),
)
def diagnosis_missing(case: ClaimCase) -> Iterator[Found]:
    """Ask for a diagnosis.

    What it checks
    A claim without any diagnosis.

    Why it is denied
    A professional claim needs at least one diagnosis. Without it the claim is sent back as incomplete
    (CO-16 with M76).

    What to do
    Add the diagnoses that the record of the visit, or the referral, gives.

    Source
    National Uniform Claim Committee, 1500 claim form instructions, item 21.
    """
    if not case.diagnoses:
        yield Found("Claim.diagnosis", "The claim has no diagnosis; at least one is required.")


@claim_rule(
    "diagnosis-pointer-missing",
    family="diagnosis",
    severity="error",
    title="A line points at no diagnosis",
    denial=Denial("CO", "16", ("M76",)),
)
def diagnosis_pointer_missing(case: ClaimCase) -> Iterator[Found]:
    """Ask which diagnosis each line treats.

    What it checks
    A line that points at none of the claim's diagnoses. A line without a code of CPT or HCPCS is not one that is
    billed this way, and is passed over.

    Why it is denied
    Each line must say which diagnosis it treats. A line that does not is sent back as incomplete (CO-16
    with M76).

    What to do
    Point the line at the diagnosis that the service treated. Where the claim has only one, it is that.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 26, section 10.4, item 24E.
    """
    if not case.diagnoses:
        return
    for line in case.lines:
        if not line.pointers and line.code is not None:
            yield Found(
                f"{line.element}.diagnosisSequence",
                f"{named(case.facts, line.code, line.day)} points at none of the claim's diagnoses.",
                tuple(_pointed(case, line)),
            )


@claim_rule(
    "diagnosis-pointer-invalid",
    family="diagnosis",
    severity="error",
    title="A line points at a diagnosis that is not there",
    denial=Denial("CO", "16", ("M76",)),
)
def diagnosis_pointer_invalid(case: ClaimCase) -> Iterator[Found]:
    """Find pointers that lead nowhere.

    What it checks
    A line that points at a diagnosis by a number that no diagnosis of the claim has.

    Why it is denied
    The payer cannot tell what the service treated, and sends the line back as incomplete (CO-16 with M76).

    What to do
    Point the line at the diagnosis that the service treated, or add the diagnosis that was left out.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 26, section 10.4, item 24E: the pointer
    is the letter of a diagnosis in item 21.
    """
    known = {diagnosis.sequence for diagnosis in case.diagnoses}
    for line in case.lines:
        lost = [str(pointer) for pointer in line.pointers if pointer not in known]
        if lost:
            word = "diagnosis" if len(lost) == 1 else "diagnoses"
            yield Found(
                f"{line.element}.diagnosisSequence",
                f"{named(case.facts, line.code, line.day)} points at {word} {listed(lost)}, "
                "which the claim does not have.",
            )


@claim_rule(
    "diagnosis-retired",
    family="diagnosis",
    severity="error",
    title="A diagnosis code was not valid on the date",
    denial=Denial("CO", "146"),
)
def diagnosis_retired(case: ClaimCase) -> Iterator[Found]:
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
        if diagnosis.code is None or not any(_was_invalid(case.facts, diagnosis.code, day) for day in days):
            continue
        day = next((day for day in _days_of(case, diagnosis) if _was_invalid(case.facts, diagnosis.code, day)), None)
        if day is None:
            continue
        rows = case.facts.diagnosis_codes.ever(diagnosis.code)
        row = case.facts.diagnosis_codes.find(diagnosis.code, day) or _last_before(rows, day)
        successors = _successors(case.facts, diagnosis.code, row, day)
        yield Found(
            diagnosis.element,
            f"{diagnosis.code} was not valid on {day}: {_why(rows, row, day)}{_choice(successors)}.",
            tuple(_recoded(case, position, diagnosis.code, successors)),
            cite(case.facts, row or rows[0]),
            at_risk=charges([line for line in case.lines if diagnosis in line.diagnoses]),
        )


@claim_rule(
    "diagnosis-not-supporting",
    family="diagnosis",
    within="line",
    severity="warning",
    title="No diagnosis of the line supports the service",
    denial=Denial("CO", "50"),
)
def diagnosis_not_supporting(case: ClaimCase) -> Iterator[Found]:
    """Ask whether the diagnoses of a line support the service.

    What it checks
    Massage (97124) and manual therapy (97140): that one of the line's diagnoses is one that the payer's
    own list, or else the list of conditions in Medicare contractors' texts, holds to support it. Spinal
    manipulation (98940 to 98942) to Medicare or a Medicare Advantage plan: that one is a segmental
    dysfunction of the spine (M99.00 to M99.05), and here its lack is an error. Silent where a diagnosis
    of the line is not known, or is itself wrong.

    Why it is denied
    A service that no diagnosis supports is not held medically necessary (CO-50); a manipulation without
    subluxation does not fit its diagnosis (CO-11).

    What to do
    If the record documents a condition that supports the service, add it and point the line at it.

    Source
    The payer's own policy where it has a list; CMS, local coverage determination L37387 for manipulation;
    Medicare contractors' texts on massage and manual therapy.
    """
    for line in case.lines:
        policy = line.policy
        if policy is None or line.code is None or line.day is None or not line.diagnoses:
            continue
        if policy.payer_class in NO_PAYER_EDITS or not _can_be_judged(case, line):
            continue
        if any(_supports(case, line, code) for code in _codes(line)):
            continue
        stands = _list_of(case, line)
        if stands is None:
            continue
        manipulation = _is_manipulation(line)
        codes = _codes(line)
        wanted = ", which needs one of M99.00 to M99.05" if manipulation else ""
        yield Found(
            f"{line.element}.diagnosisSequence",
            f"{listed(codes)} {'does' if len(codes) == 1 else 'do'} not support "
            f"{named(case.facts, line.code, line.day)}{wanted}.",
            tuple(_other_supporting(case, line)),
            cite(case.facts, stands),
            severity="error" if manipulation else None,
            denial=Denial("CO", "11") if manipulation else None,
        )


# --- pointing ----------------------------------------------------------------------------------------------


def _pointed(case: ClaimCase, line: Line) -> Iterator[Correction]:
    """The line pointed at the claim's only diagnosis, or at each of several."""
    numbered = [diagnosis for diagnosis in case.diagnoses if diagnosis.sequence is not None]
    for diagnosis in numbered[:MOST_OPTIONS]:
        name = diagnosis.code or f"diagnosis {diagnosis.sequence}"
        pointed = change(case).put(line.index, "/diagnosisSequence", [diagnosis.sequence])
        if len(case.diagnoses) == 1:
            yield certain(f"Point line {line.index + 1} at {name}, the claim's only diagnosis", pointed)
        else:
            yield confirmed(
                f"Point line {line.index + 1} at {name}",
                pointed,
                f"that the record of the visit has {line.code or 'the service'} treat {name}",
            )


# --- validity ----------------------------------------------------------------------------------------------


def _days_of(case: ClaimCase, diagnosis: Diagnosis) -> list[date]:
    """The dates of service of the lines that point at the diagnosis; where none does, the claim's first."""
    days = {line.day for line in case.lines if line.day is not None and diagnosis in line.diagnoses}
    return sorted(days) or [day for day in (case.day,) if day is not None]


def _was_invalid(facts: Facts, code: str, day: date) -> bool:
    """Whether the facts know the code, and that it could not be billed on that day."""
    if code not in facts.diagnosis_codes:
        return False
    row = facts.diagnosis_codes.find(code, day)
    return row is None or not row.billable


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


def _recoded(case: ClaimCase, position: int, code: str, successors: list[str]) -> Iterator[Correction]:
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
            f"Code {successor} in place of {code}", tuple(edits), f"that the record documents what {successor} says"
        )


def _coding_of(codings: list[dict[str, Any]], code: str) -> int | None:
    """Which of the codings is read as the diagnosis: the ICD-10-CM one, else one without system."""
    written = [i for i, coding in enumerate(codings) if coding.get("code")]
    for place in written:
        if codings[place].get("system") in ICD_10_CM_SYSTEMS:
            return place
    return next((i for i in written if not codings[i].get("system") and with_dot(codings[i]["code"]) == code), None)


# --- support -----------------------------------------------------------------------------------------------


def _codes(line: Line) -> list[str]:
    return list(dict.fromkeys(diagnosis.code for diagnosis in line.diagnoses if diagnosis.code is not None))


def _can_be_judged(case: ClaimCase, line: Line) -> bool:
    """Whether every pointer leads to a known code that is right in itself."""
    if len(line.diagnoses) < len(line.pointers):
        return False
    assert line.day is not None
    return all(
        diagnosis.code is not None and not _was_invalid(case.facts, diagnosis.code, line.day)
        for diagnosis in line.diagnoses
    )


def _list_of(case: ClaimCase, line: Line) -> Row | None:
    """Where the diagnoses that support the line's code are listed; ``None`` where no list speaks of it."""
    assert line.policy is not None
    assert line.code is not None
    assert line.day is not None
    own = line.policy.supporting(line.code)
    if own is not None or line.code not in case.facts.supported_procedures:
        return own
    if _is_manipulation(line) and line.policy.payer_class not in SUBLUXATION_PAYERS:
        return None
    listed_here = (row for row in case.facts.supporting_diagnoses if row.procedure == line.code)
    return next((row for row in listed_here if row.in_force(line.day)), None)


def _supports(case: ClaimCase, line: Line, diagnosis: str) -> bool:
    assert line.policy is not None
    assert line.code is not None
    assert line.day is not None
    own = line.policy.supporting(line.code)
    if own is not None:
        return diagnosis.startswith(own.prefixes)
    return case.facts.supports(line.code, diagnosis, line.day)


def _is_manipulation(line: Line) -> bool:
    return line.code in ("98940", "98941", "98942")


def _other_supporting(case: ClaimCase, line: Line) -> Iterator[Correction]:
    """The line pointed also at each of the claim's other diagnoses that supports it."""
    for diagnosis in case.diagnoses:
        if diagnosis.code is None or diagnosis.sequence is None or diagnosis in line.diagnoses:
            continue
        if _supports(case, line, diagnosis.code):
            yield confirmed(
                f"Point line {line.index + 1} at {diagnosis.code} too",
                change(case).put(line.index, "/diagnosisSequence/-", diagnosis.sequence),
                f"that the record of the visit has {line.code} treat {diagnosis.code}",
            )
