"""A line points at a diagnosis that is not there."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.registry import any_line_rule
from fhir_massage.rules.scopes import AnyLine
from fhir_massage.rules.tools import listed


@any_line_rule(
    "diagnosis-pointer-invalid",
    family="diagnosis",
    severity="error",
    title="A line points at a diagnosis that is not there",
    denial=Denial("CO", "16", ("M76",)),
)
def diagnosis_pointer_invalid(line: AnyLine) -> Iterator[Found]:
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
    known = {diagnosis.sequence for diagnosis in line.claim_diagnoses}
    lost = [str(pointer) for pointer in line.pointers if pointer not in known]
    if lost:
        word = "diagnosis" if len(lost) == 1 else "diagnoses"
        words = f"{line.named} points at {word} {listed(lost)}, which the claim does not have."
        yield line.find("diagnosisSequence", words)
