"""A modifier that does not exist or is repeated."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Correction, Denial, Found
from fhir_massage.rules.registry import any_line_rule
from fhir_massage.rules.scopes import AnyLine


@any_line_rule(
    "modifier-invalid",
    family="modifiers",
    severity="error",
    title="A modifier that does not exist or is repeated",
    denial=Denial("CO", "4", ("N519",)),
)
def modifier_invalid(line: AnyLine) -> Iterator[Found]:
    """Find modifiers that no claim system takes.

    What it checks
    A modifier that is not two characters long, that is in neither the CPT nor the HCPCS list on the date
    of service, or that stands on the line twice.

    Why it is denied
    The claim system does not know what the line says (CO-4 with N519).

    What to do
    Drop the second of two alike. Replace an unknown modifier by the one that was meant.

    Source
    CPT and HCPCS level II modifiers in force on the date of service.
    """
    for place, modifier in enumerate(line.modifiers):
        fault = _fault(line, place, modifier)
        if fault is not None:
            again = modifier in line.modifiers[:place]
            words = f"{line.named}: the modifier {modifier} {fault}."
            yield line.find_modifier(place, words, *((_once(line, modifier),) if again else ()))


def _once(line: AnyLine, modifier: str) -> Correction:
    places = [place for place, each in enumerate(line.modifiers) if each == modifier]
    return line.certain(f"Drop the repeated {modifier}", line.change.drop_modifiers(places[1:]))


def _fault(line: AnyLine, place: int, modifier: str) -> str | None:
    """What is wrong with a modifier, in words; ``None`` where it may stand."""
    if modifier in line.modifiers[:place]:
        return "is repeated"
    if len(modifier) != 2:
        return "is not two characters long"
    if line.day is None or line.facts.modifiers.find(modifier, line.day) is not None:
        return None
    ever = line.facts.modifiers.ever(modifier)
    if ever:
        last = max((row.end for row in ever if row.end is not None and row.end < line.day), default=None)
        return f"starts on {min(row.effective for row in ever)}" if last is None else f"ended on {last}"
    # Before the first day of the list nothing is known of any modifier.
    return "does not exist" if line.facts.modifiers.find("59", line.day) is not None else None
