"""How much proving one review may cost: what arrives may have lines and mistakes without end, and an answer is awaited."""

from __future__ import annotations

from fhir_massage.read.read import Entry, encode

#: What any arrival may spend, and what each of its claims and orders adds. A proof on a claim of four lines that
#: looks at five findings anew spends six; a claim of fifty lines, all of them wrong, has all its corrections proved.
AT_LEAST = 150_000
FOR_EACH = 1_000
_ORDINARY = 2_000


class Effort:
    """What is left of it for one arrival, for all its claims and orders and their corrected copies together.

    The same arrival always gets the same proofs: what is spent is counted, not timed.
    """

    def __init__(self, reviewed: int) -> None:
        """``reviewed`` is how many claims and orders there are."""
        self._left = AT_LEAST + FOR_EACH * reviewed

    def is_spent(self) -> bool:
        """Whether nothing more is to be proved."""
        return self._left <= 0

    def spend(self, found: int, size: int) -> None:
        """Take off a proof that found so much in a resource of that size: each correction reckons with all of it."""
        self._left -= 1 + found * size


def size(entry: Entry) -> int:
    """How large a resource is, as a multiple of an ordinary one."""
    return 1 + len(encode(entry.json())) // _ORDINARY
