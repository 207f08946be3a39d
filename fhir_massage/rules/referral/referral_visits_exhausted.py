"""More visits than the referral ordered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from fhir_massage.case.seen import Referral
from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.parts import Services
from fhir_massage.rules.referral.asked import asked_lines, citing
from fhir_massage.rules.registry import services_rule
from fhir_massage.rules.tools import charges, counted, days_in_words, listed


@services_rule(
    "referral-visits-exhausted",
    family="referral",
    severity="error",
    title="More visits than the referral ordered",
    topic="limits",
    denial=Denial("CO", "287"),
)
def referral_visits_exhausted(case: Services) -> Iterator[Found]:
    """Count the visits under the referral.

    What it checks
    The dates of service under the referral, on this claim and on the earlier claims and answers that came
    along, against the number of visits that it orders. Each date counts once.

    Why it is denied
    Visits beyond those referred are denied (CO-287).

    What to do
    Ask the referring provider for further visits before billing these.

    Source
    The payer's own policy, which asks for a referral; the referral itself gives the number.
    """
    referral = case.referral
    if referral is None or referral.visits is None or not any(line.day for line in case.lines):
        return
    asked = asked_lines(case)
    if not asked:
        return
    beyond = _beyond(case, referral, max(int(referral.visits), 0))
    late = [line for line, _ in asked if line.day in beyond]
    if late:
        yield Found(
            "Claim.referral",
            f"The referral orders {counted(referral.visits, 'visit')}; {listed(days_in_words(late))} "
            f"{'is' if len(days_in_words(late)) == 1 else 'are'} beyond {'it' if referral.visits == 1 else 'them'}.",
            citations=citing(case, asked),
            at_risk=charges(late),
        )


def _beyond(case: Services, referral: Referral, visits: int) -> set[date]:
    """The dates of service under the referral that come after as many as it ordered."""
    days = {line.day for line in case.lines if line.day is not None}
    days |= case.read_visits().under(referral.key)
    return set(sorted(days)[visits:])
