"""With ``CI=true`` a test that is skipped has failed, save those that need Maven. A worker has one Chromium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pytest_httpserver import HTTPServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NEEDS_MAVEN = "needs_maven"
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))), None
)
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
SCREENSHOTS = Path(__file__).parents[1] / "build" / "screenshots"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker of the tests that may be skipped even in CI."""
    config.addinivalue_line("markers", f"{NEEDS_MAVEN}: compiles Java against Maven's central index")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure that gives its reason."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and item.get_closest_marker(NEEDS_MAVEN) is None:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {reason}"
    return report


@pytest.fixture(scope="session")
def make_httpserver() -> Iterator[HTTPServer]:
    """A server that answers several requests at a time: one that it is slow with holds up no other."""
    server = HTTPServer("127.0.0.1", 0, threaded=True)
    server.start()  # type: ignore[no-untyped-call]
    yield server
    server.clear()  # type: ignore[no-untyped-call]
    if server.is_running():
        server.stop()  # type: ignore[no-untyped-call]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium."""
    from playwright.sync_api import sync_playwright

    found = CHROMIUM or (MAC if Path(MAC).exists() else None)
    if found is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=found, args=FLAGS, env=dict(os.environ))
        yield made
        made.close()


@pytest.fixture
def screenshot(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Keeps what a page looks like in build/screenshots."""

    def keep(page: Page, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)

    return keep
