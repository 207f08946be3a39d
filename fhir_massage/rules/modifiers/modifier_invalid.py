"""A modifier that does not exist or is repeated."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import ClaimCase, Line
from fhir_massage.edit.finding import Correction, Denial, Found
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import certain, cite, named, without_modifiers


@claim_rule(
    "modifier-invalid",
    family="modifiers",
    within="line",
    severity="error",
    title="A modifier that does not exist or is repeated",
    denial=Denial("CO", "4", ("N519",)),
)
def modifier_invalid(case: ClaimCase) -> Iterator[Found]:
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
    for line in case.lines:
        for place, modifier in enumerate(line.modifiers):
            fault = _fault(case, line, place, modifier)
            if fault is None:
                continue
            again = modifier in line.modifiers[:place]
            day = line.day or case.today
            yield Found(
                f"{line.element}.modifier[{_concept(case, line, place)}]",
                f"{named(case.facts, line.code, day)}: the modifier {modifier} {fault}.",
                (_once(case, line, modifier),) if again else (),
                cite(case.facts, *case.facts.rule_sources.all("modifier-invalid", day)),
            )


def _once(case: ClaimCase, line: Line, modifier: str) -> Correction:
    places = [place for place, each in enumerate(line.modifiers) if each == modifier]
    return certain(f"Drop the repeated {modifier}", without_modifiers(case, line, places[1:]))


def _fault(case: ClaimCase, line: Line, place: int, modifier: str) -> str | None:
    """What is wrong with a modifier, in words; ``None`` where it may stand."""
    if modifier in line.modifiers[:place]:
        return "is repeated"
    if len(modifier) != 2:
        return "is not two characters long"
    if line.day is None or case.facts.modifiers.find(modifier, line.day) is not None:
        return None
    # Before the first day of the list nothing is known of any modifier.
    return "does not exist" if case.facts.modifiers.find("59", line.day) is not None else None


def _concept(case: ClaimCase, line: Line, place: int) -> int:
    """Which of the line's modifier elements holds the modifier: one may have several codings."""
    passed = -1
    for position, concept in enumerate(case.read_json()["item"][line.index].get("modifier", [])):
        passed += sum(1 for coding in concept.get("coding", []) if coding.get("code"))
        if passed >= place:
            return position
    return place
