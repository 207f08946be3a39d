"""Timing two pieces of work in turn, so that whatever else the machine does hits both, and their ratio with its spread."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import msgspec

Work = Callable[[], object]


class Effort(msgspec.Struct, frozen=True):
    """How long to measure: rounds, and the seconds that one side of a round takes."""

    rounds: int = 15
    slice: float = 0.03


class Spread(msgspec.Struct, frozen=True):
    """A figure as measured in several rounds: its median, and the least and most."""

    median: float
    least: float
    most: float


def ratio(ours: Work, theirs: Work, effort: Effort) -> Spread:
    """How many times as long ``ours`` takes."""
    ours()
    theirs()
    return _spread([seconds(ours, effort.slice) / seconds(theirs, effort.slice) for _ in range(effort.rounds)])


def microseconds(work: Work, effort: Effort) -> Spread:
    """How long a run takes."""
    work()
    return _spread([seconds(work, effort.slice) * 1e6 for _ in range(effort.rounds)])


def seconds(work: Work, slice: float) -> float:
    """The mean processor time of a run, over as many runs as fill a slice of time."""
    runs = 0
    started = time.process_time()
    while (spent := time.process_time() - started) < slice or not runs:
        work()
        runs += 1
    return spent / runs


def _spread(values: list[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values))
