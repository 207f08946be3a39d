"""``make bench``: the time of a review as a ratio to reading the same bytes, with its spread."""

from __future__ import annotations

import json
import statistics
import time
import warnings
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from fhir_massage import review
from fhir_massage.fhir import elements

ON = date(2026, 11, 10)
ROUNDS = 15
ROOT = Path(__file__).parent


def main() -> None:
    """Print, for a clean claim and one with five findings, what a review costs beside reading it."""
    for name in ("clean", "five-findings"):
        content = (ROOT / f"{name}.json").read_bytes()
        report = review(content, on=ON)
        print(f"{name}: {len(content)} bytes, {len(report.claims)} claim, {len(report.findings)} findings")
        decoder: Any = msgspec.json.Decoder(elements.AnyResource)
        peers: dict[str, Callable[[], object]] = {
            "msgspec decoding of the same bytes": lambda decoder=decoder, content=content: decoder.decode(content),
            "json.loads": lambda content=content: json.loads(content),
            "fhir.resources validation": _validation(content),
        }
        for peer, work in peers.items():
            ratios = _ratios(lambda content=content: review(content, on=ON), work)
            low, high = min(ratios), max(ratios)
            print(f"  review / {peer:<36} {statistics.median(ratios):8.2f}   ({low:.2f} to {high:.2f})")


def _validation(content: bytes) -> Callable[[], object]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from fhir.resources.R4B.bundle import Bundle
    return lambda: Bundle.model_validate_json(content)


def _ratios(ours: Callable[[], object], theirs: Callable[[], object]) -> list[float]:
    """The ratio of both times in each of the rounds; the two are measured in turn, so drift hits both."""
    for work in (ours, theirs):
        work()
    return [_seconds(ours) / _seconds(theirs) for _ in range(ROUNDS)]


def _seconds(work: Callable[[], object]) -> float:
    """The mean of as many runs as take about 30 milliseconds."""
    runs = 0
    started = time.perf_counter()
    while (spent := time.perf_counter() - started) < 0.03:
        work()
        runs += 1
    return spent / runs


if __name__ == "__main__":
    main()
