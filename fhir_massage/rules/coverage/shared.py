"""What a policy and the payer's answer on the benefits say of a line."""

from __future__ import annotations

from fhir_massage.case.seen import Benefit
from fhir_massage.facts.policy import Covered
from fhir_massage.rules.parts import Service, Services
from fhir_massage.rules.payment import benefits_for


def covered_by(line: Service) -> Covered | None:
    if line.policy is None or line.code is None:
        return None
    return line.policy.covered(line.code, line.provider.profession)


def benefits_of(case: Services, line: Service) -> list[Benefit]:
    return [] if line.code is None else benefits_for(case.benefits, line.code)
