"""Starting the service: its settings held to, its facts loaded once, and what is printed."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask

from fhir_massage.errors import FhirMassageError
from fhir_massage.facts.current import clear_away
from fhir_massage.settings import address_of, only_here, settings_to_serve
from fhir_massage.web.log import log_as_json

GUNICORN_CANNOT_LISTEN = 1


def serve(host: str, port: int) -> None:
    """Serve until told to stop. Ends with status 2 and the reason where it cannot start."""
    log_as_json()
    with _folder_of_this_process() as folder:
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
        try:
            Server(app, bind, lambda: make(host, port)).run()
        except SystemExit as end:
            if end.code != GUNICORN_CANNOT_LISTEN:
                raise
            print(f"{bind} cannot be listened on (why is said above); choose by --host and --port", file=sys.stderr)
            sys.exit(2)


@contextmanager
def _folder_of_this_process() -> Iterator[str]:
    """A folder that goes when this process ends, and not when a worker does that was forked from it."""
    folder, process = tempfile.mkdtemp(prefix="fhir-massage-"), os.getpid()
    try:
        yield folder
    finally:
        if os.getpid() == process:
            shutil.rmtree(folder, ignore_errors=True)


def make(host: str, port: int) -> Flask:
    """The application for an address, with settings, policies and facts as they are now. Raises ``FhirMassageError``."""
    from fhir_massage.facts.book import shipped
    from fhir_massage.web.app import create_app

    shipped.cache_clear()
    settings = settings_to_serve(host, port)
    clear_away(settings.data)
    return create_app(settings)


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
