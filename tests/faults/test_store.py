"""A database that is locked, full, damaged, gone or stopped: calls are answered, and what was taken in is kept."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event, text
from structlog.testing import capture_logs

from fhir_massage.settings import Settings
from fhir_massage.store import log as store_log
from fhir_massage.store.log import HookCall, Store
from fhir_massage.web.app import create_app
from tests.faults.conftest import Server
from tests.store.test_log import kept, record
from tests.web.test_doors import SERVICE, TOO_MANY, hook


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon: how long is no matter here."""
    monkeypatch.setattr(store_log, "PAUSE", 0.05)
    monkeypatch.setattr(store_log, "LONGEST_WAIT", 0.2)


def soon(true: Callable[[], bool]) -> bool:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if true():
            return True
        time.sleep(0.05)
    return False


def test_a_locked_store_delays_no_answer_and_has_every_call_once_it_is_free(tmp_path: Path) -> None:
    app = create_app(Settings(data=tmp_path))
    file = tmp_path / "fhir_massage.sqlite"
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("begin exclusive")
    started = time.monotonic()
    for _ in range(3):
        assert app.test_client().post(SERVICE, json=hook(TOO_MANY)).json["cards"]
    assert time.monotonic() - started < 10  # and not the time for which a write waits, three times over
    time.sleep(0.5)  # longer than a write waits
    holder.execute("rollback")
    assert soon(lambda: kept(file) == 3)
    app.extensions["fhir_massage"].store.close()
    assert app.extensions["fhir_massage"].store.lost == 0


def filled_up(store: Store, file: Path) -> list[int]:
    """Let the store's file grow no further: what SQLite then says is that the disk is full. The pages it may have."""
    pages = [sqlite3.connect(file).execute("pragma page_count").fetchone()[0]]

    @event.listens_for(store.engine, "connect")
    def limit(connection: sqlite3.Connection, _: object) -> None:
        connection.execute(f"pragma max_page_count = {pages[0]}")

    store.engine.dispose()
    return pages


def test_a_full_disk_loses_nothing_that_fits_once_there_is_room(tmp_path: Path) -> None:
    file = tmp_path / "s.sqlite"
    store = Store(f"sqlite:///{file}")
    store.prepare()
    pages = filled_up(store, file)
    for number in range(200):
        store.add(HookCall, **record(number))
    time.sleep(0.5)
    assert kept(file) < 200
    pages[0] = 10_000
    store.engine.dispose()
    assert soon(lambda: kept(file) == 200)
    store.close()
    assert store.lost == 0


@pytest.mark.parametrize("fault", ["damaged", "gone"])
def test_a_file_that_is_replaced_whole_goes_on(tmp_path: Path, fault: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    file, backup = folder / "s.sqlite", tmp_path / "backup"
    store = Store(f"sqlite:///{file}")
    store.prepare()
    backup.write_bytes(file.read_bytes())
    store.engine.dispose()
    if fault == "damaged":
        file.write_bytes(b"this is no database" * 1000)
    else:
        file.unlink()
        folder.rename(tmp_path / "elsewhere")
    store.add(HookCall, **record(1))
    time.sleep(0.3)
    assert not store.reachable()
    folder.mkdir(exist_ok=True)
    file.write_bytes(backup.read_bytes())
    store.engine.dispose()
    assert soon(lambda: kept(file) == 1)
    store.close()
    assert store.lost == 0


@pytest.mark.parametrize("idle", [True, False], ids=["idle", "with a connection open"])
def test_a_file_that_is_moved_away_and_put_back_has_everything(tmp_path: Path, idle: bool) -> None:
    file, aside = tmp_path / "s.sqlite", tmp_path / "aside.sqlite"
    store = Store(f"sqlite:///{file}")
    store.prepare()
    store.add(HookCall, **record(1))
    assert soon(lambda: kept(file) == 1)
    if idle:
        store.engine.dispose()
    file.rename(aside)
    store.add(HookCall, **record(2))
    time.sleep(0.5)
    assert not file.exists(), "no new file is begun in its place"
    assert not store.reachable() and not store.ready()
    aside.rename(file)
    assert soon(lambda: kept(file) == 2)
    store.close()
    assert store.lost == 0


def test_a_new_file_in_place_of_the_old_one_is_written_to(tmp_path: Path) -> None:
    """As where a backup is put back while the service runs."""
    file, backup = tmp_path / "s.sqlite", tmp_path / "backup"
    store = Store(f"sqlite:///{file}")
    store.prepare()
    backup.write_bytes(file.read_bytes())
    store.add(HookCall, **record(1))
    assert soon(lambda: kept(file) == 1)
    backup.replace(file)
    store.add(HookCall, **record(2))
    assert soon(lambda: kept(file) == 1), "into the file that is there now"
    store.close()
    assert store.lost == 0


def test_postgresql_that_stops_and_comes_back_has_everything(own_postgresql: Server, tmp_path: Path) -> None:
    app = create_app(Settings(data=tmp_path, database=own_postgresql.address))
    client = app.test_client()

    def calls() -> int:
        with create_engine(own_postgresql.address).connect() as connection:
            return int(connection.execute(text("select count(*) from hook_calls")).scalar_one())

    assert client.post(SERVICE, json=hook(TOO_MANY)).status_code == 200
    assert soon(lambda: calls() == 1)
    own_postgresql.stop()
    for _ in range(3):
        assert client.post(SERVICE, json=hook(TOO_MANY)).json["cards"]
    assert client.get("/readyz").status_code == 503
    time.sleep(0.3)
    own_postgresql.start()
    assert soon(lambda: calls() == 4)
    assert client.get("/readyz").status_code == 200
    app.extensions["fhir_massage"].store.close()
    assert app.extensions["fhir_massage"].store.lost == 0


def test_closing_while_the_database_is_silent_counts_every_record_that_is_not_known_to_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_log, "LONGEST_WAIT", 60)
    monkeypatch.setattr(store_log, "LONGEST_CLOSING", 0.3)
    file = tmp_path / "s.sqlite"
    told: list[tuple[int, int]] = []
    store = Store(f"sqlite:///{file}", lambda waiting, lost: told.append((waiting, lost)))
    store.prepare()
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("begin exclusive")
    for number in range(0, 700, 2):  # more than are written together, and handed over two by two
        store.add_together((HookCall, record(number)), (HookCall, record(number + 1)))
    with capture_logs() as logged:
        store.close()
    assert store.lost == 700
    assert [each["records"] for each in logged if each["event"] == "records lost"] == [700]
    assert (told[-1][0], sum(lost for _, lost in told)) == (0, 700)
    holder.execute("rollback")  # what was under way may be written after all, and is counted once
    assert soon(lambda: kept(file) == 700)
    assert store.lost == 700


def test_closing_while_the_database_is_away_ends_and_counts_what_is_lost(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/nowhere/s.sqlite")
    for number in range(5):
        store.add(HookCall, **record(number))
    started = time.monotonic()
    store.close()
    assert time.monotonic() - started < 10
    assert store.lost == 5


def test_a_queue_that_is_full_never_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_log, "LONGEST_QUEUE", 3)
    store = Store(f"sqlite:///{tmp_path}/nowhere/s.sqlite")
    started = time.monotonic()
    for number in range(50):
        store.add(HookCall, **record(number))
    assert time.monotonic() - started < 5
    assert store.lost >= 46
    monkeypatch.setattr(store_log, "LONGEST_CLOSING", 3)
    store.close()
    assert store.lost == 50


def test_a_store_that_is_locked_is_ready_until_nothing_is_written_for_some_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_log, "LONGEST_STANDSTILL", 3.0)
    app = create_app(Settings(data=tmp_path))
    client = app.test_client()
    holder = sqlite3.connect(tmp_path / "fhir_massage.sqlite", isolation_level=None)
    holder.execute("begin exclusive")
    assert client.get("/readyz").status_code == 200  # nothing waits for it
    client.post(SERVICE, json=hook(TOO_MANY))
    assert client.get("/readyz").status_code == 200
    assert soon(lambda: client.get("/readyz").status_code == 503)
    assert client.get("/readyz").json["checks"] == {"facts": True, "store": False, "staying": True}
    holder.execute("rollback")
    assert soon(lambda: client.get("/readyz").status_code == 200)
    app.extensions["fhir_massage"].store.close()
    assert kept(tmp_path / "fhir_massage.sqlite") == 1


def test_postgresql_tables_that_are_locked_are_ready_until_nothing_is_written_for_some_time(
    own_postgresql: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_log, "LONGEST_STANDSTILL", 4.0)
    app = create_app(Settings(data=tmp_path, database=own_postgresql.address))
    client = app.test_client()
    with create_engine(own_postgresql.address).begin() as holder:
        holder.execute(text("lock table hook_calls in access exclusive mode"))
        client.post(SERVICE, json=hook(TOO_MANY))
        started = time.monotonic()
        assert client.get("/readyz").status_code == 200
        assert time.monotonic() - started < 3
        assert soon(lambda: client.get("/readyz").status_code == 503)
    assert soon(lambda: client.get("/readyz").status_code == 200)
    app.extensions["fhir_massage"].store.close()
    assert app.extensions["fhir_massage"].store.lost == 0


def test_a_store_that_others_write_to_without_a_pause_is_ready(tmp_path: Path) -> None:
    app = create_app(Settings(data=tmp_path))
    client, over = app.test_client(), threading.Event()

    def write() -> None:
        other = sqlite3.connect(tmp_path / "fhir_massage.sqlite", isolation_level=None, timeout=20)
        while not over.is_set():
            other.execute("begin immediate")
            over.wait(1.5)
            other.execute("commit")
            over.wait(0.02)

    others = threading.Thread(target=write)
    others.start()
    try:
        for _ in range(6):
            client.post(SERVICE, json=hook(TOO_MANY))
            assert client.get("/readyz").status_code == 200
    finally:
        over.set()
        others.join()
    app.extensions["fhir_massage"].store.close()
    assert kept(tmp_path / "fhir_massage.sqlite") == 6


@pytest.mark.parametrize("fault", ["damaged", "gone", "moved"])
def test_a_store_whose_file_is_not_what_it_was_is_not_ready_though_it_is_open(tmp_path: Path, fault: str) -> None:
    file = tmp_path / "s.sqlite"
    store = Store(f"sqlite:///{file}")
    store.prepare()
    assert store.ready()
    if fault == "damaged":
        file.write_bytes(b"this is no database" * 1000)
    elif fault == "moved":
        file.rename(tmp_path / "elsewhere")
    else:
        file.unlink()
    assert not store.ready()


def test_a_full_disk_is_not_ready_until_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_log, "LONGEST_STANDSTILL", 1000)  # it is known before records have waited for long
    file = tmp_path / "s.sqlite"
    store = Store(f"sqlite:///{file}")
    store.prepare()
    pages = filled_up(store, file)
    store.add(HookCall, **{**record(1), "rules": ["x" * 100_000]})
    assert soon(lambda: not store.ready())
    time.sleep(0.3)
    assert not store.ready()
    pages[0] = 10_000
    store.engine.dispose()
    assert soon(store.ready)
    store.close()
    assert (kept(file), store.lost) == (1, 0)


def test_a_bad_record_that_waited_for_the_database_leaves_it_ready(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    store = Store(f"sqlite:///{folder}/s.sqlite")
    store.add(HookCall, **{**record(1), "service": None})
    time.sleep(0.2)
    assert not store.ready()
    folder.mkdir()
    assert soon(store.ready)
    store.close()
    assert store.lost == 1


def test_a_store_with_no_room_for_more_to_wait_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_log, "LONGEST_QUEUE", 3)
    file = tmp_path / "s.sqlite"
    store = Store(f"sqlite:///{file}")
    store.prepare()
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("begin exclusive")
    for number in range(10):
        store.add(HookCall, **record(number))
    assert not store.ready()
    holder.execute("rollback")
    assert soon(store.ready)
    store.close()
    assert kept(file) + store.lost == 10


def test_a_clock_that_jumps_back_loses_no_record_and_drops_none_too_soon(tmp_path: Path) -> None:
    from datetime import UTC, datetime, timedelta

    store = Store(f"sqlite:///{tmp_path / 's.sqlite'}")
    now = datetime(2026, 11, 24, tzinfo=UTC)
    for number, day in enumerate((now, now + timedelta(days=3650), now - timedelta(days=3650), now)):
        store.add(HookCall, **{**record(number), "at": day})
    store.close()
    assert kept(tmp_path / "s.sqlite") == 4
    assert store.prune(now - timedelta(days=90))["hook_calls"] == 1
    assert kept(tmp_path / "s.sqlite") == 3
