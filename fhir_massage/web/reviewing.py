"""Reviewing what a FHIR server told of, beside the answers: one thread a process, from the queue in the store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import date

import structlog
from sqlalchemy.exc import SQLAlchemyError

from fhir_massage.ehr.deadline import Deadline
from fhir_massage.ehr.server import FhirServer, Limits
from fhir_massage.ehr.told import changes_since, review_on
from fhir_massage.engine.report import Report
from fhir_massage.errors import FhirMassageError
from fhir_massage.facts.book import Facts
from fhir_massage.settings import Settings
from fhir_massage.store.notices import CHANGES, LEASE, Notice, Notices

log = structlog.get_logger()

#: Seconds for one claim with all that is fetched and written for it. The lease of a notice is longer.
SECONDS = 60.0
#: Seconds between two looks at the queue where nobody in this process was told anything.
POLL = 5.0
#: Seconds that the first search for changes goes back.
FIRST_LOOK = 600.0
#: A search for changes after the service was away may find many claims.
_LIMITS = Limits(pages=1000, resources=50_000)
assert SECONDS < LEASE


class Reviewer:
    """Works the queue off. ``note`` is told of each report, ``count`` of what became of each notice."""

    def __init__(
        self,
        settings: Settings,
        facts: Facts,
        notices: Notices,
        note: Callable[[Report], Report],
        count: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._facts = facts
        self._notices = notices
        self._note = note
        self._count = count
        self._told = threading.Event()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def start(self) -> None:
        """Begin, in the process that calls: with gunicorn in each worker and not in its master."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="reviewing", daemon=True)
                self._thread.start()

    def wake(self) -> None:
        """There is something new in the queue."""
        self.start()
        self._told.set()

    def close(self) -> None:
        """End after what is under way; the rest stays in the queue."""
        self._ending.set()
        self._told.set()
        if self._thread is not None:
            self._thread.join(timeout=SECONDS)
            self._thread = None

    def work_off(self) -> int:
        """Review what is due, until nothing is: how many notices were taken. Raises ``SQLAlchemyError``."""
        taken = 0
        while not self._ending.is_set() and (notice := self._notices.take()) is not None:
            self._work(notice)
            taken += 1
        return taken

    def _run(self) -> None:
        begun = False
        while not self._ending.is_set():
            self._told.clear()
            try:
                if not begun:
                    self._notices.begin()
                    begun = True
                self.work_off()
            except SQLAlchemyError as error:
                log.error("the queue of claims cannot be read", error=type(error).__name__)
            self._told.wait(POLL)

    def _work(self, notice: Notice) -> None:
        try:
            outcome = self._look(notice) if notice.claim == CHANGES else self._review(notice)
        except FhirMassageError as reason:
            self._fail(notice, str(reason))
        except Exception as error:  # a fault of ours: it must not end the thread, nor repeat what a claim says
            self._fail(notice, type(error).__name__)
        else:
            self._count(outcome)

    def _fail(self, notice: Notice, reason: str) -> None:
        self._notices.failed(notice)
        outcome = "left" if notice.is_last else "failed"
        log.warning(
            "told of a claim that could not be reviewed", reason=reason, attempt=notice.attempts + 1, now=outcome
        )
        self._count(outcome)

    def _review(self, notice: Notice) -> str:
        deadline = Deadline(SECONDS)
        server = self._server(deadline)
        try:
            report = review_on(
                server, notice.claim, facts=self._facts, on=date.today(), deadline=deadline, whole=not notice.is_last
            )
        finally:
            server.close()
        if report is not None:
            self._note(report)
        self._notices.done(notice)
        return "gone" if report is None else "reviewed"

    def _look(self, notice: Notice) -> str:
        server = self._server(Deadline(SECONDS))
        try:
            changes = changes_since(server, time.time() - FIRST_LOOK if notice.since is None else notice.since)
        finally:
            server.close()
        self._notices.found(notice, changes.claims, changes.newest)
        return "looked"

    def _server(self, deadline: Deadline) -> FhirServer:
        settings = self._settings
        base = str(settings.subscription_server)
        token = settings.subscription_token
        return FhirServer(
            base,
            deadline,
            listed=[*settings.fhir_servers, base],
            token=None if token is None else token.get_secret_value(),
            certificates=str(settings.ca_bundle) if settings.ca_bundle else None,
            limits=_LIMITS,
        )
