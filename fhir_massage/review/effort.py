"""How much proving one review may cost: what arrives may have lines and mistakes without end, and an answer is awaited."""

from __future__ import annotations

from fhir_massage.fhir.read import Entry, encode

#: Proofs on a resource of ``_ORDINARY`` bytes that any arrival gets, and those that each of its claims and orders adds.
#: A claim of four lines with five findings takes some twenty; one of fifty lines still has all of its own proved.
AT_LEAST = 40_000
FOR_EACH = 100
_ORDINARY = 2_000


class Effort:
    """What is left of it for one arrival, for all its claims and orders and their corrected copies together.

    A proof works out corrections anew for each line, and the total for each of those, so it costs by the square
    of the resource's size. The same arrival always gets the same proofs: what is spent is counted, not timed.
    """

    def __init__(self, reviewed: int) -> None:
        """``reviewed`` is how many claims and orders there are."""
        self._left = AT_LEAST + FOR_EACH * reviewed

    def allows(self, cost: int) -> bool:
        """Take one proof of that cost, where there is enough left."""
        if self._left < cost:
            return False
        self._left -= cost
        return True


def cost_of_proof(entry: Entry) -> int:
    """What a proof on a resource costs, as a multiple of one on an ordinary resource."""
    return 1 + (len(encode(entry.json())) // _ORDINARY) ** 2
