"""``make fuzz``: a million changed messages to every door. Ends with status 1 where an answer was not as it must be."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import msgspec

from fuzz.messages import messages
from fuzz.run import Failure, Tally, request, run, send


def main() -> None:
    """Run as the arguments say."""
    given = _arguments()
    if given.only is not None:
        _show(given.only, given.seed, given.messages)
        return
    started, last, shown = time.monotonic(), 0.0, 0

    def told(so_far: Tally) -> None:
        nonlocal last, shown
        now = time.monotonic()
        if now - last >= 5:
            last = now
            rate = so_far.requests / (now - started)
            print(f"{so_far.requests:>12,} requests, {rate:,.0f} a second, {len(so_far.failures)} failures", flush=True)
            for failure in so_far.failures[shown:]:
                print(_line(failure), flush=True)
            shown = len(so_far.failures)

    whole = run(given.requests, seed=given.seed, workers=given.workers, more=given.messages, told=told)
    _summary(whole, time.monotonic() - started, given.seed)
    sys.exit(1 if whole.failures else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzz", description="Sends changed messages to every door.")
    parser.add_argument("--requests", type=int, default=1_000_000, help="how many (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same requests")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one a core)")
    parser.add_argument("--messages", type=Path, action="append", default=[], help="a folder of more messages")
    parser.add_argument("--only", type=int, help="send the request of this number alone, and show it")
    return parser.parse_args()


def _summary(whole: Tally, seconds: float, seed: int) -> None:
    print(f"{whole.requests:,} requests in {seconds:,.0f} s with seed {seed}")
    print("  " + ", ".join(f"{count:,} × {status}" for status, count in sorted(whole.statuses.items())))
    print(f"  slowest {whole.slowest:.2f} s (request {whole.slowest_number})")
    print(f"  most memory of a process {whole.memory / 1024**2:,.0f} MiB; {whole.records:,} records kept")
    print(f"  {len(whole.failures)} failures")
    for failure in whole.failures[:50]:
        print(_line(failure))


def _line(failure: Failure) -> str:
    return f"  request {failure.number}: {failure.sent.method} {failure.sent.path}: {'; '.join(failure.reasons)}"


def _show(number: int, seed: int, more: list[Path]) -> None:
    good = messages(*more)
    sent = request(number, seed, good)
    print(msgspec.json.format(msgspec.json.encode({"path": sent.path, "changes": sent.changes}), indent=2).decode())
    print(sent.body.decode("utf-8", "replace"))
    tally = send([number], seed=seed, good=good)
    print(tally.statuses, [failure.reasons for failure in tally.failures])


if __name__ == "__main__":
    main()
