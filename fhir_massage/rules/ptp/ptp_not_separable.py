"""Two services that are never paid together."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Correction, Found
from fhir_massage.rules.merge import on_one_line
from fhir_massage.rules.ptp.pairs import BUNDLED, because, pairs
from fhir_massage.rules.registry import visit_rule
from fhir_massage.rules.scopes import Visit, VisitLine
from fhir_massage.rules.tools import confirmed, counted, number
from fhir_massage.rules.units.counting import units_of


@visit_rule(
    "ptp-not-separable",
    family="ptp",
    severity="error",
    title="Two services that are never paid together",
    denial=BUNDLED,
)
def ptp_not_separable(visit: Visit) -> Iterator[Found]:
    """Find pairs that no modifier can separate.

    What it checks
    Two services of one encounter that make an NCCI pair of indicator 0, for payers that follow NCCI.

    Why it is denied
    The column-two service is never paid beside the other on one day, whatever the modifier (CO-236).

    What to do
    Bill all the minutes under the one code that the record describes, or take the column-two service off the
    claim.

    Source
    CMS, National Correct Coding Initiative, procedure-to-procedure edits for practitioners.
    """
    for met in pairs(visit, "0"):
        yield visit.find(
            met.two,
            "",
            f"{visit.named(met.two.code)} is never paid beside {visit.named(met.one.code)} on one day, "
            "with or without a modifier.",
            *_under_one_code(visit, met.one, met.two),
            confirmed(
                f"Remove line {met.two.number}",
                visit.change().remove(met.two.index),
                f"that {met.two.code} is to be left off this claim",
            ),
            because=because(visit, met),
        )


def _under_one_code(visit: Visit, one: VisitLine, two: VisitLine) -> Iterator[Correction]:
    """All the minutes under the one code that describes them, either of two timed ones."""
    if one.minutes is None or two.minutes is None or not (visit.is_timed(one) and visit.is_timed(two)):
        return
    units = units_of(one.minutes + two.minutes)
    if not units:
        return
    for kept, gone in ((one, two), (two, one)):
        yield Correction(
            f"Bill all {number(one.minutes + two.minutes)} minutes as {counted(units, 'unit')} of {visit.named(kept.code)}",
            on_one_line(visit, kept, gone, units),
            f"that the record describes all of them as {visit.named(kept.code)}",
        )
