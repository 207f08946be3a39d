"""Each import has a file of its own: what is in use stays as it was read, and nothing stays for good."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from datetime import date
from multiprocessing.context import ForkProcess
from pathlib import Path

import pytest

from fhir_massage.facts import current
from fhir_massage.facts import imported as of_imports
from fhir_massage.facts.book import Facts, read_facts
from fhir_massage.facts.current import clear_away, in_force
from fhir_massage.facts.imported import import_file
from tests.facts.files import MUE_HEADER, PTP_HEADER, pair, text, unlikely

DAY = date(2026, 11, 2)
FORK = multiprocessing.get_context("fork")


def loaded(data: Path, units: int) -> Path:
    """The file in force after an import by which so many units of 97124 are a day's most."""
    file = data / f"MCR_MUE_PractitionerServices_Eff_10-01-2026-{units}.csv"
    file.write_bytes(text(MUE_HEADER, [unlikely("97124", units)], separator=","))
    import_file(file, data, today=date(2026, 11, 24))
    made = in_force(data)
    assert made is not None
    return made


def units(facts: Facts, code: str = "97124") -> int:
    """The most units of a day. The document that says so has to be at hand."""
    row = facts.mue.find(code, DAY)
    assert row is not None and row.source in facts.sources
    return row.units


def stores(data: Path) -> set[Path]:
    return set(data.glob("ncci*.sqlite"))


def in_a_process(work: Callable[[], None]) -> ForkProcess:
    child = FORK.Process(target=work)
    child.start()
    return child


def release(facts: Facts) -> None:
    assert facts.imported is not None
    facts.imported.close()


def test_what_was_read_stays_as_it_was_whatever_is_imported(tmp_path: Path) -> None:
    loaded(tmp_path, 3)
    before = read_facts(data=tmp_path)
    loaded(tmp_path, 4)
    loaded(tmp_path, 5)
    found = FORK.Queue()
    # A worker that gunicorn puts in another's place comes from the master, which has not been told to reload.
    worker = in_a_process(lambda: found.put(units(before)))
    assert found.get(timeout=20) == 3
    worker.join()
    assert (units(before), units(read_facts(data=tmp_path))) == (3, 5)


def test_an_import_clears_away_what_nobody_uses(tmp_path: Path) -> None:
    first = loaded(tmp_path, 3)
    assert stores(tmp_path) == {first}
    second = loaded(tmp_path, 4)
    assert stores(tmp_path) == {second}
    using = read_facts(data=tmp_path)
    third = loaded(tmp_path, 5)
    assert stores(tmp_path) == {second, third}
    release(using)
    last = loaded(tmp_path, 6)
    assert stores(tmp_path) == {last}


def test_a_start_clears_away_what_nobody_uses(tmp_path: Path) -> None:
    loaded(tmp_path, 3)
    using = read_facts(data=tmp_path)
    last = loaded(tmp_path, 4)
    clear_away(tmp_path)
    assert len(stores(tmp_path)) == 2
    release(using)
    clear_away(tmp_path)
    assert stores(tmp_path) == {last}


def test_workers_hold_a_file_that_their_master_has_let_go(tmp_path: Path) -> None:
    first = loaded(tmp_path, 3)
    facts = read_facts(data=tmp_path)
    over, found = FORK.Event(), FORK.Queue()

    def work() -> None:
        over.wait(30)
        found.put(units(facts))

    worker = in_a_process(work)
    release(facts)
    loaded(tmp_path, 4)
    clear_away(tmp_path)
    assert first in stores(tmp_path)
    over.set()
    assert found.get(timeout=20) == 3
    worker.join()
    clear_away(tmp_path)
    assert first not in stores(tmp_path)


def test_what_a_killed_import_left_is_cleared_away_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = loaded(tmp_path, 3)
    with monkeypatch.context() as patched:
        patched.setattr(of_imports, "_check_format", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        killed = in_a_process(lambda: loaded(tmp_path, 9) and None)
        killed.join(20)
    assert killed.exitcode == -signal.SIGKILL
    assert len(stores(tmp_path)) == 2
    assert in_force(tmp_path) == first
    assert units(read_facts(data=tmp_path)) == 3
    clear_away(tmp_path)
    assert stores(tmp_path) == {first}


def test_nothing_is_cleared_away_while_an_import_is_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded(tmp_path, 3)
    check = of_imports._check_format

    def meanwhile(*given: object) -> None:
        clear_away(tmp_path)
        check(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(of_imports, "_check_format", meanwhile)
    loaded(tmp_path, 4)
    assert units(read_facts(data=tmp_path)) == 4


def test_imports_at_once_are_all_kept(tmp_path: Path) -> None:
    def pairs() -> None:
        file = tmp_path / "ccipra-v323r0-f4.txt"
        file.write_bytes(text(PTP_HEADER, [pair("97140", "97124", "20200101")]))
        import_file(file, tmp_path, today=date(2026, 11, 24))

    loaded(tmp_path, 3)
    children = [in_a_process(pairs), in_a_process(lambda: loaded(tmp_path, 4) and None)]
    for child in children:
        child.join(30)
    assert [child.exitcode for child in children] == [0, 0]
    facts = read_facts(data=tmp_path)
    assert facts.imported is not None
    assert {file.kind for file in facts.imported.files.values()} == {"ptp", "mue"}
    assert units(facts) == 4


def test_a_reader_whose_file_was_cleared_away_meanwhile_takes_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = loaded(tmp_path, 3)
    hold = of_imports.hold

    def late(file: Path) -> object:
        if file == first and first.exists():
            loaded(tmp_path, 4)
        return hold(file)

    monkeypatch.setattr(of_imports, "hold", late)
    assert units(read_facts(data=tmp_path)) == 4


@pytest.mark.parametrize("again", [False, True])
def test_a_file_that_is_cleared_away_while_it_is_opened_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    file = tmp_path / "ncci-x.sqlite"
    file.write_bytes(b"")

    def cleared(*_: object, **__: object) -> bool:
        file.rename(tmp_path / "aside")  # so that another file does not get its number
        if again:
            file.write_bytes(b"")
        return True

    monkeypatch.setattr(current, "_lock", cleared)
    with pytest.raises(FileNotFoundError):
        current.hold(file)


def test_the_one_file_of_an_earlier_installation_is_read_and_taken_over(tmp_path: Path) -> None:
    loaded(tmp_path, 3).rename(tmp_path / "ncci.sqlite")
    (tmp_path / "ncci.current").unlink()
    assert units(read_facts(data=tmp_path)) == 3
    file = tmp_path / "ccipra-v323r0-f4.txt"
    file.write_bytes(text(PTP_HEADER, [pair("97140", "97124", "20200101")]))
    import_file(file, tmp_path, today=date(2026, 11, 24))
    assert units(read_facts(data=tmp_path)) == 3
    assert stores(tmp_path) == {in_force(tmp_path)}


def test_others_may_read_what_was_imported(tmp_path: Path) -> None:
    made = loaded(tmp_path, 3)
    assert [file.stat().st_mode & 0o777 for file in (made, tmp_path / "ncci.current")] == [0o644, 0o644]
