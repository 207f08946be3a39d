"""More than the claim form holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from fhir_massage.case.lines import MOST_MODIFIERS as MOST_READ
from fhir_massage.case.seen import ClaimCase
from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import listed

MOST_DIAGNOSES = 12
MOST_POINTERS = 4
MOST_MODIFIERS = 4


@claim_rule(
    "claim-form-limit",
    family="diagnosis",
    severity="error",
    title="More than the claim form holds",
    denial=Denial("CO", "16"),
)
def claim_form_limit(case: ClaimCase) -> Iterator[Found]:
    """Count what the paper claim and the 837P have places for.

    What it checks
    More than twelve diagnoses on the claim, more than four pointers to diagnoses or four modifiers on a line, and
    the same diagnosis twice. And more lines than any electronic claim holds.

    Why it is denied
    What has no place on the form is lost, or the claim is sent back (CO-16).

    What to do
    Keep the diagnoses, pointers and modifiers that this claim needs; bill what needs others on another claim.

    Source
    National Uniform Claim Committee, 1500 claim form instructions, items 21, 24D and 24E.
    """
    if case.lines_beyond:
        count = len(case.lines) + case.lines_beyond
        yield Found(
            "Claim.item",
            f"The claim has {count:,} lines; an electronic claim holds {len(case.lines)} at most, and the "
            f"{case.lines_beyond:,} after them were not reviewed.",
        )
    if len(case.diagnoses) > MOST_DIAGNOSES:
        yield Found(
            "Claim.diagnosis",
            f"The claim has {len(case.diagnoses)} diagnoses; a claim form holds {MOST_DIAGNOSES}.",
        )
    counted = Counter(diagnosis.code for diagnosis in case.diagnoses if diagnosis.code is not None)
    twice = sorted(code for code, times in counted.items() if times > 1)
    if twice:
        yield Found(
            "Claim.diagnosis", f"{listed(twice)} {'stands' if len(twice) == 1 else 'stand'} on the claim twice."
        )
    for line in case.lines:
        if len(line.pointers) > MOST_POINTERS:
            yield Found(
                f"{line.element}.diagnosisSequence",
                f"Line {line.index + 1} points at {len(line.pointers)} diagnoses; a claim form holds {MOST_POINTERS}.",
            )
        if len(line.modifiers) > MOST_MODIFIERS:
            yield Found(
                f"{line.element}.modifier",
                f"Line {line.index + 1} has {len(line.modifiers)}{_or_more(line.modifiers)} modifiers; "
                f"a claim form holds {MOST_MODIFIERS}.",
            )


def _or_more(modifiers: Sequence[str]) -> str:
    return " or more" if len(modifiers) == MOST_READ else ""
