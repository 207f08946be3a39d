"""The time that one hook call, or one command, may take altogether."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], float]


class Deadline:
    """A moment that does not move, however many things are done before it."""

    def __init__(self, seconds: float, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    @property
    def left(self) -> float:
        """The seconds left; none is never less than nought."""
        return max(0.0, self._end - self._clock())
