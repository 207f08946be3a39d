"""What a FHIR server has told and is still to be reviewed: a queue in the database, which survives a restart.

A claim stands in it once. Told of it again, even while it is being reviewed, it is reviewed once more, so
that no version is overlooked. Of the claim it holds the id and nothing else, until it has been reviewed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec
from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError

from fhir_massage.store.schema import Told

#: The name under which it stands that something changed, and not which claim.
CHANGES = ""
#: Seconds for which a process has a notice to itself. It is another's when the process has ended meanwhile.
LEASE = 180.0
#: Seconds before the next attempt: twice as long each time, up to the longest.
FIRST_PAUSE = 5.0
LONGEST_PAUSE = 1800.0
#: Attempts before it is left until the server tells of it again or the service starts anew.
MOST_ATTEMPTS = 12

Clock = Callable[[], float]


class Notice(msgspec.Struct, frozen=True):
    """One that was taken to be worked on. ``claim`` is an id, or ``CHANGES``; ``since`` seconds since 1970."""

    claim: str
    told: int
    attempts: int
    since: float | None = None

    @property
    def is_last(self) -> bool:
        """Whether it is left alone if it fails this time too."""
        return self.attempts + 1 >= MOST_ATTEMPTS


class Notices:
    """The queue. Every method raises ``SQLAlchemyError`` where the database cannot be reached."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def tell(self, claims: Iterable[str]) -> None:
        """Keep that these claims were told of. When it returns, none of them is lost."""
        with self._engine.begin() as connection:
            for claim in claims:
                self._tell(connection, claim)

    def found(self, changes: Notice, claims: Iterable[str], since: float) -> None:
        """Put the claims that a search for changes found in its place; the next one begins at ``since``."""
        with self._engine.begin() as connection:
            for claim in claims:
                self._tell(connection, claim)
            again = self._clock() if self._told(connection, CHANGES) > changes.told else None
            connection.execute(
                update(Told).where(Told.claim == CHANGES).values(since=since, due=again, attempts=0, taken_until=None)
            )

    def take(self) -> Notice | None:
        """The one that has been due longest, for this process alone; ``None`` where nothing is due."""
        now = self._clock()
        free = or_(Told.taken_until.is_(None), Told.taken_until <= now)
        with self._engine.begin() as connection:
            row = connection.execute(
                select(Told).where(Told.due <= now, free).order_by(Told.due).limit(1)
            ).one_or_none()
            if row is None:
                return None
            taken = connection.execute(
                update(Told).where(Told.claim == row.claim, Told.due == row.due, free).values(taken_until=now + LEASE)
            )
            return Notice(row.claim, row.told, row.attempts, row.since) if taken.rowcount else None

    def done(self, notice: Notice) -> None:
        """It was reviewed: forget it, unless it was told of again meanwhile."""
        with self._engine.begin() as connection:
            connection.execute(delete(Told).where(Told.claim == notice.claim, Told.told == notice.told))
            connection.execute(
                update(Told).where(Told.claim == notice.claim).values(due=self._clock(), attempts=0, taken_until=None)
            )

    def failed(self, notice: Notice) -> None:
        """It could not be reviewed: try again later, or leave it where that was the last attempt."""
        pause = min(FIRST_PAUSE * 2**notice.attempts, LONGEST_PAUSE)
        due = None if notice.is_last else self._clock() + pause
        values = {"attempts": Told.attempts + 1, "due": due, "taken_until": None}
        with self._engine.begin() as connection:
            again = self._told(connection, notice.claim) > notice.told
            if again:
                values |= {"attempts": 0, "due": self._clock()}
            connection.execute(update(Told).where(Told.claim == notice.claim).values(**values))

    def begin(self) -> None:
        """What was left after its last attempt is due again; to be called when the service starts."""
        with self._engine.begin() as connection:
            connection.execute(
                update(Told).where(Told.due.is_(None), Told.attempts > 0).values(due=self._clock(), attempts=0)
            )

    def waiting(self) -> int:
        """How many are still to be reviewed, those that were left among them."""
        with self._engine.connect() as connection:
            open_ones = or_(Told.due.is_not(None), Told.attempts > 0)
            return connection.execute(select(func.count()).select_from(Told).where(open_ones)).scalar_one()

    def _tell(self, connection: Connection, claim: str) -> None:
        if self._tell_again(connection, claim):
            return
        values = {"claim": claim, "told": 1, "due": self._clock(), "attempts": 0}
        try:
            with connection.begin_nested():
                connection.execute(insert(Told).values(**values))
        except IntegrityError:  # another process was faster
            self._tell_again(connection, claim)

    def _tell_again(self, connection: Connection, claim: str) -> bool:
        values = {"told": Told.told + 1, "due": self._clock(), "attempts": 0}
        return bool(connection.execute(update(Told).where(Told.claim == claim).values(**values)).rowcount)

    @staticmethod
    def _told(connection: Connection, claim: str) -> int:
        return connection.execute(select(Told.told).where(Told.claim == claim)).scalar_one_or_none() or 0
