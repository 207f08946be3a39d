"""No diagnosis of the line supports the service."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Correction, Denial, Found
from fhir_massage.facts.rows import Row
from fhir_massage.rules.diagnosis.shared import was_invalid
from fhir_massage.rules.registry import line_rule
from fhir_massage.rules.scopes import BilledLine
from fhir_massage.rules.tools import listed

#: Payers that pay for chiropractic manipulation only to correct a subluxation of the spine.
SUBLUXATION_PAYERS = frozenset({"medicare-part-b", "medicare-advantage"})
#: Who pays here asks for no supporting diagnosis.
NO_PAYER_EDITS = frozenset({"hsa-fsa", "self-pay"})


@line_rule(
    "diagnosis-not-supporting",
    family="diagnosis",
    severity="warning",
    title="No diagnosis of the line supports the service",
    denial=Denial("CO", "50"),
)
def diagnosis_not_supporting(line: BilledLine) -> Iterator[Found]:
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
    if not line.diagnoses or line.policy.payer_class in NO_PAYER_EDITS or not _can_be_judged(line):
        return
    codes = _codes(line)
    if any(_supports(line, code) for code in codes):
        return
    stands = _list_of(line)
    if stands is None:
        return
    manipulation = _is_manipulation(line)
    wanted = ", which needs one of M99.00 to M99.05" if manipulation else ""
    yield line.find(
        "diagnosisSequence",
        f"{listed(codes)} {'does' if len(codes) == 1 else 'do'} not support {line.named}{wanted}.",
        *_other_supporting(line),
        because=(stands,),
        severity="error" if manipulation else None,
        denial=Denial("CO", "11") if manipulation else None,
    )


def _codes(line: BilledLine) -> list[str]:
    return list(dict.fromkeys(diagnosis.code for diagnosis in line.diagnoses if diagnosis.code is not None))


def _can_be_judged(line: BilledLine) -> bool:
    """Whether every pointer leads to a known code that is right in itself."""
    if len(line.diagnoses) < len(line.pointers):
        return False
    return all(
        diagnosis.code is not None and not was_invalid(line.facts, diagnosis.code, line.day)
        for diagnosis in line.diagnoses
    )


def _list_of(line: BilledLine) -> Row | None:
    """Where the diagnoses that support the line's code are listed; ``None`` where no list speaks of it."""
    own = line.policy.supporting(line.code)
    if own is not None or line.code not in line.facts.supported_procedures:
        return own
    if _is_manipulation(line) and line.policy.payer_class not in SUBLUXATION_PAYERS:
        return None
    listed_here = (row for row in line.facts.supporting_diagnoses if row.procedure == line.code)
    return next((row for row in listed_here if row.in_force(line.day)), None)


def _supports(line: BilledLine, diagnosis: str) -> bool:
    own = line.policy.supporting(line.code)
    if own is not None:
        return diagnosis.startswith(own.prefixes)
    return line.facts.supports(line.code, diagnosis, line.day)


def _is_manipulation(line: BilledLine) -> bool:
    return line.code in ("98940", "98941", "98942")


def _other_supporting(line: BilledLine) -> Iterator[Correction]:
    """The line pointed also at each of the claim's other diagnoses that supports it."""
    for diagnosis in line.claim_diagnoses:
        if diagnosis.code is None or diagnosis.sequence is None or diagnosis in line.diagnoses:
            continue
        if _supports(line, diagnosis.code):
            yield line.if_confirmed(
                f"Point line {line.number} at {diagnosis.code} too",
                line.change.point_at(diagnosis),
                f"that the record of the visit has {line.code} treat {diagnosis.code}",
            )
