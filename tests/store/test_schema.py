"""The store's schema: reached step by step, from any earlier version, on both databases, by workers at once."""

from __future__ import annotations

import multiprocessing
import sqlite3
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from click.testing import CliRunner
from sqlalchemy import MetaData, create_engine, insert, select, text

from fhir_massage.cli.main import main
from fhir_massage.store.log import Store
from fhir_massage.store.privacy import Privacy, installation_key
from fhir_massage.store.schema import Base, Card, Feedback, FindingRecord, HookCall, revisions, upgrade
from tests.store.test_log import record


def prepare(address: str, together: Barrier) -> None:
    import alembic.command  # noqa: F401 (so that no worker is slower than another)

    together.wait(timeout=60)
    Store(address).prepare()


def make_key(data: Path, found: multiprocessing.Queue[bytes]) -> None:
    found.put(installation_key(data))


def test_the_steps_lead_to_the_tables_that_are_used(database: str) -> None:
    engine = create_engine(database)
    upgrade(engine)
    upgrade(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


@pytest.mark.parametrize("revision", revisions())
def test_from_each_earlier_step_the_way_leads_on_and_nothing_is_lost(database: str, revision: str) -> None:
    engine = create_engine(database)
    upgrade(engine, revision)
    then = MetaData()
    then.reflect(engine)
    at = datetime(2026, 11, 24, tzinfo=UTC)
    with engine.begin() as connection:
        connection.execute(insert(then.tables["hook_calls"]).values(**record(1)))
        connection.execute(
            insert(then.tables["feedback"]).values(at=at, service="s", card="c", outcome="accepted", reason="r")
        )
        if "cards" in then.tables:
            connection.execute(
                insert(then.tables["cards"]).values(uuid="c", at=at, service="s", topic="t", rules=[], suggestions={})
            )
    upgrade(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
        assert connection.execute(select(HookCall.hook_instance, HookCall.rules)).one() == (
            "1",
            ["units-exceed-minutes"],
        )
        assert connection.execute(select(Feedback.card, Feedback.reason, Feedback.suggestions)).one() == (
            "c",
            "r",
            None,
        )
        assert len(connection.execute(select(Card.uuid)).all()) == ("cards" in then.tables)
    engine.dispose()
    assert Store(database).ready()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_older_schema_or_a_store_that_may_not_be_written_is_not_ready(database: str) -> None:
    upgrade(create_engine(database), revisions()[-2])
    store = Store(database)
    assert not store.ready()
    store.prepare()
    assert store.ready()
    file = database.removeprefix("sqlite:///")
    assert not Store(f"sqlite:///file:{file}?mode=ro&uri=true").ready()
    with sqlite3.connect(file) as other:
        other.execute("begin exclusive")
        assert store.ready()  # it was, and will be again
        assert not Store(database).ready()  # nobody knows
        other.rollback()
    assert store.ready()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_database_that_takes_no_writing_is_not_ready(database: str) -> None:
    store = Store(database)
    store.prepare()
    assert store.ready()
    store.engine.dispose()
    assert not Store(f"{database}&options=-c%20default_transaction_read_only%3Don").ready()


def test_workers_that_start_together_all_come_up(database: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    together = spawn.Barrier(4)
    workers = [spawn.Process(target=prepare, args=(database, together)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    assert Store(database).reachable()


def test_what_the_first_version_kept_stays(tmp_path: Path) -> None:
    file = tmp_path / "s.sqlite"
    with sqlite3.connect(file) as first:
        first.executescript(
            """
            create table hook_calls (id integer not null primary key, at datetime not null,
              service varchar(100) not null, hook_instance varchar(100) not null, rules json not null,
              cards json not null, milliseconds float not null);
            create index ix_hook_calls_at on hook_calls (at);
            create table feedback (id integer not null primary key, at datetime not null,
              service varchar(100) not null, card varchar(100) not null, outcome varchar(20) not null, reason text);
            insert into hook_calls values (1, '2026-11-24 10:00:00', 's', 'i', '["r"]', '[]', 1.5);
            """
        )
    store = Store(f"sqlite:///{file}")
    store.add(HookCall, **record(2))
    store.close()
    assert store.lost == 0
    with create_engine(f"sqlite:///{file}").connect() as connection:
        assert connection.execute(text("select count(*) from hook_calls")).scalar_one() == 2


def test_records_are_written_together_or_not_at_all(database: str) -> None:
    now = datetime.now(UTC)
    card = {"uuid": "c1", "at": now, "service": "s", "topic": "claim", "rules": ["r"], "suggestions": {"s1": "r"}}
    store = Store(database)
    store.add_together((HookCall, record(1)), (Card, card))
    store.add_together((HookCall, record(2)), (Card, card))  # the same card again: refused with its call
    store.close()
    assert store.lost == 2
    with create_engine(database).connect() as connection:
        assert connection.execute(select(HookCall.hook_instance)).scalars().all() == ["1"]
        assert connection.execute(select(Card.suggestions)).scalar_one() == {"s1": "r"}


def test_what_is_past_its_time_is_dropped_and_no_more(database: str) -> None:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    store = Store(database)
    for days in (10, 100):
        at = now - timedelta(days=days)
        store.add(HookCall, **{**record(days), "at": at})
        store.add(Card, uuid=f"c{days}", at=at, service="s", topic="claim", rules=[], suggestions={})
        found = {"rule": "r", "severity": "error", "payer": "", "at_risk": 58.0}
        store.add(FindingRecord, at=at, source="s", card=f"c{days}", **found)
        store.add(Feedback, at=at, service="s", card=f"c{days}", outcome="accepted")
    store.close()
    assert store.prune(now - timedelta(days=90)) == {"hook_calls": 1, "cards": 1, "findings": 1, "feedback": 1}
    assert store.prune(now - timedelta(days=90)) == {"hook_calls": 0, "cards": 0, "findings": 0, "feedback": 0}
    with create_engine(database).connect() as connection:
        assert connection.execute(select(Card.uuid)).scalars().all() == ["c10"]


def test_the_command_drops_by_the_setting_and_by_its_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIR_MASSAGE_DATABASE", f"sqlite:///{tmp_path / 's.sqlite'}")
    monkeypatch.setenv("FHIR_MASSAGE_LOG_DAYS", "30")
    store = Store(f"sqlite:///{tmp_path / 's.sqlite'}")
    for days in (10, 40):
        store.add(HookCall, **{**record(days), "at": datetime.now(UTC) - timedelta(days=days)})
    store.close()
    assert "       1  hook calls" in CliRunner().invoke(main, ["store", "prune"]).output
    assert '"hook_calls": 1' in CliRunner().invoke(main, ["store", "prune", "--days", "5", "--format", "json"]).output
    monkeypatch.setenv("FHIR_MASSAGE_DATABASE", f"sqlite:///{tmp_path}/nowhere/s.sqlite")
    refused = CliRunner().invoke(main, ["store", "prune"])
    assert (refused.exit_code, "FHIR_MASSAGE_DATABASE" in refused.output) == (2, True)


def test_the_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    found: multiprocessing.Queue[bytes] = spawn.Queue()
    makers = [spawn.Process(target=make_key, args=(tmp_path, found)) for _ in range(3)]
    for maker in makers:
        maker.start()
    keys = {found.get(timeout=30) for _ in makers}
    for maker in makers:
        maker.join()
    assert keys == {installation_key(tmp_path)}
    assert [file.name for file in tmp_path.iterdir()] == ["installation.key"]
    assert (tmp_path / "installation.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("keep", "kept"), [("nothing", None), ("everything", "p1")])
def test_ids_are_kept_as_the_setting_says(keep: str, kept: str | None) -> None:
    assert Privacy(keep, b"key").name("p1") == kept  # type: ignore[arg-type]


def test_a_hash_can_be_made_only_with_the_key() -> None:
    one, other = Privacy("hashed", b"one"), Privacy("hashed", b"other")
    assert one.name("p1") == one.name("p1") != other.name("p1")
    assert "p1" not in str(one.name("p1"))
