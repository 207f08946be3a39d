"""``make bench``: what a review costs beside reading the same bytes, with its spread, in one run."""

from __future__ import annotations

import json
import statistics
import time
import warnings
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import msgspec

from bench import imports
from fhir_massage import Report, review
from fhir_massage.fhir import elements
from fhir_massage.fhir.read import read

ON = date(2026, 11, 10)
ROUNDS = 15
SLICE = 0.03
ROOT = Path(__file__).parent

Work = Callable[[], object]


def main() -> None:
    """Print the measurements for a clean claim, for one with five findings, and for loading NCCI files."""
    for name in ("clean", "five-findings"):
        content = (ROOT / f"{name}.json").read_bytes()
        _show(name, content, review(content, on=ON))
    imports.show()


def _show(name: str, content: bytes, report: Report) -> None:
    proved = sum(len(finding.corrections) for finding in report.findings)
    ours = partial(review, content, on=ON)
    print(f"{name}: {len(content):,} bytes, {len(report.findings)} findings, {proved} corrections proved")
    spent = [_seconds(ours) * 1e6 for _ in range(ROUNDS)]
    print(f"  {'a review':<44} {statistics.median(spent):8.0f} µs  ({min(spent):.0f} to {max(spent):.0f})")
    for peer, theirs in _peers(content).items():
        ratios = _ratios(ours, theirs)
        print(
            f"  {'as a multiple of ' + peer:<44} {statistics.median(ratios):8.2f}     ({min(ratios):.2f} to {max(ratios):.2f})"
        )


def _peers(content: bytes) -> dict[str, Work]:
    decoder = msgspec.json.Decoder(elements.AnyResource)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from fhir.resources.R4B.bundle import Bundle
    return {
        "decoding it (same structs)": partial(decoder.decode, content),
        "reading it (checked, resolved)": partial(read, content),
        "json.loads": partial(json.loads, content),
        "fhir.resources validation": partial(Bundle.model_validate_json, content),
    }


def _ratios(ours: Work, theirs: Work) -> list[float]:
    """The ratio of both times in each round; the two are measured in turn, so that drift hits both."""
    ours()
    theirs()
    return [_seconds(ours) / _seconds(theirs) for _ in range(ROUNDS)]


def _seconds(work: Work) -> float:
    """The mean time of a run, over as many runs as fill a slice of time."""
    runs = 0
    started = time.perf_counter()
    while (spent := time.perf_counter() - started) < SLICE:
        work()
        runs += 1
    return spent / runs


if __name__ == "__main__":
    main()
