"""Modifiers that do not go together."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import ClaimCase, Line
from fhir_massage.edit.changes import ClaimChange
from fhir_massage.edit.finding import Correction, Denial, Found
from fhir_massage.facts.rows import ModifierConflict
from fhir_massage.rules.modifiers.therapy import ASSISTANTS, DISCIPLINES, THERAPY
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import certain, change, cite, confirmed, named, without_modifiers


@claim_rule(
    "modifier-conflict",
    family="modifiers",
    within="line",
    severity="error",
    title="Modifiers that do not go together",
    denial=Denial("CO", "4"),
)
def modifier_conflict(case: ClaimCase) -> Iterator[Found]:
    """Find two modifiers of one line that exclude each other, or one that lacks its companion.

    What it checks
    On one line: 59 with XE, XP, XS or XU; two of GP, GO and GN; CQ without GP or CO without GO; two of the
    notices of liability GA, GX, GY and GZ that contradict each other.

    Why it is denied
    Modifiers that contradict each other leave the payer without a statement to go by. The line comes back
    (CO-4).

    What to do
    Keep the modifier that the record supports. 59 beside an X modifier is plainly the redundant one.

    Source
    The document named in the finding, by the pair of modifiers.
    """
    for line in case.lines:
        if not line.modifiers or line.day is None:
            continue
        for modifier in dict.fromkeys(line.modifiers):
            for row in case.facts.modifier_conflicts.all(modifier, line.day):
                if (row.other in line.modifiers) == (row.kind == "needs"):
                    continue
                together = (
                    f"{modifier} is billed without {row.other}, which it needs"
                    if row.kind == "needs"
                    else f"{modifier} and {row.other} exclude each other on one line"
                )
                yield Found(
                    f"{line.element}.modifier",
                    f"{named(case.facts, line.code, line.day)}: {together}.",
                    tuple(_companion(case, line, row) if row.kind == "needs" else _either(case, line, row)),
                    cite(case.facts, row),
                )


def _companion(case: ClaimCase, line: Line, row: ModifierConflict) -> Iterator[Correction]:
    plan = f"that the plan of care is the one that {row.other} names"
    others = sorted(THERAPY.intersection(line.modifiers))
    if others:
        instead = change(case).change_modifier(line.index, line.modifiers.index(others[0]), row.other)
        yield confirmed(f"Put {row.other} in place of {others[0]}", instead, plan)
    elif ASSISTANTS.get(line.provider.profession or "") == (row.modifier, row.other):
        yield certain(f"Add {row.other}", change(case).add_modifier(line.index, row.other))
        return
    else:
        yield confirmed(f"Add {row.other}", change(case).add_modifier(line.index, row.other), plan)
    yield confirmed(
        f"Drop {row.modifier}", _dropped(case, line, row.modifier), f"that what {row.modifier} says is not so"
    )


def _either(case: ClaimCase, line: Line, row: ModifierConflict) -> Iterator[Correction]:
    if row.redundant:
        yield certain(f"Drop {row.redundant}", _dropped(case, line, row.redundant))
        return
    pair = [row.modifier, row.other]
    # Dropped first is the one that is not of the rendering profession's own discipline.
    if DISCIPLINES.get(line.provider.profession or "") == row.modifier:
        pair.reverse()
    for modifier, kept in (pair, pair[::-1]):
        yield confirmed(
            f"Drop {modifier}", _dropped(case, line, modifier), f"that the record supports {kept}, not {modifier}"
        )


def _dropped(case: ClaimCase, line: Line, modifier: str) -> ClaimChange:
    return without_modifiers(case, line, [place for place, each in enumerate(line.modifiers) if each == modifier])
