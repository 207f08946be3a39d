"""Nothing tells the profession of who rendered."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Found
from fhir_massage.facts.policy import Payable
from fhir_massage.rules.parts import Service, Services
from fhir_massage.rules.registry import services_rule
from fhir_massage.rules.tools import charges, cite, listed


@services_rule(
    "provider-unknown",
    family="provider",
    severity="warning",
    title="Nothing tells the profession of who rendered",
    topic="insurance",
)
def provider_unknown(case: Services) -> Iterator[Found]:
    """Ask for the profession where the payer's answer hangs on it.

    What it checks
    Lines whose pay, coverage or referral depends on the profession by the payer's policy, rendered by
    somebody whose record names no taxonomy code: neither the claim's care team, nor the role, nor the
    practitioner. A provider who could not be found is reported by *reference-unresolved*.

    Why it is denied
    It is not denied by itself. The payer knows the profession from its own register; here nobody can say
    beforehand whether it pays.

    What to do
    Give the provider's taxonomy code (NUCC), best as the qualification of the care team member.

    Source
    The payer's own policy, which answers differently for different professions.
    """
    unknown: dict[str, list[Service]] = {}
    for line in case.lines:
        provider = line.provider
        if provider.professions or not provider.resolved or line.policy is None or line.code is None:
            continue
        if line.policy.depends_on_profession(line.code):
            unknown.setdefault(provider.element, []).append(line)
    for element, lines in unknown.items():
        codes = listed(list(dict.fromkeys(str(line.code) for line in lines)))
        yield Found(
            element,
            f"Whether {codes} is paid by {case.payer_title} depends on who rendered it, and no profession is given.",
            citations=cite(case.facts, *_deciding(lines[0])),
            at_risk=charges(lines),
        )


def _deciding(line: Service) -> list[Payable]:
    """The policy's entries on who is paid for the line's code."""
    assert line.policy is not None
    assert line.code is not None
    return [entry for entry in line.policy.payable_entries if entry.covers_code(line.code)]
