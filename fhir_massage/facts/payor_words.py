"""Payers by the words in a name: ``VA CCN OPTUM``, ``NORIDIAN JF MEDICARE PART B``, ``Molina Apple Health``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache

from fhir_massage.facts.rows import PAYOR_WORD_KINDS, PayorWord

_INSURER = "<insurer>"
_KEPT = 4096
#: No payer's name is longer; what is cut off came from a stranger.
_LONGEST = 400
_NOT_WORDS = re.compile(r"[^a-z0-9]+")
_STRENGTH = {kind: strength for strength, kind in enumerate(PAYOR_WORD_KINDS)}
_Place = tuple[int, int]


class PayorWords:
    """The rows of ``payor_words``, looked up by the words that a name holds. Read-only once made."""

    def __init__(self, rows: Iterable[PayorWord], classes: Mapping[str, str]) -> None:
        """``classes`` are the classes of the payers: a payer of its own tells more than its class (``Anthem BCBS``)."""
        rows = tuple(rows)
        self._classes = classes
        self._rows: dict[str, list[PayorWord]] = {}
        for row in rows:
            self._rows.setdefault(_run_together(row.words), []).append(row)
        besides = {_run_together(words) for row in rows for words in _besides(row) if words != _INSURER}
        self._known = besides | set(self._rows)
        self._most_letters = max(map(len, self._known), default=0)
        self._telling = lru_cache(maxsize=_KEPT)(self._read_telling)

    def find(self, name: str, on: date, context: str = "") -> PayorWord | None:
        """The most telling row for a name on that day; ``None`` where nothing tells, or several tell otherwise.

        ``context`` is another text of which words may stand beside those of the name.
        """
        told = self._told(name, on, context)
        named = {row.payer for row in told}
        return next(iter(told), None) if len(named) == 1 else None

    def between(self, name: str, on: date) -> tuple[str, ...]:
        """The payers between which a name leaves it open, where it means several alike; else none."""
        named = {row.payer for row in self._told(name, on) if row.payer}
        return tuple(sorted(named)) if len(named) > 1 else ()

    def _told(self, name: str, on: date, context: str = "") -> list[PayorWord]:
        """The most telling rows in force, without those of a class of which a payer is named too."""
        told: list[PayorWord] = []
        for row in self._telling(name[:_LONGEST], context[:_LONGEST]):
            if told and _rank(row) != _rank(told[0]):
                break
            if row.in_force(on):
                told.append(row)
        named = {row.payer for row in told}
        named -= {self._classes[payer] for payer in named if self._classes.get(payer, payer) != payer}
        return [row for row in told if row.payer in named]

    def _read_telling(self, name: str, context: str) -> tuple[PayorWord, ...]:
        """The rows that the name holds, the most telling first; those within a longer one's words are left out."""
        said = self._said(_tokens(name))
        around = said.keys() | self._said(_tokens(context)).keys()
        insured = any(
            row.kind == "insurer" and _is_beside(row, around, insured=False)
            for words in around
            for row in self._rows.get(words, ())
        )
        held = [
            (row, place)
            for words, places in said.items()
            for row in self._rows.get(words, ())
            if _is_beside(row, around, insured=insured)
            for place in places
            if place[1] - place[0] >= _fewest(row)
        ]
        return tuple(sorted(_outermost(held), key=_rank))

    def _said(self, tokens: Sequence[str]) -> dict[str, list[_Place]]:
        """Which words that we know stand in a text, and where: from which to which of its words."""
        found: dict[str, list[_Place]] = {}
        for first in range(len(tokens)):
            together = ""
            for last in range(first, len(tokens)):
                together += tokens[last]
                if len(together) > self._most_letters:
                    break
                if together in self._known:
                    found.setdefault(together, []).append((first, last + 1))
        return found


def _tokens(text: str) -> list[str]:
    """The words of a text, in lower case, without punctuation."""
    return _NOT_WORDS.sub(" ", text.lower().replace("&", " and ")).split()


def _run_together(words: str) -> str:
    return "".join(_tokens(words))


def _besides(row: PayorWord) -> list[str]:
    return [words for words in row.beside.split("|") if words]


def _fewest(row: PayorWord) -> int:
    """In how many words the row's must at least be written: a hyphen keeps two apart (``medi-cal``)."""
    return row.words.count("-") + 1


def _rank(row: PayorWord) -> int:
    return _STRENGTH[row.kind]


def _is_beside(row: PayorWord, around: Iterable[str], *, insured: bool) -> bool:
    besides = _besides(row)
    return not besides or any(insured if words == _INSURER else _run_together(words) in around for words in besides)


def _outermost(held: Sequence[tuple[PayorWord, _Place]]) -> Iterator[PayorWord]:
    """The rows of a kind whose words do not lie within longer words of that kind, nor are told apart by others beside."""
    for row, place in held:
        if not any(_outdoes(other, wider, row, place) for other, wider in held):
            yield row


def _outdoes(other: PayorWord, wider: _Place, row: PayorWord, place: _Place) -> bool:
    if other.kind != row.kind or not (wider[0] <= place[0] and place[1] <= wider[1]):
        return False
    return wider != place or bool(other.beside and not row.beside)
