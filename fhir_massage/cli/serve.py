"""``fhir-massage serve``: run the service under its production server."""

from __future__ import annotations

import os

import click


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=int, default=lambda: int(os.environ.get("PORT", "8000")), help="The port (default 8000).")
def serve(host: str, port: int) -> None:
    """Run the service: CDS Hooks, $validate and the workbench."""
    from fhir_massage.web.serve import serve as run

    run(host, port)
