"""Minutes of a timed service not given."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import ClaimCase
from fhir_massage.edit.finding import Found
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import is_timed, named


@claim_rule("minutes-missing", family="units", severity="information", title="Minutes of a timed service not given")
def minutes_missing(case: ClaimCase) -> Iterator[Found]:
    """Say which timed lines cannot be checked against minutes.

    What it checks
    A timed service with no minutes anywhere on the claim: not in supporting information, not as a
    period with times, not on the procedure that the line names. Where the payer adds the minutes of
    all lines together, one line without minutes leaves every line of the visit unchecked.

    Why it is denied
    It is not denied by itself. Without minutes nobody can show that the units are right.

    What to do
    Give the minutes of each timed service with the claim, or check the units against the record.

    Source
    CMS, Medicare Benefit Policy Manual (Pub. 100-02), chapter 15, section 220.3: timed-code minutes are
    part of the treatment note.
    """
    for line in case.lines:
        if line.minutes is not None or not is_timed(case, line):
            continue
        yield Found(
            line.element,
            f"{named(case.facts, line.code, line.day)}: no minutes are given, so its units cannot be checked.",
        )
