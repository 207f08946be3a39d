"""``make bench``: what a review costs beside reading the same bytes and beside its peers, in one run."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path

import msgspec

from bench import documents, imports, java, peers
from bench.measure import Effort, Spread, Work, microseconds, ratio
from bench.tables import with_pairs
from fhir_massage import Report, review
from fhir_massage.engine.run import review_arrival
from fhir_massage.facts.book import Facts, shipped
from fhir_massage.read.read import read
from fhir_massage.read.references import Index

ON = date(2026, 11, 10)
CLAIMS = ("clean", "five-findings")
LINES = (1, 10, 100, 500)
PAIRS = 1_500_000
BASELINE = documents.ROOT / "baseline.json"
QUICK = Effort(rounds=9, slice=0.02)


def main() -> None:
    """Print the measurements; with ``--compare``, the ratios beside those stored, and fail where one has doubled."""
    options = _options()
    if options.compare:
        sys.exit(_compare(dict(_stored_ratios(QUICK))))
    if options.store:
        BASELINE.write_bytes(msgspec.json.format(msgspec.json.encode(dict(_stored_ratios(Effort()))), indent=2) + b"\n")
        return
    for name in CLAIMS:
        _show_claim(name)
    _show_lines()
    _show_bulk()
    _show_table()
    imports.show()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=main.__doc__)
    parser.add_argument("--compare", action="store_true", help="compare the ratios with those stored, in a minute")
    parser.add_argument("--store", action="store_true", help=f"store the ratios in {BASELINE.name}")
    return parser.parse_args()


# --- one claim ---------------------------------------------------------------------------------------------


def _show_claim(name: str) -> None:
    content, effort = documents.on_file(name), Effort()
    ours = partial(review, content, on=ON)
    report = ours()
    proved = sum(len(finding.corrections) for finding in report.findings)
    print(f"{name}: {len(content):,} bytes, {len(report.findings)} findings, {proved} corrections proved")
    _line("a review", microseconds(ours, effort), "µs")
    _line("the same, nothing remembered of lines like its", microseconds(partial(_anew, content), effort), "µs")
    for peer, theirs in peers.readers(content).items():
        _line(f"as a multiple of {peer}", ratio(ours, theirs, effort))
    for peer, theirs in peers.checkers(content).items():
        _line(f"times as fast as {peer}", ratio(theirs, ours, effort))
    _show_java(name, ours)


def _show_java(name: str, ours: Work) -> None:
    measured = java.validator([documents.ROOT / f"{name}.json"])
    if isinstance(measured, str):
        print(f"  HAPI's validator, one core, warmed: {measured}")
        return
    theirs, spent = measured[name], microseconds(ours, Effort())
    times = Spread(theirs.median / spent.median, theirs.least / spent.most, theirs.most / spent.least)
    _line("times as fast as HAPI's validator, one core, warmed", times)


def _anew(content: bytes) -> Report:
    shipped().remembered.clear()
    return review(content, on=ON)


# --- many lines, many claims, many pairs ---------------------------------------------------------------------


def _show_lines() -> None:
    for wrong, title in ((False, "a clean claim"), (True, "a claim with a finding on each line")):
        print(f"{title} by its number of lines")
        for count in LINES:
            spent = microseconds(partial(review, documents.with_lines(count, wrong=wrong), on=ON), Effort())
            _line(f"{count} lines, a line", Spread(*(each / count for each in msgspec.structs.astuple(spent))), "µs")


def _show_bulk() -> None:
    spent = microseconds(_in_bulk(), Effort())
    print("a four-line claim of NDJSON, what it refers to at hand")
    _line("reading and review", spent, "µs")
    print(f"  {'claims a second and core':<60} {1e6 / spent.median:10,.0f}")


def _in_bulk() -> Work:
    line, along = documents.claim_alone(), read(documents.others())

    def work() -> Report:
        arrival = read(line)
        index = Index([*arrival.entries, *along.entries])
        return review_arrival(arrival, on=ON, facts=shipped(), index=index)

    return work


def _show_table() -> None:
    content = documents.on_file("clean")
    print(f"a clean claim with {PAIRS:,} NCCI pairs imported, beside the shipped subset")
    with tempfile.TemporaryDirectory() as folder:
        facts = with_pairs(PAIRS, Path(folder), ON)
        _line(
            "as a multiple of the subset",
            ratio(partial(review, content, on=ON, facts=facts), partial(review, content, on=ON), Effort()),
        )
        _line("nothing remembered: as a multiple of the subset", ratio(partial(_forgetting, content, facts), partial(_forgetting, content, shipped()), Effort()))  # fmt: skip


def _forgetting(content: bytes, facts: Facts) -> Report:
    facts.remembered.clear()
    return review(content, on=ON, facts=facts)


# --- against what is stored ------------------------------------------------------------------------------------


def _stored_ratios(effort: Effort) -> Iterator[tuple[str, float]]:
    """Ratios that hold on any machine, by name."""
    for name in CLAIMS:
        content = documents.on_file(name)
        ours = partial(review, content, on=ON)
        for peer in (peers.FLOOR, "json.loads", "fhir.resources validation"):
            yield f"{name}: a review to {peer}", round(ratio(ours, peers.readers(content)[peer], effort).median, 2)
    one, many = (partial(review, documents.with_lines(count), on=ON) for count in (4, 500))
    yield "500 lines to 4, a line", round(ratio(many, one, effort).median / 125, 2)
    few, all_wrong = (partial(review, documents.with_lines(count, wrong=True), on=ON) for count in (4, 500))
    yield "500 lines to 4, a finding on each, a line", round(ratio(all_wrong, few, effort).median / 125, 2)
    floor = peers.readers(documents.claim_alone())[peers.FLOOR]
    yield "bulk: a review to msgspec decoding", round(ratio(_in_bulk(), floor, effort).median, 2)


def _compare(now: dict[str, float]) -> int:
    """Print each ratio beside the one stored. 1 where one is more than twice as bad, else 0."""
    stored: dict[str, float] = msgspec.json.decode(BASELINE.read_bytes())
    worse = 0
    for name, value in now.items():
        before = stored.get(name, value)
        verdict = "TWICE AS BAD" if value > 2 * before else ""
        worse |= bool(verdict)
        print(f"  {name:<60} {value:8.2f}  stored {before:8.2f}  {verdict}")
    return worse


def _line(what: str, spread: Spread, unit: str = "") -> None:
    print(f"  {what:<60} {spread.median:10.2f} {unit:<2} ({spread.least:.2f} to {spread.most:.2f})")


if __name__ == "__main__":
    main()
