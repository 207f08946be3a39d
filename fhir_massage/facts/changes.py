"""What differs between two states of the NCCI tables, for the codes that are ours: pairs and units, in plain words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Literal

import msgspec

from fhir_massage.facts.book import Facts
from fhir_massage.facts.ncci import Kind, PairRow, UnlikelyRow, read_parts

Codes = tuple[str, str]
What = Literal["new", "ended", "ends", "indicator", "units", "adjudication"]
IsOurs = Callable[[str], bool]


class Span(msgspec.Struct, frozen=True, gc=False):
    """A pair's time in force, days as ``YYYYMMDD``, ``end`` 0 while it is."""

    effective: int
    end: int
    indicator: str


class Tables(msgspec.Struct):
    """The rows of both tables in which a code of ours stands. ``kinds`` are the tables that were there at all.

    ``quarter`` is the newest that the files' names tell, ``parts`` are the names of what was read, and ``covered``
    are the first and last column-one code of each file of pairs.
    """

    pairs: dict[Codes, list[Span]] = {}
    units: dict[str, tuple[int, str]] = {}
    kinds: set[Kind] = set()
    quarter: date | None = None
    parts: list[tuple[str, Kind, date | None]] = []
    covered: list[Codes] = []


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One difference. ``before`` and ``after`` are indicators, units or adjudication indicators; days where told."""

    table: Kind
    codes: tuple[str, ...]
    what: What
    before: str | None = None
    after: str | None = None
    since: date | None = None
    until: date | None = None


class Account(msgspec.Struct, frozen=True):
    """What differs on a day: each change between codes of ours, and how many pairs of one with another code changed."""

    on: date
    changes: list[Change]
    others: dict[str, int]


# --- the two states ------------------------------------------------------------------------------------------


def of_files(files: Iterable[Path], is_ours: IsOurs) -> Tables:
    """What official files say, read whole. Raises ``BadFact`` where one of them is broken or something else."""
    tables = Tables()
    dated: dict[str, date] = {}
    for file in files:
        for part in read_parts(file):
            tables.kinds.add(part.kind)
            tables.parts.append((part.name, part.kind, part.quarter))
            tables.quarter = max(filter(None, (tables.quarter, part.quarter)), default=None)
            known: dict[str, bool] = {}
            ones: set[str] = set()
            for row in part.rows:
                if isinstance(row, PairRow):
                    ones.add(row.column_one)
                    _add_pair(tables, row, known, is_ours)
                else:
                    _add_units(tables, row, part.quarter or date.min, dated, is_ours)
            if ones:
                tables.covered.append((min(ones), max(ones)))
    return tables


def _add_pair(tables: Tables, row: PairRow, known: dict[str, bool], is_ours: IsOurs) -> None:
    one, two = row.column_one, row.column_two
    for code in (one, two):
        if code not in known:
            known[code] = is_ours(code)
    if (known[one] or known[two]) and row.indicator != "9":  # such a pair never applied
        tables.pairs.setdefault((one, two), []).append(Span(row.effective, row.end, row.indicator))


def _add_units(tables: Tables, row: UnlikelyRow, quarter: date, dated: dict[str, date], is_ours: IsOurs) -> None:
    """Of several quarters the newest one's."""
    if is_ours(row.code) and quarter >= dated.get(row.code, date.min):
        dated[row.code] = quarter
        tables.units[row.code] = (row.units, row.adjudication)


def in_use(facts: Facts, on: date) -> Tables:
    """What the facts in use say: the rows that were loaded, and the shipped ones where none were."""
    tables = Tables(kinds={"ptp", "mue"})
    store = facts.imported
    for row in facts.rows_of("ptp_pairs"):
        one, two = str(getattr(row, "column_one", "")), str(getattr(row, "column_two", ""))
        if store is None or not store.covers(one):
            span = Span(
                _number(row.effective), 0 if row.end is None else _number(row.end), getattr(row, "indicator", "")
            )
            tables.pairs.setdefault((one, two), []).append(span)
    codes = {str(getattr(row, "code", "")) for row in facts.rows_of("mue")}
    if store is not None:
        _add_stored(tables, facts)
        codes |= {code for (code,) in store.all("select distinct code from unlikely") if facts.is_code_ours(code)}
    for code in sorted(codes):
        found = facts.mue.find(code, on)
        if found is not None:
            tables.units[code] = (found.units, found.adjudication)
    return tables


def replaced_by(new: Tables, old: Tables) -> Tables:
    """What of the rows in use gives way to new files once these are loaded: pairs that they do not cover stay."""
    covered = {
        codes: spans
        for codes, spans in old.pairs.items()
        if any(first <= codes[0] <= last for first, last in new.covered)
    }
    return msgspec.structs.replace(old, pairs=covered)


def _add_stored(tables: Tables, facts: Facts) -> None:
    store = facts.imported
    assert store is not None
    ours = [code for (code,) in store.all("select code from code") if facts.is_code_ours(code)]
    marks = ",".join("?" * len(ours))
    query = (
        "select codes, effective, end, indicator from pair"
        f" where substr(codes, 1, 5) in ({marks}) or substr(codes, 6) in ({marks})"
    )
    for codes, effective, end, indicator in store.all(query, (*ours, *ours)):
        tables.pairs.setdefault((codes[:5], codes[5:]), []).append(Span(effective, end, indicator))


# --- what differs --------------------------------------------------------------------------------------------


def account(old: Tables, new: Tables, on: date, facts: Facts) -> Account:
    """What differs on a day, where both have the table. Pairs of two codes of ours are told, and those shipped."""
    shipped = {(getattr(row, "column_one", ""), getattr(row, "column_two", "")) for row in facts.rows_of("ptp_pairs")}
    both = old.kinds & new.kinds
    changes: list[Change] = []
    others: dict[str, int] = {}
    for change in _pairs(old, new, _number(on)) if "ptp" in both else ():
        if change.codes in shipped or all(facts.is_code_ours(code) for code in change.codes):
            changes.append(change)
        else:
            others[change.what] = others.get(change.what, 0) + 1
    if "mue" in both:
        changes += _units(old, new)
    return Account(on, changes, others)


def day_of(*files: Tables, today: date) -> date:
    """The day to compare on: the first of the newest quarter that the files tell, else today."""
    return max((each.quarter for each in files if each.quarter is not None), default=today)


def _pairs(old: Tables, new: Tables, on: int) -> Iterator[Change]:
    for codes in sorted(old.pairs.keys() | new.pairs.keys()):
        before, after = _in_force(old.pairs.get(codes, []), on), _in_force(new.pairs.get(codes, []), on)
        if before is None and after is not None:
            yield Change("ptp", codes, "new", after=after.indicator, since=_day(after.effective), until=_day(after.end))
        elif before is not None and after is None:
            ended = max((span.end for span in new.pairs.get(codes, [])), default=0)
            yield Change("ptp", codes, "ended", before=before.indicator, until=_day(ended))
        elif before is not None and after is not None:
            yield from _still(codes, before, after)


def _still(codes: Codes, before: Span, after: Span) -> Iterator[Change]:
    if before.indicator != after.indicator:
        since = _day(after.effective)
        yield Change("ptp", codes, "indicator", before.indicator, after.indicator, since=since)
    if after.end and after.end != before.end:
        yield Change("ptp", codes, "ends", before=after.indicator, until=_day(after.end))


def _in_force(spans: list[Span], on: int) -> Span | None:
    """The span in force on a day; of several the one that began last, as for a claim."""
    held = [span for span in spans if span.effective <= on and (not span.end or on <= span.end)]
    return max(held, key=lambda span: span.effective, default=None)


def _units(old: Tables, new: Tables) -> Iterator[Change]:
    for code in sorted(old.units.keys() | new.units.keys()):
        before, after = old.units.get(code), new.units.get(code)
        if before is None and after is not None:
            yield Change("mue", (code,), "new", after=str(after[0]))
        elif before is not None and after is None:
            yield Change("mue", (code,), "ended", before=str(before[0]))
        elif before is not None and after is not None:
            if before[0] != after[0]:
                yield Change("mue", (code,), "units", str(before[0]), str(after[0]))
            if before[1] != after[1]:
                yield Change("mue", (code,), "adjudication", before[1], after[1])


# --- in words ------------------------------------------------------------------------------------------------


def words(change: Change) -> str:
    """``97140 with 97124: indicator 0 -> 1, since 2026-10-01``."""
    codes = " with ".join(change.codes)
    since = f", since {change.since}" if change.since else ""
    until = f", until {change.until}" if change.until else ""
    said = {
        ("ptp", "new"): f"new pair, indicator {change.after}{since}{until}",
        ("ptp", "ended"): f"pair ended{f' on {change.until}' if change.until else ': it is listed no more'}"
        f" (indicator {change.before})",
        ("ptp", "ends"): f"pair ends on {change.until} (indicator {change.before})",
        ("ptp", "indicator"): f"indicator {change.before} -> {change.after}{since}",
        ("mue", "new"): f"new MUE value {change.after}",
        ("mue", "ended"): f"MUE value {change.before} is listed no more",
        ("mue", "units"): f"MUE value {change.before} -> {change.after}",
        ("mue", "adjudication"): f"MUE adjudication indicator {change.before} -> {change.after}",
    }
    return f"{codes}: {said[change.table, change.what]}"


def told(found: Account) -> list[str]:
    """The account in lines for people, one a change."""
    lines = [words(change) for change in found.changes] or ["Nothing changes for the codes that are reviewed."]
    if found.others:
        kinds = ", ".join(f"{number} {_OTHERS[what]}" for what, number in sorted(found.others.items()))
        lines.append(f"Pairs of one of our codes with another code: {kinds}.")
    return lines


_OTHERS = {"new": "new", "ended": "ended", "ends": "with a last day now", "indicator": "with another indicator"}


def _number(day: date) -> int:
    return day.year * 10000 + day.month * 100 + day.day


def _day(number: int) -> date | None:
    return date(number // 10000, number // 100 % 100, number % 100) if number else None
