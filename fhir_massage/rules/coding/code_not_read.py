"""A line's procedure code could not be read."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.registry import any_line_rule
from fhir_massage.rules.scopes import AnyLine


@any_line_rule(
    "code-not-read",
    family="coding",
    severity="warning",
    title="A line's procedure code could not be read",
    denial=Denial("CO", "16", ("M51",)),
)
def code_not_read(line: AnyLine) -> Iterator[Found]:
    """Say which lines were not reviewed because they bear no code.

    What it checks
    A line of a claim of ours without CPT or HCPCS code: in their code systems however spelled, in an unknown or
    no system by its shape, or as a text that is such a code and nothing else. A line that bears another system's code,
    and names neither massage nor manual therapy, is none of ours. An institutional claim may have
    lines of a revenue code alone.

    Why it is denied
    A professional claim needs a procedure code on each line, and is sent back without (CO-16 with M51).

    What to do
    Give the code that the record of the visit supports. Until then nothing else on the line was reviewed.

    Source
    National Uniform Claim Committee, 1500 claim form instructions, item 24D.
    """
    if line.code is None and not line.of_other_system:
        yield line.find(
            "productOrService",
            f"Line {line.number} has no CPT or HCPCS code that could be read, so it was not reviewed.",
        )
