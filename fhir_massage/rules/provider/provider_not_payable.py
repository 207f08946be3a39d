"""The payer does not pay this profession for the service."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.facts.policy import Payable
from fhir_massage.rules.payment import enrolls, in_words, outside_profession
from fhir_massage.rules.registry import any_line_rule
from fhir_massage.rules.scopes import AnyLine

#: Modifiers that say that the patient knows of the denial and owes the charge.
PATIENT_OWES = frozenset({"GA", "GX", "GY"})
#: Modifiers by which a line is sent to be denied as never covered.
SENT_FOR_THE_DENIAL = frozenset({"GX", "GY"})


@any_line_rule(
    "provider-not-payable",
    family="provider",
    severity="error",
    title="The payer does not pay this profession for the service",
    topic="insurance",
    denial=Denial("CO", "170"),
    every_service=True,
)
def provider_not_payable(line: AnyLine) -> Iterator[Found]:
    """Hold who rendered each service against whom the payer pays for it.

    What it checks
    The profession of the rendering provider (from the taxonomy code on the claim, the role or the
    practitioner) against the payer's policy for the line's code: Medicare pays a massage therapist for
    nothing, and a chiropractor for 98940 to 98942 only. For every payer it also checks that the code lies
    within the profession at all: a massage therapist does not bill psychotherapy, spinal manipulation or
    a therapy evaluation. An assistant's line needs a therapist of the discipline on the claim, where the payer
    enrolls no assistants. A line with GX or GY by somebody whom the payer enrolls is sent for its denial, and is
    no finding.

    Why it is denied
    Payment is denied when a provider of this type performs or bills the service (CO-170). With GA, GX or
    GY on the line the patient has been told, and owes the charge (PR-170).

    What to do
    If somebody else rendered the service, name them on the claim. Otherwise do not bill this payer for
    it: agree with the patient beforehand that they pay.

    Source
    The payer's own policy, or the list of codes outside a profession, as cited in the finding.
    """
    if line.profession is None or line.code is None or line.day is None:
        return
    entry = None if line.policy is None else line.policy.payable(line.code, line.profession)
    if entry is not None and entry.supervised and not line.supervised:
        yield line.find_renderer(
            f"{line.payer} pays {in_words(line.profession)} under the therapist who supervises: that one's NPI goes on "
            f"the line of {line.named}, and no therapist is on the claim.",
            because=(entry,),
        )
    if entry is not None and entry.answer != "no":
        entry = None
    if entry is not None and _denial_wanted(line):
        entry = None
    outside = outside_profession(line.facts, line.code, line.profession, line.day)
    if entry is not None or outside is not None:
        yield line.find_renderer(
            _not_paid(line, line.profession, outside=outside is not None) + _of_state(entry),
            because=(entry, outside),
            denial=Denial(_group(line, entry), "170"),
        )


def _denial_wanted(line: AnyLine) -> bool:
    """Whether somebody whom the payer enrolls sends the line for its denial, and says so by GY or GX."""
    return (
        line.policy is not None
        and not SENT_FOR_THE_DENIAL.isdisjoint(line.modifiers)
        and enrolls(line.policy, line.profession)
    )


def _not_paid(line: AnyLine, profession: str, *, outside: bool) -> str:
    if outside:
        return f"{line.named} lies outside what {in_words(profession)} may bill, whoever pays."
    return f"{line.payer} does not pay {in_words(profession)} for {line.named}."


def _of_state(entry: Payable | None) -> str:
    """What the policy says of the state, where that is why."""
    return f" {entry.words}" if entry is not None and entry.states else ""


def _group(line: AnyLine, entry: Payable | None) -> str:
    if not PATIENT_OWES.isdisjoint(line.modifiers):
        return "PR"
    return "CO" if entry is None else entry.group
