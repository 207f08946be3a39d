"""Therapy above the year's amount without KX."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from fhir_massage.case.seen import ClaimCase, Line
from fhir_massage.edit.finding import Denial, Found
from fhir_massage.facts.rows import TherapyThreshold
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import change, cite, confirmed, flag_for, named, number

#: Benefit categories (X12 service types) of physical and speech therapy, and of occupational therapy.
THERAPY_BENEFITS = {"pt-slp": frozenset({"PT", "AE", "AF"}), "ot": frozenset({"AD"})}


@claim_rule(
    "threshold-modifier-missing",
    family="modifiers",
    severity="warning",
    title="Therapy above the year's amount without KX",
    topic="limits",
    denial=Denial("CO", "119"),
)
def threshold_modifier_missing(case: ClaimCase) -> Iterator[Found]:
    """Ask for KX once the year's therapy amount is used up.

    What it checks
    Therapy lines without KX where the payer's own answer on benefits says that the patient has used
    Medicare's yearly therapy amount: one for physical therapy and speech-language pathology together, one
    for occupational therapy. Without such an answer the rule is silent.

    Why it is denied
    Above the amount Medicare pays only where KX states that the record shows medical necessity (CO-119).

    What to do
    If the record shows that further therapy is medically necessary, add KX.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 5, section 10.3; the year's amount as
    named in the finding.
    """
    if not any(benefit.dollars_used for benefit in case.benefits):
        return
    liability = case.facts.modifiers_of("liability")
    for line in case.lines:
        flag = None if line.policy is None else line.policy.threshold_modifier
        flag = flag_for(flag, line.code, line.provider.profession)
        if flag is None or "KX" in line.modifiers or not liability.isdisjoint(line.modifiers) or line.day is None:
            continue
        threshold = _threshold(case, line)
        used = None if threshold is None else _used(case, line, threshold)
        if threshold is None or used is None or used < threshold.dollars:
            continue
        yield Found(
            f"{line.element}.modifier",
            f"{named(case.facts, line.code, line.day)}: ${number(used)} of therapy is used, and above "
            f"${number(threshold.dollars)} in {line.day.year} {case.payer_title} asks for KX.",
            (
                confirmed(
                    "Add KX: further therapy is medically necessary",
                    change(case).add_modifier(line.index, "KX"),
                    "documentation in the record that further therapy is medically necessary",
                ),
            ),
            cite(case.facts, threshold, flag),
        )


def _threshold(case: ClaimCase, line: Line) -> TherapyThreshold | None:
    """The year's amount of the line's discipline."""
    assert line.day is not None
    if "GO" in line.modifiers:
        return case.facts.therapy_thresholds.find("ot", line.day)
    if not {"GP", "GN"}.isdisjoint(line.modifiers):
        return case.facts.therapy_thresholds.find("pt-slp", line.day)
    return None


def _used(case: ClaimCase, line: Line, threshold: TherapyThreshold) -> Decimal | None:
    """The dollars that the payer says were used of the therapy amount; ``None`` where it does not say."""
    return max(
        (
            benefit.dollars_used
            for benefit in case.benefits
            if benefit.dollars_used is not None
            and (
                line.code in benefit.codes
                or benefit.kind in THERAPY_BENEFITS[threshold.discipline]
                or (not benefit.codes and not benefit.kind and benefit.dollars_allowed == threshold.dollars)
            )
        ),
        default=None,
    )
