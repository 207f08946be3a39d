"""What a payer asks of therapy lines, and the modifiers of the disciplines."""

from __future__ import annotations

from fhir_massage.case.seen import Line
from fhir_massage.facts.policy import Flag


def flag_on(line: Line, flag: Flag | None) -> Flag | None:
    """The flag where it is set and speaks of the line."""
    if flag is None or not flag.value or line.code is None:
        return None
    return flag if flag.speaks_of(line.code, line.provider.profession) else None
