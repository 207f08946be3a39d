"""What rules of several families need: citing facts, wording, and starting a correction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from fhir_massage.case.seen import ClaimCase, Line, Number
from fhir_massage.edit.changes import Charged, ClaimChange
from fhir_massage.edit.finding import Citation, Correction
from fhir_massage.facts.book import Facts
from fhir_massage.facts.policy import Flag, Policy
from fhir_massage.facts.rows import Row
from fhir_massage.rules.parts import Charges, Service

#: Payer classes that pay what the patient decides, and edit nothing.
NO_INSURERS = frozenset({"hsa-fsa", "self-pay"})


def cite(facts: Facts, *rows: Row | None) -> tuple[Citation, ...]:
    """Where the rows stand, for a finding that rests on them. ``None`` is passed over."""
    found: dict[Citation, None] = {}
    for row in rows:
        if row is not None:
            source = facts.sources[row.source]
            title = f"{source.owner}, {source.title}, {row.section}"
            found[Citation(title, source.url, row.since, row.by_custom, row.weighs)] = None
    return tuple(found)


def change(case: Charges) -> ClaimChange:
    """A change to the claim under review, to be filled and turned into edits."""
    if "charged" not in case.memo:
        case.memo["charged"] = Charged(case.read_json())
    return ClaimChange(case.read_json(), case.memo["charged"])


def without_modifiers(case: ClaimCase, line: Line, places: list[int]) -> ClaimChange:
    """The line without the modifiers at these places among all that it has."""
    changed = change(case)
    if len(places) == len(line.modifiers):
        return changed.drop(line.index, "/modifier")
    for place in sorted(places, reverse=True):  # from the end, so that no place moves
        changed.drop_modifier(line.index, place)
    return changed


def certain(label: str, change: ClaimChange) -> Correction:
    """A correction that the claim's own data proves."""
    return Correction(label, change.edits())


def confirmed(label: str, change: ClaimChange, needs: str) -> Correction:
    """A correction that a person must confirm first."""
    return Correction(label, change.edits(), needs)


def named(facts: Facts, code: str | None, on: date | None) -> str:
    """A code with our words for it: ``97140 (manual therapy)``."""
    row = None if code is None or on is None else facts.procedure_words.find(code, on)
    return f"{code} ({row.words})" if row is not None else str(code)


def is_timed(case: ClaimCase, line: Line) -> bool:
    """Whether the line's code is counted in 15-minute units on its date."""
    return (
        line.code is not None and line.day is not None and case.facts.timed_codes.find(line.code, line.day) is not None
    )


def follows_ncci(policy: Policy | None) -> bool:
    """Whether a payer follows NCCI: what its policy says, else all but those that are no insurers."""
    if policy is None:
        return False
    if policy.follows_ncci is not None:
        return policy.follows_ncci.value
    return policy.payer_class not in NO_INSURERS


def number(value: Number | Decimal) -> str:
    """A number without needless decimals."""
    text = f"{value:f}" if isinstance(value, Decimal) else f"{value:g}" if isinstance(value, float) else str(value)
    return text


def counted(value: Number, word: str) -> str:
    """``1 unit``, ``2 units``."""
    return f"{number(value)} {word}" if value == 1 else f"{number(value)} {word}s"


def listed(words: list[str], last: str = "and") -> str:
    """``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def part_of_charge(line: Line, units: Number) -> Decimal | None:
    """The dollars that so many of a line's units charge."""
    charge = line.charge
    if charge is None or not line.units or line.units <= 0:
        return charge
    return (charge * Decimal(str(units)) / Decimal(str(line.units))).quantize(Decimal("0.01"))


def charges(lines: Iterable[Service]) -> Decimal | None:
    """The dollars that several lines charge together; ``None`` where one of them is not known."""
    known = [line.charge for line in lines]
    return None if None in known or not known else sum((c for c in known if c is not None), Decimal(0))


def flag_for(flag: Flag | None, code: str | None, profession: str | None) -> Flag | None:
    """A policy's flag, where it is set and speaks of the code when rendered by the profession."""
    if flag is None or not flag.value or code is None:
        return None
    return flag if flag.speaks_of(code, profession) else None


def days_in_words(lines: Iterable[Service]) -> list[str]:
    """The dates of service of several lines, each once, in their order."""
    return [str(day) for day in sorted({line.day for line in lines if line.day is not None})]


def days_after(day: date, days: int) -> date:
    """The day that many days later; the last that there is, where that would be none."""
    return day + min(timedelta(days=days), date.max - day)
