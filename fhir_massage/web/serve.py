"""Running the application under gunicorn, its facts loaded once and shared by the workers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from fhir_massage.errors import FhirMassageError
from fhir_massage.settings import read_settings, refuse_open_outside
from fhir_massage.web.app import create_app

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
    try:
        settings = read_settings()
        refuse_open_outside(settings, host)
        app = create_app(settings)
    except FhirMassageError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    print(welcome(host, port), flush=True)
    options = {
        "bind": f"{host}:{port}",
        "workers": WORKERS,
        "threads": THREADS,
        "worker_class": "gthread",
        "preload_app": True,
        "graceful_timeout": 10,
        "loglevel": "warning",
    }
    Server(app, options).run()


def welcome(host: str, port: int) -> str:
    """What is printed at start: the workbench's address, and a call that shows a card."""
    address = f"http://{host}:{port}"
    example = Path("examples/hooks/order-sign.json")
    lines = [f"The workbench: {address}/", "Without authentication (open), for this machine only."]
    if example.is_file():
        lines += [
            "Try a hook:",
            f"  curl -s -H 'Content-Type: application/json' -d @{example} {address}/cds-services/fhir-massage-order-sign",
        ]
    return "\n".join(lines)
