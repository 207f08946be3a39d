"""The store beside the answers: everything handed over is kept, and a store that fails is only noticed."""

from __future__ import annotations

import multiprocessing
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from fhir_massage.store.address import BadStore
from fhir_massage.store.log import HookCall, Store


def record(number: int) -> dict[str, object]:
    return {
        "at": datetime(2026, 11, 10, tzinfo=UTC),
        "service": "s",
        "hook_instance": str(number),
        "rules": ["units-exceed-minutes"],
        "cards": [],
        "milliseconds": 1.5,
    }


def kept(file: Path) -> int:
    with create_engine(f"sqlite:///{file}").connect() as store:
        return int(store.execute(text("select count(*) from hook_calls")).scalar_one())


def write(file: Path, records: int) -> None:
    store = Store(f"sqlite:///{file}")
    for number in range(records):
        store.add(HookCall, **record(number))
    store.close()


def test_nobody_but_its_owner_reads_the_file(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write(tmp_path / "s.sqlite", 3)
    finally:
        os.umask(before)
    assert kept(tmp_path / "s.sqlite") == 3
    assert {oct(file.stat().st_mode & 0o777) for file in tmp_path.glob("s.sqlite*")} == {"0o600"}


def test_everything_handed_over_is_written_before_it_closes(tmp_path: Path) -> None:
    write(tmp_path / "s.sqlite", 200)
    assert kept(tmp_path / "s.sqlite") == 200


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "s.sqlite"
    Store(f"sqlite:///{file}").prepare()
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=write, args=(file, 50)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert kept(file) == 150


def test_a_store_that_cannot_be_written_loses_records_and_says_how_many(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'nowhere' / 's.sqlite'}")
    store.add(HookCall, **record(1))
    store.close()
    assert store.lost == 1
    assert not store.reachable()


def test_a_store_that_comes_late_is_used(tmp_path: Path) -> None:
    file = tmp_path / "late" / "s.sqlite"
    store = Store(f"sqlite:///{file}")
    store.add(HookCall, **record(1))
    store.close()
    file.parent.mkdir()
    store.add(HookCall, **record(2))
    store.close()
    assert (store.lost, kept(file)) == (1, 1)


def test_a_record_that_does_not_fit_loses_no_other(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 's.sqlite'}")
    store.add(HookCall, **{**record(1), "rules": object()})
    store.add(HookCall, **record(2))
    store.close()
    assert (store.lost, kept(tmp_path / "s.sqlite")) == (1, 1)


def test_it_is_reachable_while_its_file_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "s.sqlite"
    store = Store(f"sqlite:///{file}")
    store.prepare()
    assert store.reachable()
    file.write_bytes(b"this is no database" * 100)
    assert not store.reachable()
    file.unlink()
    assert not store.reachable()


@pytest.mark.parametrize(
    "address", ["", "nonsense", "nosuch://host/db", "postgresql://host:port/db", "oracle+cx_oracle://host/db"]
)
def test_an_address_that_no_database_has_is_refused(address: str) -> None:
    with pytest.raises(BadStore):
        Store(address)


def test_where_a_driver_is_missing_the_extra_that_brings_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)  # as where it is not installed
    with pytest.raises(BadStore, match="extra 'postgres'") as refused:
        Store("postgresql://clinic:sesame@db.example.org/log")
    assert "sesame" not in str(refused.value)


def test_a_record_that_no_table_takes_loses_none_of_those_written_with_it(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 's.sqlite'}")
    for number in range(40):
        store.add(HookCall, **{**record(number), **({"service": None} if number == 20 else {})})
    store.close()
    assert (kept(tmp_path / "s.sqlite"), store.lost) == (39, 1)
