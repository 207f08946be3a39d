"""The tables of the store, and bringing a database to them."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Connection, DateTime, Engine, Float, String, Text, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

MIGRATIONS = Path(__file__).parent / "migrations"
#: The advisory lock of PostgreSQL under which one process at a time changes the schema.
_LOCK = 9712497140
#: What PostgreSQL says where a lock was waited for in vain.
_LOCK_NOT_AVAILABLE = "55P03"
_one_at_a_time = threading.Lock()


class Base(DeclarativeBase):
    """The schema of the store. A change to it is a step in ``migrations/versions``."""


class HookCall(Base):
    """One call of a hook: when, which service, whom it was about, what was found and answered, how long it took.

    ``patient`` and ``reviewed`` (claims and orders) hold keyed hashes, ids or nothing, as the settings say;
    ``assertions`` what was asserted of coverage, by its id. ``request`` and ``answer`` are kept only where
    the settings ask for whole messages, the EHR's access token never.
    """

    __tablename__ = "hook_calls"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    service: Mapped[str] = mapped_column(String(100), index=True)
    hook_instance: Mapped[str] = mapped_column(String(100))
    rules: Mapped[list[str]] = mapped_column(JSON)
    cards: Mapped[list[str]] = mapped_column(JSON)
    milliseconds: Mapped[float] = mapped_column(Float)
    patient: Mapped[str | None] = mapped_column(String(100), index=True)
    reviewed: Mapped[list[str] | None] = mapped_column(JSON)
    assertions: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON)
    request: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSON)


class Card(Base):
    """A card that was sent: its topic, the rules it speaks of, and its suggestions (each uuid with its rule)."""

    __tablename__ = "cards"

    uuid: Mapped[str] = mapped_column(String(36), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    service: Mapped[str] = mapped_column(String(100))
    topic: Mapped[str] = mapped_column(String(100))
    rules: Mapped[list[str]] = mapped_column(JSON)
    suggestions: Mapped[dict[str, str]] = mapped_column(JSON)


class Feedback(Base):
    """What became of a card: accepted with which suggestions, or overridden and why.

    ``card`` is the uuid of a row of ``cards``, where that one was sent from here and is still kept. ``at`` is
    when the feedback came, ``outcome_at`` when the user acted. ``comment`` is kept only where the settings say.
    """

    __tablename__ = "feedback"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    service: Mapped[str] = mapped_column(String(100), index=True)
    card: Mapped[str] = mapped_column(String(100), index=True)
    outcome: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str | None] = mapped_column(Text)
    outcome_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    suggestions: Mapped[list[str] | None] = mapped_column(JSON)
    reason_system: Mapped[str | None] = mapped_column(String(200))
    comment: Mapped[str | None] = mapped_column(Text)


class UsedToken(Base):
    """A token that was used: a hash of its issuer and id, and when it expires (seconds since 1970)."""

    __tablename__ = "used_tokens"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires: Mapped[float] = mapped_column(Float, index=True)


class FindingRecord(Base):
    """One finding: which rule, how grave, for which payer class, how much money. Nothing of a patient.

    ``card`` is the id that feedback to it names; ``at_risk`` is in dollars. ``source`` is the hook's service,
    or ``workbench``.
    """

    __tablename__ = "findings"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    source: Mapped[str] = mapped_column(String(100))
    card: Mapped[str] = mapped_column(String(100), index=True)
    rule: Mapped[str] = mapped_column(String(100), index=True)
    severity: Mapped[str] = mapped_column(String(20))
    payer: Mapped[str] = mapped_column(String(100))
    at_risk: Mapped[float | None] = mapped_column(Float)


class Told(Base):
    """A claim that a FHIR server told of and that is still to be reviewed; the empty id: something changed there.

    ``told`` counts how often. ``due`` is when it is tried next, ``taken_until`` how long a process has it to
    itself, ``since`` where the next search for changes begins (all in seconds since 1970). Without ``due`` it
    is left: after its last attempt, or, of changes, because none were told of.
    """

    __tablename__ = "told"

    claim: Mapped[str] = mapped_column(String(64), primary_key=True)
    told: Mapped[int]
    due: Mapped[float | None] = mapped_column(Float, index=True)
    attempts: Mapped[int]
    taken_until: Mapped[float | None] = mapped_column(Float)
    since: Mapped[float | None] = mapped_column(Float)


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database to this version's tables, or to an earlier step's. Raises ``SQLAlchemyError``.

    Processes that start together wait for each other: all steps are taken in one transaction, under a lock.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with _one_at_a_time, _alone(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def in_order(engine: Engine) -> bool:
    """Whether the database has this version's tables, each readable, and may be written to.

    Raises ``SQLAlchemyError``, which means no; of a lock that is held for longer than a second, one that ``is_busy``.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection, _waiting_a_second(connection):
        if not _may_be_written(connection):
            return False
        read_each_table(connection)
        return _at_head(connection)


def read_each_table(connection: Connection) -> None:
    """Read from every table, so that a file that is gone or damaged is noticed. Raises ``SQLAlchemyError``."""
    for column in (HookCall.id, Card.uuid, FindingRecord.id, Feedback.id, Told.claim):
        connection.execute(select(column).limit(1))


def is_busy(error: BaseException | None) -> bool:
    """Whether an error says no more than that another one holds a lock just now."""
    cause = error.orig if isinstance(error, DBAPIError) else None
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return getattr(cause, "sqlstate", None) == _LOCK_NOT_AVAILABLE


def _at_head(connection: Connection) -> bool:
    from alembic.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_heads() == revisions()[-1:]


@cache
def revisions() -> tuple[str, ...]:
    """The steps that lead to this version's tables, the first one first."""
    from alembic.script import ScriptDirectory

    return tuple(reversed([step.revision for step in ScriptDirectory(str(MIGRATIONS)).walk_revisions()]))


def _may_be_written(connection: Connection) -> bool:
    if _is_postgresql(connection):
        return bool(connection.exec_driver_sql("show transaction_read_only").scalar_one() == "off")
    if _is_sqlite(connection):
        _begin_and_leave(connection)
    return True


def _begin_and_leave(connection: Connection) -> None:
    """Begin to write to an SQLite file what it holds already, and take it back."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        own = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        connection.exec_driver_sql(f"PRAGMA user_version = {own}")
    finally:
        connection.exec_driver_sql("ROLLBACK")


@contextmanager
def _waiting_a_second(connection: Connection) -> Iterator[None]:
    """Let no statement wait longer for another one's lock."""
    if _is_sqlite(connection):
        before = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
        now, after = "PRAGMA busy_timeout = 1000", f"PRAGMA busy_timeout = {before}"
    elif _is_postgresql(connection):
        now, after = "SET lock_timeout = 1000", "RESET lock_timeout"
    else:
        yield
        return
    connection.exec_driver_sql(now)
    try:
        yield
    finally:
        connection.exec_driver_sql(after)


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _is_postgresql(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A connection within a transaction that no other process's can be in at the same time."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            # The driver begins no transaction for a change of schema, so it is begun by hand, and at once.
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")
        else:
            with connection.begin():
                if _is_postgresql(connection):
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
                yield connection
