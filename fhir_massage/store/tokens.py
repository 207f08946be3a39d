"""The tokens that were used, shared by all workers of one store, so that none is good twice."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable

import structlog
from sqlalchemy import delete, insert
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from fhir_massage.store.bounded import Bounded
from fhir_massage.store.schema import UsedToken

log = structlog.get_logger()

#: How many tokens a worker keeps in mind itself. They are good for an hour at most.
MOST_IN_MIND = 100_000
#: Seconds that a call waits for the database, and calls that ask it at a time.
LONGEST_WAIT = 1.5
MOST_AT_ONCE = 8
#: Seconds between two sweeps of tokens that have expired.
SWEEP = 60.0


class UsedTokens:
    """Tells whether a token is seen for the first time.

    While the store cannot be reached, or does not answer in ``LONGEST_WAIT`` seconds, each worker goes by its own memory: calls are still answered, and a
    token is then good once a worker.
    """

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock
        self._lock = threading.Lock()
        self._mind: dict[str, float] = {}
        self._swept = 0.0
        self._bounded = Bounded(LONGEST_WAIT, MOST_AT_ONCE)

    def first_use(self, issuer: str, id: str, expires: float) -> bool:
        """Whether the token has not been used before; from now on it has."""
        digest = hashlib.sha256(f"{issuer}\n{id}".encode()).hexdigest()
        if not self._new_to_mind(digest, expires):
            return False
        try:
            self._bounded.ask(lambda: self._keep(digest, expires))
        except IntegrityError:
            return False
        except SQLAlchemyError as error:
            log.error("used tokens are not shared", error=type(error).__name__)
        return True

    def _keep(self, digest: str, expires: float) -> None:
        """Raises ``IntegrityError`` where it was kept before."""
        self._sweep()
        with self._engine.begin() as connection:
            connection.execute(insert(UsedToken).values(digest=digest, expires=expires))

    def _new_to_mind(self, digest: str, expires: float) -> bool:
        with self._lock:
            if digest in self._mind:
                return False
            if len(self._mind) >= MOST_IN_MIND:
                now = self._clock()
                self._mind = {key: end for key, end in self._mind.items() if end > now}
            if len(self._mind) >= MOST_IN_MIND:  # all of them still good: refuse rather than forget one
                return False
            self._mind[digest] = expires
            return True

    def _sweep(self) -> None:
        now = self._clock()
        if now - self._swept >= SWEEP:
            self._swept = now
            with self._engine.begin() as connection:
                connection.execute(delete(UsedToken).where(UsedToken.expires <= now))
