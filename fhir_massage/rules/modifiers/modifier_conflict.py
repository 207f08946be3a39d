"""Modifiers that do not go together."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Correction, Denial, Found
from fhir_massage.facts.rows import ModifierConflict
from fhir_massage.rules.disciplines import ASSISTANTS, DISCIPLINES
from fhir_massage.rules.registry import any_line_rule
from fhir_massage.rules.scopes import AnyLine


@any_line_rule(
    "modifier-conflict",
    family="modifiers",
    severity="error",
    title="Modifiers that do not go together",
    denial=Denial("CO", "4"),
)
def modifier_conflict(line: AnyLine) -> Iterator[Found]:
    """Find two modifiers of one line that exclude each other, or one that lacks its companion.

    What it checks
    On one line: 59 with XE, XP, XS or XU; two of GP, GO and GN; CQ without GP or CO without GO; two of the
    notices of liability GA, GX, GY and GZ that contradict each other; for Medicare also AT with GA, which say that
    payment is expected and that it is not.

    Why it is denied
    Modifiers that contradict each other leave the payer without a statement to go by. The line comes back
    (CO-4).

    What to do
    Keep the modifier that the record supports. 59 beside an X modifier is plainly the redundant one.

    Source
    The document named in the finding, by the pair of modifiers.
    """
    if line.day is None:
        return
    for modifier in dict.fromkeys(line.modifiers):
        for row in line.facts.modifier_conflicts.all(modifier, line.day):
            if (row.other in line.modifiers) == (row.kind == "needs") or not _is_said_by_payer(row, line):
                continue
            together = (
                f"{modifier} is billed without {row.other}, which it needs"
                if row.kind == "needs"
                else f"{modifier} and {row.other} exclude each other on one line"
            )
            corrections = _companion(line, row) if row.kind == "needs" else _either(line, row)
            yield line.find("modifier", f"{line.named}: {together}.", *corrections, because=(row,))


def _is_said_by_payer(row: ModifierConflict, line: AnyLine) -> bool:
    return not row.payer_class or (line.policy is not None and line.policy.payer_class == row.payer_class)


def _companion(line: AnyLine, row: ModifierConflict) -> Iterator[Correction]:
    plan = f"that the plan of care is the one that {row.other} names"
    others = sorted(line.facts.modifiers_of("therapy").intersection(line.modifiers))
    if others:
        instead = line.change.change_modifier(others[0], row.other)
        yield line.if_confirmed(f"Put {row.other} in place of {others[0]}", instead, plan)
    elif ASSISTANTS.get(line.profession or "") == (row.modifier, row.other):
        yield line.certain(f"Add {row.other}", line.change.add_modifier(row.other))
        return
    else:
        yield line.if_confirmed(f"Add {row.other}", line.change.add_modifier(row.other), plan)
    dropped = line.change.drop_modifier(row.modifier)
    yield line.if_confirmed(f"Drop {row.modifier}", dropped, f"that what {row.modifier} says is not so")


def _either(line: AnyLine, row: ModifierConflict) -> Iterator[Correction]:
    if row.redundant:
        yield line.certain(f"Drop {row.redundant}", line.change.drop_modifier(row.redundant))
        return
    pair = [row.modifier, row.other]
    # Dropped first is the one that is not of the rendering profession's own discipline.
    if DISCIPLINES.get(line.profession or "") == row.modifier:
        pair.reverse()
    for modifier, kept in (pair, pair[::-1]):
        dropped = line.change.drop_modifier(modifier)
        yield line.if_confirmed(f"Drop {modifier}", dropped, f"that the record supports {kept}, not {modifier}")
