"""One server and one Chromium for all journeys of a worker; a fresh context, and so a fresh person, for each."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from werkzeug.serving import make_server

from fhir_massage.settings import Settings
from fhir_massage.web.app import create_app

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))), None
)
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
SCREENSHOTS = Path(__file__).parents[3] / "build" / "screenshots"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application, with a store of its own."""
    made = create_app(Settings(data=tmp_path_factory.mktemp("workbench")))
    yield made
    made.extensions["fhir_massage"].store.close()


@pytest.fixture
def pages(workbench: Flask) -> FlaskClient:
    """The pages without a browser, and so without JavaScript."""
    return workbench.test_client()


@pytest.fixture(scope="session")
def address(workbench: Flask) -> Iterator[str]:
    """Where the workbench is served."""
    server = make_server("127.0.0.1", 0, workbench, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium."""
    found = CHROMIUM or (MAC if Path(MAC).exists() else None)
    if found is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=found, args=FLAGS, env=dict(os.environ))
        yield made
        made.close()


@pytest.fixture
def visitor(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """A person with a browser of their own. What the page complains of in its console fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def visit(**options: object) -> Page:
        context = browser.new_context(
            base_url=address,
            **{"viewport": {"width": 1280, "height": 900}, **options},  # type: ignore[arg-type]
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture
def screenshot(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Keeps what a page looks like in build/screenshots."""

    def keep(page: Page, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)

    return keep
