"""What loading an official NCCI file costs beside reading it, in time and in memory, and what a look-up costs then."""

from __future__ import annotations

import csv
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from fhir_massage.facts.book import read_facts
from fhir_massage.facts.imported import import_file

#: Rows of all four parts of a quarter's practitioner edits, and a tenth of them.
SIZES = (150_000, 1_500_000)
TODAY = date(2026, 11, 24)
HEADER = ("Column 1", "Column 2", "*=in existence prior to 1996", "Effective Date", "Deletion Date", "Modifier", "Why")


def show() -> None:
    """Print the measurements, each size in a process of its own so that its memory is its own."""
    for rows in SIZES:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            loading, reading, peak, looking_up = pool.apply(measure, (rows,))
        print(
            f"NCCI import: {rows:>9,} rows in {loading:5.1f} s, {loading / reading:4.1f} times reading them as CSV; "
            f"{peak:4.0f} MiB at most; a pair looked up first in {looking_up:3.0f} µs"
        )


def measure(rows: int) -> tuple[float, float, float, float]:
    """Seconds to load and to read, MiB of memory that loading added at its peak, microseconds of a look-up."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ccipra-v323r0-f1.txt"
        _write(file, rows)
        reading = _timed(lambda: _read(file))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        loading = _timed(lambda: import_file(file, Path(folder), today=TODAY))
        peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        pairs = read_facts(data=Path(folder)).ptp_pairs
        keys = [(f"{10000 + n:05}", f"{20000 + n:05}") for n in range(200)]
        looking_up = _timed(lambda: [pairs.find(key, TODAY) for key in keys]) / len(keys) * 1e6
    return loading, reading, peak, looking_up


def _write(file: Path, rows: int) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\r\n")
        writer.writerow(HEADER)
        for n in range(rows):
            one, two = 10000 + n // 700, 20000 + n % 700 + n // 700
            writer.writerow(
                (one, two, "", "20200101", ("*", "20231231")[n % 2], n % 2, "Mutually exclusive procedures")
            )


def _read(file: Path) -> int:
    with file.open(encoding="utf-8", newline="") as stream:
        return sum(1 for _ in csv.reader(stream, delimiter="\t"))


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
