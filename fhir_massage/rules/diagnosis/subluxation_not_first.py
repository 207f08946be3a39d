"""A manipulation whose first diagnosis is no subluxation."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Correction, Denial, Found
from fhir_massage.rules.manipulation import MANIPULATION, SUBLUXATION
from fhir_massage.rules.registry import line_rule
from fhir_massage.rules.scopes import BilledLine


@line_rule(
    "subluxation-not-first",
    family="diagnosis",
    severity="error",
    title="A manipulation whose first diagnosis is no subluxation",
    denial=Denial("CO", "16"),
)
def subluxation_not_first(line: BilledLine) -> Iterator[Found]:
    """Ask for the subluxation as the first diagnosis of a spinal manipulation.

    What it checks
    98940 to 98942 to a payer that asks for AT, where one of the line's diagnoses is a segmental dysfunction of the
    spine (M99.0x), and the first that it points at is not. A line without any is told of by
    *diagnosis-not-supporting*.

    Why it is denied
    Medicare wants the level of the subluxation as the primary diagnosis. Another one in its place is rejected
    (CO-16), or the service is held not necessary.

    What to do
    Point the line at the subluxation first, and at the complaint that goes with it second.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 12, section 220; local coverage article A56273.
    """
    if line.code not in MANIPULATION or len(line.diagnoses) < 2:
        return
    asked = line.asks(line.policy.manipulation_modifier)
    if asked is None or any(each.code is None for each in line.diagnoses) or _is_subluxation(line.diagnoses[0].code):
        return
    level = next((each for each in line.diagnoses if _is_subluxation(each.code)), None)
    if level is not None:
        yield line.find(
            "diagnosisSequence",
            f"{line.named} points at {line.diagnoses[0].code} first; {line.payer} wants the subluxation, {level.code}, there.",
            _first(line, level.sequence),
            because=(asked,),
        )


def _is_subluxation(code: str | None) -> bool:
    return code is not None and code.startswith(SUBLUXATION)


def _first(line: BilledLine, sequence: int | None) -> Correction:
    order = sorted(line.pointers, key=lambda pointer: pointer != sequence)
    return line.if_confirmed(
        f"Point line {line.number} at the subluxation first",
        line.change.point_in_order(order),
        "that the record of the visit documents the subluxation",
    )
