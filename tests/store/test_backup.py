"""What was kept can be copied while it is written to, and put back, on SQLite and PostgreSQL."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine, make_url, text

from fhir_massage.cli.main import main
from fhir_massage.store.log import Store
from fhir_massage.store.schema import HookCall, revisions
from tests.store.test_log import kept, record, write


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FHIR_MASSAGE_DATABASE", f"sqlite:///{tmp_path / 's.sqlite'}")
    return tmp_path / "s.sqlite"


def test_a_copy_taken_while_records_are_written_is_whole_and_can_be_put_back(file: Path, tmp_path: Path) -> None:
    write(file, 50)
    writer = threading.Thread(target=write, args=(file, 60))
    writer.start()
    told = CliRunner().invoke(main, ["store", "backup", str(tmp_path / "copy")])
    writer.join()
    assert told.exit_code == 0, told.output
    copied = kept(tmp_path / "copy")
    assert 50 <= copied <= 110
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
    # Put back as the page on operating says: with the service stopped, the copy takes the store's place.
    file.unlink()
    shutil.copyfile(tmp_path / "copy", file)
    store = Store(f"sqlite:///{file}")
    store.prepare()
    assert store.ready()
    store.add(HookCall, **record(1))
    store.close()
    assert kept(file) == copied + 1


@pytest.mark.parametrize(
    ("broken", "words"), [("exists", "is there already"), ("missing", "no store"), ("damaged", "could not be copied")]
)
def test_a_copy_that_cannot_be_made_is_refused_and_leaves_nothing(
    file: Path, tmp_path: Path, broken: str, words: str
) -> None:
    copy = tmp_path / "copy"
    if broken != "missing":
        write(file, 50)
    if broken == "exists":
        copy.write_text("an earlier copy")
    if broken == "damaged":
        content = bytearray(file.read_bytes())
        content[4096:20480] = b"\xff" * 16384
        file.write_bytes(content)
    told = CliRunner().invoke(main, ["store", "backup", str(copy)])
    assert (told.exit_code, words in told.output) == (2, True), told.output
    assert copy.read_text() == "an earlier copy" if broken == "exists" else not copy.exists()
    assert not list(tmp_path.glob("*.part"))


def test_another_database_is_told_its_own_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FHIR_MASSAGE_DATABASE", "postgresql://clinic:sesame@db.example.org/log")
    told = CliRunner().invoke(main, ["store", "backup", str(tmp_path / "copy")])
    assert told.exit_code == 2
    assert "pg_dump" in told.output
    assert "sesame" not in told.output


@pytest.fixture
def restored(postgresql: str) -> Iterator[str]:
    """A second, empty database on the same server."""
    with create_engine(postgresql, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql("create database restored")
        yield postgresql.replace("/postgres?", "/restored?")
        connection.exec_driver_sql("drop database restored with (force)")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_dump_of_postgresql_is_put_back(database: str, restored: str, tmp_path: Path) -> None:
    store = Store(database)
    store.add(HookCall, **record(1))
    store.close()
    server = ["-h", str(make_url(database).query["host"]), "-U", "tester"]
    dump = str(tmp_path / "store.dump")
    run = {"check": True, "timeout": 60}
    subprocess.run(["pg_dump", *server, "--format=custom", f"--file={dump}", "postgres"], **run)  # type: ignore[call-overload]
    subprocess.run(["pg_restore", *server, "--dbname=restored", "--exit-on-error", dump], **run)  # type: ignore[call-overload]
    again = Store(restored)
    again.prepare()
    assert again.ready()
    again.add(HookCall, **record(2))
    again.close()
    assert again.lost == 0
    engine = create_engine(restored)
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from hook_calls")).scalar_one() == 2
    engine.dispose()
    again.engine.dispose()


def test_the_copy_is_a_database_of_its_own(file: Path, tmp_path: Path) -> None:
    write(file, 1)
    CliRunner().invoke(main, ["store", "backup", str(tmp_path / "copy")])
    with sqlite3.connect(tmp_path / "copy") as copy:
        assert copy.execute("select version_num from alembic_version").fetchall() == [revisions()[-1:]]
