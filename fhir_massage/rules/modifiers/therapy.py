"""What a payer asks of therapy lines, and the modifiers of the disciplines."""

from __future__ import annotations

from fhir_massage.case.seen import Line
from fhir_massage.facts.policy import Flag

#: The assistant's own modifier and the discipline under which the assistant works.
ASSISTANTS = {"physical-therapist-assistant": ("CQ", "GP"), "occupational-therapy-assistant": ("CO", "GO")}
DISCIPLINES = {
    "physical-therapist": "GP",
    "physical-therapist-assistant": "GP",
    "occupational-therapist": "GO",
    "occupational-therapy-assistant": "GO",
}


def flag_on(line: Line, flag: Flag | None) -> Flag | None:
    """The flag where it is set and speaks of the line."""
    if flag is None or not flag.value or line.code is None:
        return None
    return flag if flag.speaks_of(line.code, line.provider.profession) else None
