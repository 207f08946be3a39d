"""The procedure code was deleted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from fhir_massage.edit.finding import Correction, Denial, Found
from fhir_massage.facts.book import Facts
from fhir_massage.rules.registry import any_line_rule
from fhir_massage.rules.scopes import AnyLine
from fhir_massage.rules.tools import listed, named


@any_line_rule(
    "procedure-code-retired",
    family="coding",
    severity="error",
    title="The procedure code was deleted",
    denial=Denial("CO", "181"),
)
def procedure_code_retired(line: AnyLine) -> Iterator[Found]:
    """Find codes that were not valid any more on the date of service.

    What it checks
    A procedure code that had been deleted by the date of service.

    Why it is denied
    A code is valid by the date of service, not by the date of the claim. A deleted one is denied (CO-181).

    What to do
    Bill the code that took its place. Where several did, the record of the visit tells which.

    Source
    The lists of deleted codes that the finding names.
    """
    if line.code is None or line.day is None:
        return
    retired = line.facts.retired_procedures.find(line.code, line.day)
    if retired is not None:
        replacements = _valid_replacements(line.facts, line.code, line.day)
        instead = f"; {listed(replacements, 'or')} took its place" if replacements else ""
        yield line.find(
            "productOrService",
            f"{line.named} was not valid any more on {line.day}{instead}.",
            *_replacements(line, replacements),
            because=(retired,),
        )


def _valid_replacements(facts: Facts, code: str, on: date) -> list[str]:
    """The codes in place of a deleted one that are themselves valid on the day."""
    found: dict[str, None] = {}
    waiting, seen = [code], {code}
    while waiting:
        row = facts.retired_procedures.find(waiting.pop(0), on)
        for replacement in row.replacements if row is not None else ():
            if replacement in seen:
                continue
            seen.add(replacement)
            if facts.retired_procedures.find(replacement, on) is None:
                found[replacement] = None
            else:
                waiting.append(replacement)
    return list(found)


def _replacements(line: AnyLine, replacements: list[str]) -> Iterator[Correction]:
    for code in replacements:
        service = named(line.facts, code, line.day)
        if len(replacements) == 1:
            yield line.certain(f"Bill {service}", line.change.code(code))
        else:
            yield line.if_confirmed(f"Bill {service}", line.change.code(code), f"that the record shows {service}")
