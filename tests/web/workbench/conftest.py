"""One server for all journeys of a worker; a fresh context of the browser, and so a fresh person, for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, BrowserContext, Page

from fhir_massage.settings import Settings
from fhir_massage.web.app import create_app
from tests.web.served import served


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
    yield from served(workbench)


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
