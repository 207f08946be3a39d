"""The payer takes another code for the service."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.registry import line_rule
from fhir_massage.rules.scopes import BilledLine
from fhir_massage.rules.tools import named


@line_rule(
    "procedure-code-not-accepted",
    family="coding",
    severity="error",
    title="The payer takes another code for the service",
    denial=Denial("CO", "16"),
)
def procedure_code_not_accepted(line: BilledLine) -> Iterator[Found]:
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
    entry = line.policy.accepted_code(line.code)
    if entry is not None:
        accepted = named(line.facts, entry.accepted, line.day)
        yield line.find(
            "productOrService",
            f"{line.payer} does not take {line.named}: it takes {accepted} for this service.",
            line.certain(f"Bill {accepted}", line.change.code(entry.accepted)),
            because=(entry,),
        )
