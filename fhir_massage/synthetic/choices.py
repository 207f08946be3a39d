"""Where the choices come from: ``random.Random``, or Hypothesis, which shrinks what it has chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Choices(Protocol):
    """A source of choices. The same source in the same state makes the same claims."""

    def random(self) -> float:
        """A number from 0 to below 1."""

    def randint(self, a: int, b: int) -> int:
        """A whole number from a to b, both included."""

    def choice(self, seq: Sequence[T]) -> T:
        """One of several."""


def chance(choices: Choices, share: float) -> bool:
    """True in that share of cases."""
    return choices.random() < share


def some(choices: Choices, from_: Sequence[T], count: int) -> list[T]:
    """So many different ones, in the order in which they were drawn; all where there are not so many."""
    left = list(from_)
    drawn: list[T] = []
    while left and len(drawn) < count:
        drawn.append(left.pop(choices.randint(0, len(left) - 1)))
    return drawn
