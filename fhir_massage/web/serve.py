"""Running the application under gunicorn, its facts loaded once and shared by the workers."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from fhir_massage.errors import FhirMassageError
from fhir_massage.settings import LOOPBACK, address_of, read_settings, refuse_open_outside, with_audience

WORKERS = 2
THREADS = 8


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn with our application and no settings of its own from elsewhere."""

    def __init__(self, app: Flask, options: dict[str, Any]) -> None:
        self._app = app
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._app


def serve(host: str, port: int) -> None:
    """Serve until told to stop. Ends with status 2 and the reason where it cannot start."""
    log_as_json()
    with tempfile.TemporaryDirectory(prefix="fhir-massage-") as folder:
        # prometheus_client looks for the workers' folder when it is imported, which the application does.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        from fhir_massage.web.app import create_app

        try:
            settings = with_audience(read_settings(), host, port)
            refuse_open_outside(settings, host)
            app = create_app(settings)
        except FhirMassageError as error:
            print(error, file=sys.stderr)
            sys.exit(2)
        print(welcome(host, port, settings.auth), flush=True)
        run(app, host, port)


def run(app: Flask, host: str, port: int) -> None:
    """Run the application under gunicorn until told to stop."""
    options = {
        "bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        "workers": WORKERS,
        "threads": THREADS,
        "worker_class": "gthread",
        "preload_app": True,
        "graceful_timeout": 10,
        "loglevel": "warning",
        "post_worker_init": lambda _worker: app.extensions["fhir_massage"].start(),
    }
    Server(app, options).run()


def log_as_json() -> None:
    """Log to standard error, an object a line."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.JSONRenderer(serializer=lambda event, **_: msgspec.json.encode(event, enc_hook=str)),
        ],
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )


def welcome(host: str, port: int, auth: str | None = None) -> str:
    """What is printed at start: the workbench's address, who may call, and a call that shows a card."""
    address = address_of("127.0.0.1" if host in ("0.0.0.0", "::") else host, port)
    if auth == "required":
        return f"The workbench: {address}/\nHooks are answered to the clients of FHIR_MASSAGE_ISSUERS only (required)."
    who = "this machine only" if host in LOOPBACK else "every machine that reaches this one"
    example = Path("examples/hooks/order-sign.json")
    lines = [f"The workbench: {address}/", f"Without authentication (open), for {who}."]
    if example.is_file():
        lines += [
            "Try a hook:",
            f"  curl -s -H 'Content-Type: application/json' -d @{example} {address}/cds-services/fhir-massage-order-sign",
        ]
    return "\n".join(lines)
