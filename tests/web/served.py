"""An application served on loopback while a test runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from wsgiref.types import WSGIApplication

from werkzeug.serving import make_server


def served(app: WSGIApplication) -> Iterator[str]:
    """Its address; it ends when the iterator goes on."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
