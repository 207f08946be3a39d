"""A line points at no diagnosis."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Correction, Denial, Found
from fhir_massage.rules.diagnosis.shared import MOST_OPTIONS
from fhir_massage.rules.registry import any_line_rule
from fhir_massage.rules.scopes import AnyLine


@any_line_rule(
    "diagnosis-pointer-missing",
    family="diagnosis",
    severity="error",
    title="A line points at no diagnosis",
    denial=Denial("CO", "16", ("M76",)),
)
def diagnosis_pointer_missing(line: AnyLine) -> Iterator[Found]:
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
    if line.claim_diagnoses and not line.pointers and line.code is not None:
        yield line.find("diagnosisSequence", f"{line.named} points at none of the claim's diagnoses.", *_pointed(line))


def _pointed(line: AnyLine) -> Iterator[Correction]:
    """The line pointed at the claim's only diagnosis, or at each of several."""
    numbered = [diagnosis for diagnosis in line.claim_diagnoses if diagnosis.sequence is not None]
    for diagnosis in numbered[:MOST_OPTIONS]:
        name = diagnosis.code or f"diagnosis {diagnosis.sequence}"
        pointed = line.change.point_at(diagnosis)
        if len(line.claim_diagnoses) == 1:
            yield line.certain(f"Point line {line.number} at {name}, the claim's only diagnosis", pointed)
        else:
            yield line.if_confirmed(
                f"Point line {line.number} at {name}",
                pointed,
                f"that the record of the visit has {line.code} treat {name}",
            )
