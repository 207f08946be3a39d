"""The claim does not name who certified the plan of care."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.facts.policy import Flag
from fhir_massage.rules.parts import Service, Services
from fhir_massage.rules.registry import services_rule
from fhir_massage.rules.tools import charges, cite, flag_for, listed


@services_rule(
    "referring-provider-missing",
    family="provider",
    severity="error",
    title="The claim does not name who certified the plan of care",
    topic="insurance",
    denial=Denial("CO", "16", ("N285", "N286")),
)
def referring_provider_missing(case: Services) -> Iterator[Found]:
    """Ask for the physician who certifies the plan of care.

    What it checks
    A claim for outpatient therapy to a payer that asks for the certifying or ordering provider (Medicare), where none
    is named with an NPI: neither by the referral's requester, nor by a care team member with the role of
    referring. An institutional claim names that person as the attending one.

    Why it is denied
    Medicare returns a therapy claim without the name and NPI of the physician, or of the other practitioner, who
    certifies the plan of care (CO-16 with N285 and N286).

    What to do
    Name the certifying physician with NPI: box 17 with qualifier DN and 17b of the paper claim, loop 2310A of the 837,
    a care team member of role referring in FHIR.

    Source
    The payer's own policy, named in the finding; CMS Change Request 8036.
    """
    if case.institutional or _names_one(case):
        return
    asked = [(line, flag) for line in case.lines if (flag := _asked(line)) is not None]
    if not asked:
        return
    codes = listed(list(dict.fromkeys(str(line.code) for line, _ in asked)))
    yield Found(
        "Claim.careTeam",
        f"{case.payer_title} asks for the NPI of the physician who certifies the plan of care with {codes}, and the "
        "claim names no referring provider.",
        citations=cite(case.facts, asked[0][1]),
        at_risk=charges(line for line, _ in asked),
    )


def _asked(line: Service) -> Flag | None:
    """The policy's word on a line, where it asks for who certified."""
    flag = None if line.policy is None else line.policy.referring_provider
    return flag_for(flag, line.code, line.provider.profession)


def _names_one(case: Services) -> bool:
    """Whether somebody who referred is named with an NPI, or may be: in a record that is not at hand."""
    if case.referred_by is not None:
        return True
    if case.referral is None:
        return case.names_referral
    requester = case.referral.requester
    return requester is not None and (bool(requester.npis) or not requester.resolved or requester.unfetched)
