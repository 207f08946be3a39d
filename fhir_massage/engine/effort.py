"""How much proving one review may cost: what arrives may have lines and mistakes without end, and an answer is awaited."""

from __future__ import annotations

from collections.abc import Callable

from fhir_massage.read.read import Entry, encode

#: What any arrival may spend, and what each of its claims and orders adds. A proof on a claim of four lines that
#: looks at five findings anew spends six; a claim of fifty lines, all of them wrong, has all its corrections proved.
AT_LEAST = 150_000
FOR_EACH = 1_000
_ORDINARY = 2_000


#: Whether the time allowed is used up.
IsUp = Callable[[], bool]


def never() -> bool:
    """No time is ever up: for those who wait as long as it takes."""
    return False


class Allowance:
    """So many seconds, by a clock of processor time, from its making on."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self.seconds = seconds
        self._clock = clock
        self._until = clock() + seconds

    def is_up(self) -> bool:
        """Whether they are used up."""
        return self._clock() >= self._until


class Effort:
    """What is left of it for one arrival, for all its claims and orders and their corrected copies together.

    The same arrival always gets the same proofs: what is spent is counted, not timed, unless the time allowed is up.
    """

    def __init__(self, reviewed: int, is_up: IsUp = never) -> None:
        """``reviewed`` is how many claims and orders there are; ``is_up`` says when nothing more is to be proved."""
        self._left = AT_LEAST + FOR_EACH * reviewed
        self._is_up = is_up

    def is_spent(self) -> bool:
        """Whether nothing more is to be proved."""
        return self._left <= 0 or self._is_up()

    def spend(self, found: int, size: int) -> None:
        """Take off a proof that found so much in a resource of that size: each correction reckons with all of it."""
        self._left -= 1 + found * size


def size(entry: Entry) -> int:
    """How large a resource is, as a multiple of an ordinary one."""
    return 1 + len(encode(entry.json())) // _ORDINARY
