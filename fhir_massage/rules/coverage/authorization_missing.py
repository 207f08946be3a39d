"""The payer asks for prior authorization, and the claim has none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.facts.policy import AuthorizationAfter, AuthorizationAsked
from fhir_massage.rules.coverage.shared import benefits_of
from fhir_massage.rules.parts import Service, Services
from fhir_massage.rules.registry import services_rule
from fhir_massage.rules.tools import charges, cite, counted, listed, named


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
    answer on this patient's benefits, asks for prior authorization. Some ask for it only after a number of visits:
    counted are those under the claim's referral. Without one, all visits that came along are counted, and the finding
    is a warning, for earlier ones may be of another injury.

    Why it is denied
    A service without the authorization that the payer asks for is denied (CO-197).

    What to do
    Give the number. Where there is none, ask the payer whether it authorizes afterwards.

    Source
    The payer's own policy, named in the finding, or its answer on the patient's benefits.
    """
    if case.authorization is not None or not case.has_insurance:
        return
    yield from _after_visits(case)
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


def _after_visits(case: Services) -> Iterator[Found]:
    """The lines of visits beyond those that the payer pays without authorization."""
    beyond: dict[AuthorizationAfter, list[Service]] = {}
    for line in case.lines:
        entry = _free_visits(line)
        if entry is not None and line.day in _visits(case, entry)[entry.visits :]:
            beyond.setdefault(entry, []).append(line)
    for entry, lines in beyond.items():
        codes = listed(list(dict.fromkeys(named(case.facts, line.code, line.day) for line in lines)))
        known = case.referral is not None
        yield Found(
            case.authorization_element,
            f"{case.payer_title} asks for prior authorization of {codes} after {counted(entry.visits, 'visit')}; "
            f"that of {min(line.day for line in lines if line.day)} is beyond, and the claim has no authorization number"
            f"{'' if known else ', unless earlier visits were for another injury'}.",
            citations=cite(case.facts, entry),
            at_risk=charges(lines),
            severity=None if known else "warning",
        )


def _free_visits(line: Service) -> AuthorizationAfter | None:
    if line.policy is None or line.code is None:
        return None
    return line.policy.authorization_after(line.code, line.provider.profession)


def _visits(case: Services, entry: AuthorizationAfter) -> list[date]:
    """The days of the course of treatment, in order: those of this claim, and earlier ones that came along."""
    mine = {each.day for each in case.lines if each.day and each.code and entry.covers_code(each.code)}
    visits = case.read_visits()
    earlier = visits.of_codes(entry.covers_code)
    if case.referral is not None:
        earlier &= visits.under(case.referral.key)
    return sorted(mine | earlier)


def _authorization(line: Service) -> AuthorizationAsked | None:
    if line.policy is None or line.code is None:
        return None
    return line.policy.authorization(line.code, line.provider.profession)
