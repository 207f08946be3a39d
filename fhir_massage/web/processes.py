"""The service's processes under gunicorn: a master that has the facts, workers that share them, and one log."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from typing import Any

import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from fhir_massage.errors import FhirMassageError
from fhir_massage.hooks.trust import LONGEST_TOKEN
from fhir_massage.web.app import PLACES
from fhir_massage.web.log import OneLine, log_beside_answers, place_of
from fhir_massage.web.metrics import forget
from fhir_massage.web.worker import Worker

log = structlog.get_logger()
#: Threads of a worker that answer: more than the calls that may wait for others, so that some always answer the rest.
THREADS = PLACES + 8
#: Connections of a worker; what opens more takes the place of that which has been idle or arriving the longest.
CONNECTIONS = 400
#: Bytes of one header: more than the longest token, which the service itself refuses.
LARGEST_HEADER = 2 * LONGEST_TOKEN
#: Seconds that a worker has to finish what it took in, when it is told to end.
GRACE = 10


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn with our application and no settings of its own from elsewhere.

    ``make`` makes the application anew, with settings, policies and facts as they are then.
    """

    def __init__(self, app: Flask, bind: str, make: Callable[[], Flask]) -> None:
        self._app = app
        self._bind = bind
        self._make = make
        super().__init__()

    def load_config(self) -> None:
        """What gunicorn is told."""
        options = {
            "bind": self._bind,
            "workers": self._app.extensions["fhir_massage"].settings.workers,
            "threads": THREADS,
            "worker_connections": CONNECTIONS,
            "limit_request_field_size": LARGEST_HEADER,
            "sendfile": False,  # answers are sent by the thread that holds the connections
            "worker_class": Worker,
            "logger_class": OneLog,
            "preload_app": True,
            "graceful_timeout": GRACE,
            "loglevel": "warning",
            # else gunicorn keeps a socket in the home folder, which two services of one user would take from each other
            "control_socket_disable": True,
            "post_fork": _begin,
            "post_worker_init": lambda _: self._app.extensions["fhir_massage"].start(),
            "worker_exit": lambda _, worker: log.info("worker stopped", process=worker.pid),
            "child_exit": lambda _, worker: forget(worker.pid),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """The application."""
        return self._app

    def renew(self) -> bool:
        """Make the application anew. Whether that could be done; where not, the log says why and all stays."""
        before = self._app
        try:
            self._app = self.callable = self._make()
        except FhirMassageError as error:
            log.error("not reloaded", reason=str(error))
            return False
        except Exception as error:  # whatever a reload meets, the service goes on as it was
            log.error("not reloaded", reason=type(error).__name__, where=place_of(error))
            return False
        let_go(before)
        return True

    def run(self) -> None:
        """Run until told to stop."""
        share_what_is_made()
        Master(self).run()


def _begin(_: Arbiter, worker: Worker) -> None:
    """In a new worker."""
    log_beside_answers()
    log.info("worker started", process=worker.pid)


def let_go(app: Flask) -> None:
    """Hold the imported facts of an application no longer: those workers that answer by them still do."""
    imported = app.extensions["fhir_massage"].facts.imported
    if imported is not None:
        imported.close()


def share_what_is_made() -> None:
    """Have workers look through nothing made so far for cycles, which would give each a copy of every page of it."""
    gc.unfreeze()  # of what was shared before a reload, most is of no use any more
    gc.collect()
    gc.freeze()


class Master(Arbiter):  # type: ignore[misc]
    """Starts and ends workers. SIGHUP has it load settings, policies and facts and put new workers in place."""

    def reload(self) -> None:
        """New workers with what was loaded take calls before the old ones end; where loading fails, none is touched."""
        if self.app.renew():
            share_what_is_made()
            super().reload()
            log.info("reloaded", process=os.getpid())


class OneLog(Logger):  # type: ignore[misc]
    """gunicorn's own log, written as the service's is: an object a line."""

    def setup(self, cfg: Any) -> None:
        """Have everything written by the one handler."""
        super().setup(cfg)
        self.error_log.handlers = [OneLine()]
