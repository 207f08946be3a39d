"""The payer asks for prior authorization, and the claim has none."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.facts.policy import AuthorizationAsked
from fhir_massage.rules.coverage.shared import benefits_of
from fhir_massage.rules.parts import Service, Services
from fhir_massage.rules.registry import services_rule
from fhir_massage.rules.tools import charges, cite, listed, named


@services_rule(
    "authorization-missing",
    family="coverage",
    severity="error",
    title="The payer asks for prior authorization, and the claim has none",
    topic="insurance",
    denial=Denial("CO", "197"),
)
def authorization_missing(case: Services) -> Iterator[Found]:
    """Ask for the number of the prior authorization.

    What it checks
    A claim without authorization number, with a line for which the payer's policy, or the payer's own
    answer on this patient's benefits, asks for prior authorization.

    Why it is denied
    A service without the authorization that the payer asks for is denied (CO-197).

    What to do
    Give the number. Where there is none, ask the payer whether it authorizes afterwards.

    Source
    The payer's own policy, named in the finding, or its answer on the patient's benefits.
    """
    if case.authorization is not None or not case.has_insurance:
        return
    asked = [(line, entry) for line in case.lines if (entry := _authorization(line)) is not None]
    if not asked and not case.benefits:
        return
    told = [line for line in case.lines if any(b.authorization_required for b in benefits_of(case, line))]
    lines = [line for line in case.lines if line in told or any(line is each for each, _ in asked)]
    if not lines:
        return
    who = f"{case.payer_title or 'The payer'}{'' if asked else ', in its answer on the benefits,'}"
    codes = listed(list(dict.fromkeys(named(case.facts, line.code, line.day) for line in lines)))
    yield Found(
        case.authorization_element,
        f"{who} asks for prior authorization of {codes}, and the claim has no authorization number.",
        citations=cite(case.facts, *(entry for _, entry in asked)),
        at_risk=charges(lines),
    )


def _authorization(line: Service) -> AuthorizationAsked | None:
    if line.policy is None or line.code is None:
        return None
    return line.policy.authorization(line.code, line.provider.profession)
