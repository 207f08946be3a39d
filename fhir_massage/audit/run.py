"""A whole audit: read, join, review, count. It goes on where it was cut off, and counts nothing twice."""

from __future__ import annotations

import gc
import heapq
import multiprocessing
import os
import resource
import shutil
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from datetime import date
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from fhir_massage import __version__
from fhir_massage.audit.gather import Elsewhere, part_of, review_part
from fhir_massage.audit.inputs import CHUNK, LEAST_CHUNK, Chunk, chunks, find_files, is_document, is_packed, packed_as
from fhir_massage.audit.results import PartResult, read_part_result, write_part
from fhir_massage.audit.scatter import (
    REJECTED,
    Scattered,
    Spill,
    clear_unfinished,
    open_spills,
    read_rejected,
    scatter,
    write_whole,
)
from fhir_massage.audit.summary import Summary, write_summary
from fhir_massage.audit.tally import Tally
from fhir_massage.errors import FhirMassageError
from fhir_massage.facts.book import Facts
from fhir_massage.rules import rule_plugins

#: Bytes of input whose patients make one part, at most and at least.
PART = 8 * 1024 * 1024
LEAST_PART = 1024 * 1024
MOST_PARTS = 4096
#: How many chunks and parts a worker gets of an input that is not large, so that none waits for the others.
SHARES = 4
STATE = ".audit"
SPOOLED = "standard-input-"


class AuditFailed(FhirMassageError):
    """The run itself failed: says why, and what to do."""


class Plan(msgspec.Struct, frozen=True):
    """What a run was begun with. A later run goes on with it only where all of it is the same."""

    version: str
    on: str
    files: tuple[tuple[str, int, int], ...]
    facts: str
    corrected: bool
    chunks: tuple[Chunk, ...]
    parts: int


class Progress(msgspec.Struct, frozen=True):
    """How far a run is: ``step`` is ``reading`` or ``reviewing``; bytes of input done of all; claims and orders."""

    step: str
    done: int
    total: int
    reviewed: int


Watch = Callable[[Progress], None]


def audit(
    inputs: Iterable[str],
    out: Path,
    *,
    on: date,
    facts: Facts,
    workers: int,
    corrected: bool = False,
    watch: Watch = lambda progress: None,
) -> Summary:
    """Audit everything in the inputs (``-`` is standard input) into ``out``.

    Raises ``BadInput`` or ``AuditFailed`` where the run cannot be done.
    """
    started = time.monotonic()
    _need_the_extra()
    state = out / STATE
    inputs = list(inputs)
    files = find_files([each for each in inputs if each != "-"], out)  # before anything is made
    _make(out, state)
    if "-" in inputs:
        files = sorted([*files, Path(_spooled(state))], key=str)
    rules = " ".join(plugin.title for plugin in rule_plugins())
    plan = _plan(files, out, on, f"{facts.fingerprint} {rules}", corrected, workers)
    finished = _finished(out)
    if finished is not None:
        _sweep(state)
        return finished
    _Facts.shared = facts
    with _pool(workers) as pool:
        scattered = _read_all(pool, plan, state, watch)
        any_claim = any(each.claims for each in scattered)
        tally, unread = _review_all(pool, plan, state, out, watch, any_claim=any_claim)
    _write_rejected(out, plan, scattered)
    summary = Summary(
        on=on.isoformat(),
        version=__version__,
        files=len(plan.files),
        resources=sum(each.resources for each in scattered),
        rejected=sum(each.rejected for each in scattered) + unread,
        seconds=round(time.monotonic() - started, 3),
        tally=tally,
    )
    write_summary(out, summary)
    write_whole(state / "written.json", msgspec.json.encode(_results(out)))
    write_whole(state / "finished.json", msgspec.json.encode(summary))
    _sweep(state)
    return summary


# --- the plan -----------------------------------------------------------------------------------------------


def _need_the_extra() -> None:
    missing = [name for name in ("pyarrow", "zstandard") if find_spec(name) is None]
    if missing:
        raise AuditFailed(f"an audit needs {' and '.join(missing)}: pip install 'fhir-massage[audit]'")


def _make(out: Path, state: Path) -> None:
    if (state / "finished.json").is_file() and not _is_whole(out):
        shutil.rmtree(state)  # its results were removed, so it is done again
    try:
        (state / "laid").mkdir(parents=True, exist_ok=True)
        (state / "parts").mkdir(exist_ok=True)
    except OSError as error:
        raise AuditFailed(f"{out}: {error.strerror or 'the folder cannot be made'}") from None


def _spooled(state: Path) -> str:
    """Standard input, kept in a file named by its checksum, so that it can be cut into chunks."""
    unfinished = state / "standard-input.tmp"
    checksum = 0
    with unfinished.open("wb") as stream:
        while block := sys.stdin.buffer.read(1 << 20):
            checksum = zlib.crc32(block, checksum)
            stream.write(block)
    with unfinished.open("rb") as stream:
        packed = packed_as(stream.read(4))
    unpacked_by = unfinished.rename(unfinished.with_name(f"standard-input{packed}")) if packed else unfinished
    kind = ".json" if is_document(unpacked_by) else ".ndjson"
    file = state / f"{SPOOLED}{checksum:08x}{kind}{packed}"
    unpacked_by.replace(file)
    return str(file)


_DIFFERS = {
    "version": "by another version",
    "on": "of another day of review (--on)",
    "files": "of another input, or of input that has changed since",
    "facts": "by other facts or policies",
    "corrected": "with another choice of --corrected",
}


def day_of_unfinished(out: Path) -> date | None:
    """The day of review of the run in ``out`` that was cut off; ``None`` where there is none."""
    plan = out / STATE / "plan.json"
    if not plan.is_file() or (out / STATE / "finished.json").is_file():
        return None
    return date.fromisoformat(msgspec.json.decode(plan.read_bytes(), type=Plan).on)


def _plan(files: list[Path], out: Path, on: date, fingerprint: str, corrected: bool, workers: int) -> Plan:
    """The plan of this run; where ``out`` holds an unfinished run of the same input, that run's."""
    there = out / STATE / "plan.json"
    seen = tuple((str(file), file.stat().st_size, _changed(file)) for file in files)
    if there.is_file():
        plan = msgspec.json.decode(there.read_bytes(), type=Plan)
        given = Plan(__version__, on.isoformat(), seen, fingerprint, corrected, plan.chunks, plan.parts)
        if differs := [_DIFFERS[name] for name in _DIFFERS if getattr(plan, name) != getattr(given, name)]:
            raise AuditFailed(f"{out}: holds an audit {' and '.join(differs)}; name another folder, or remove this one")
        return plan
    total = sum(unpacked_size(Path(name), size) for name, size, _ in seen)
    share = total // (SHARES * workers)
    cut = chunks(files, max(LEAST_CHUNK, min(CHUNK, share)))
    parts = max(1, min(MOST_PARTS, total // max(LEAST_PART, min(PART, share))))
    plan = Plan(__version__, on.isoformat(), seen, fingerprint, corrected, tuple(cut), parts)
    write_whole(there, msgspec.json.encode(plan))
    return plan


def _changed(file: Path) -> int:
    """When a file was last changed, in nanoseconds; what came on standard input is told by its name."""
    return 0 if file.name.startswith(SPOOLED) else file.stat().st_mtime_ns


def unpacked_size(file: Path, size: int) -> int:
    """About how many bytes a file holds: packed FHIR is a twelfth to a twentieth of its size."""
    return size * 15 if is_packed(file) else size


def _is_whole(out: Path) -> bool:
    """Whether every file that a finished run wrote is still there."""
    written = out / STATE / "written.json"
    return written.is_file() and set(msgspec.json.decode(written.read_bytes())) <= set(_results(out))


def _results(out: Path) -> list[str]:
    kinds = ("findings-*", "corrected-*", "rejected.ndjson", "summary.*")
    return sorted(file.name for kind in kinds for file in out.glob(kind))


def _finished(out: Path) -> Summary | None:
    file = out / STATE / "finished.json"
    return msgspec.json.decode(file.read_bytes(), type=Summary) if file.is_file() else None


def _sweep(state: Path) -> None:
    """Remove what only an unfinished run needs."""
    shutil.rmtree(state / "laid", ignore_errors=True)
    for file in state.glob(f"{SPOOLED}*"):
        file.unlink()


# --- the steps ------------------------------------------------------------------------------------------------


class _Facts:
    """The facts, set before the workers are forked, so that all share one copy."""

    shared: Facts


def _pool(workers: int) -> ProcessPoolExecutor:
    gc.freeze()
    _open_many_files()
    return ProcessPoolExecutor(workers, multiprocessing.get_context("fork"), _begin, (os.getpid(),))


def _open_many_files() -> None:
    """Let this process and its workers hold a file open for each spill, as far as the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _begin(parent: int) -> None:
    """A worker makes much and keeps little of it: looking for cycles as often as usual takes a fifth of its time."""
    gc.set_threshold(50_000, 20, 20)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this worker where its parent was killed, and so cannot end it."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _read_all(pool: ProcessPoolExecutor, plan: Plan, state: Path, watch: Watch) -> list[Scattered]:
    """Lay down every chunk that is not laid down yet."""
    laid = state / "laid"
    done = {}
    for file in laid.glob("*.done"):
        scattered = msgspec.json.decode(file.read_bytes(), type=Scattered)
        done[scattered.chunk] = scattered
    if len(list((state / "parts").glob("*.part"))) < plan.parts:
        clear_unfinished(laid, done)
    total = sum(chunk.bytes for chunk in plan.chunks)
    read = sum(chunk.bytes for chunk in plan.chunks if chunk.number in done)
    watch(Progress("reading", read, total, 0))
    todo = [(scatter, chunk, laid, plan.parts) for chunk in plan.chunks if chunk.number not in done]
    for scattered in _each(pool, todo):
        done[scattered.chunk] = scattered
        read += plan.chunks[scattered.chunk].bytes
        watch(Progress("reading", read, total, 0))
    return [done[chunk.number] for chunk in plan.chunks]


def _review_all(
    pool: ProcessPoolExecutor, plan: Plan, state: Path, out: Path, watch: Watch, *, any_claim: bool
) -> tuple[Tally, int]:
    """Review every part that is not reviewed yet; the tally of all, and how many lines were set aside.

    Each part is added as it comes, so that memory does not grow with the parts.
    """
    tally, rejected, done = Tally(), 0, set()

    def take(result: PartResult) -> None:
        nonlocal rejected
        tally.add(result.tally)
        rejected += result.rejected
        done.add(result.number)
        watch(Progress("reviewing", len(done), plan.parts, tally.claims + tally.orders))

    watch(Progress("reviewing", 0, plan.parts, 0))
    for file in (state / "parts").glob("*.part"):
        take(read_part_result(file))
    day = date.fromisoformat(plan.on)
    todo = (
        (_review, number, state, out, day, any_claim, plan.corrected)
        for number in range(plan.parts)
        if number not in done
    )
    for result in _each(pool, todo):
        take(result)
    return tally, rejected


def _each(pool: ProcessPoolExecutor, todo: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
    """The results of the calls as they come; few wait at a time, so that memory stays flat."""
    waiting: set[Future[Any]] = set()
    calls = iter(todo)
    try:
        while True:
            while len(waiting) < 16 and (call := next(calls, None)) is not None:
                waiting.add(pool.submit(*call))
            if not waiting:
                return
            ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in ready:
                yield future.result()
    except BrokenProcessPool:
        raise AuditFailed(
            "a worker was ended from outside, perhaps for want of memory; run again to go on, with fewer --workers"
        ) from None
    except OSError as error:
        raise AuditFailed(f"{error.filename or 'a file'}: {error.strerror}; run again to go on") from None


@lru_cache(maxsize=1)
def _laid(folder: Path) -> tuple[list[Spill], Elsewhere]:
    """What was laid down, opened once a worker."""
    spills = open_spills(folder)
    return spills, Elsewhere(spills)


def _review(number: int, state: Path, out: Path, on: date, any_claim: bool, corrected: bool) -> PartResult:
    """One part, in a worker."""
    spills, elsewhere = _laid(state / "laid")
    part = review_part(
        part_of(spills, number),
        facts=_Facts.shared,
        on=on,
        elsewhere=elsewhere,
        any_claim=any_claim,
        corrected=corrected,
    )
    return write_part(number, part, out, state / "parts")


# --- what was set aside ---------------------------------------------------------------------------------------


def _write_rejected(out: Path, plan: Plan, scattered: list[Scattered]) -> None:
    """Every line that could not be read, by file and line; one at a time, however many they are."""
    before: dict[tuple[int, int], int] = {}
    lines_of: dict[str, int] = {}
    for chunk, done in zip(plan.chunks, scattered, strict=True):
        for number, piece in enumerate(chunk.pieces):
            before[chunk.number, number] = lines_of.get(piece.file, 0)
            lines_of[piece.file] = lines_of.get(piece.file, 0) + done.lines[number]
    state = out / STATE
    files = [*(state / "laid").glob(f"*{REJECTED}"), *(state / "parts").glob(f"*{REJECTED}")]
    unfinished = out / "rejected.ndjson.tmp"
    with unfinished.open("wb") as stream:
        for each in heapq.merge(*(read_rejected(file) for file in files if file.stat().st_size)):
            file = plan.chunks[each.chunk].pieces[each.piece].file
            shown = "standard input" if Path(file).name.startswith(SPOOLED) else file
            row = {"file": shown, "line": before[each.chunk, each.piece] + each.line, "reason": each.reason}
            stream.write(msgspec.json.encode(row) + b"\n")
    unfinished.replace(out / "rejected.ndjson")
