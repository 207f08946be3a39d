"""``fhir-massage serve``: run the service under its production server."""

from __future__ import annotations

import click


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, envvar="PORT", help="The port.")
def serve(host: str, port: int) -> None:
    """Run the service: CDS Hooks, $validate, answers and the workbench."""
    from fhir_massage.web.serve import serve as run

    run(host, port)
