"""The payer takes another code for the service."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import ClaimCase
from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.coding.recoding import coded
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import certain, cite, named


@claim_rule(
    "procedure-code-not-accepted",
    family="coding",
    within="line",
    severity="error",
    title="The payer takes another code for the service",
    denial=Denial("CO", "16"),
)
def procedure_code_not_accepted(case: ClaimCase) -> Iterator[Found]:
    """Use the code that the payer takes.

    What it checks
    A code in whose place the payer's policy wants another one, as Medicare wants G0283 for unattended
    electrical stimulation (97014).

    Why it is denied
    The payer's system does not know the code as one to be paid, and sends the line back (CO-16).

    What to do
    Bill the payer's code. The service is the same.

    Source
    The payer's own policy, named in the finding.
    """
    for line in case.lines:
        if line.code is None or line.policy is None:
            continue
        entry = line.policy.accepted_code(line.code)
        if entry is None:
            continue
        yield Found(
            f"{line.element}.productOrService",
            f"{case.payer_title} does not take {named(case.facts, line.code, line.day)}: "
            f"it takes {entry.accepted} for this service.",
            (certain(f"Bill {entry.accepted}", coded(case, line, entry.accepted)),),
            cite(case.facts, entry),
        )
