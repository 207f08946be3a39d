"""Starting the service: its settings held to, its facts loaded once, and what is printed."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import msgspec
import structlog
from flask import Flask

from fhir_massage.errors import FhirMassageError
from fhir_massage.settings import address_of, only_here, read_settings, refuse_open_outside, with_audience


def serve(host: str, port: int) -> None:
    """Serve until told to stop. Ends with status 2 and the reason where it cannot start."""
    log_as_json()
    with tempfile.TemporaryDirectory(prefix="fhir-massage-") as folder:
        # prometheus_client looks for the workers' folder when it is imported, which the application does.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        from fhir_massage.web.processes import Server

        try:
            app = make(host, port)
        except FhirMassageError as error:
            print(error, file=sys.stderr)
            sys.exit(2)
        print(welcome(host, port, app.extensions["fhir_massage"].settings.auth), flush=True)
        bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        Server(app, bind, lambda: make(host, port)).run()


def make(host: str, port: int) -> Flask:
    """The application for an address, with settings, policies and facts as they are now. Raises ``FhirMassageError``."""
    from fhir_massage.facts.book import shipped
    from fhir_massage.web.app import create_app

    shipped.cache_clear()
    settings = with_audience(read_settings(), host, port)
    refuse_open_outside(settings, host)
    return create_app(settings)


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
    who = "this machine only" if only_here(host) else "every machine that reaches this one"
    example = Path("examples/hooks/order-sign.json")
    lines = [f"The workbench: {address}/", f"Without authentication (open), for {who}."]
    if example.is_file():
        lines += [
            "Try a hook:",
            f"  curl -s -H 'Content-Type: application/json' -d @{example} {address}/cds-services/fhir-massage-order-sign",
        ]
    return "\n".join(lines)
