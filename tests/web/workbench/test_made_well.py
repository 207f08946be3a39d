"""Made well: accessible by axe, light and dark, from 320 pixels to wide, small, still, and whole without JavaScript."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, Response

from tests.web.served import served
from tests.web.test_doors import SERVICE, TOO_MANY, hook

PAGES = {
    "first": "/",
    "review": "/?example=physical-therapy-visit",
    "order": "/?example=letter-of-medical-necessity/bad",
    "correct": "/?example=correct-claim",
    "build": "/build",
    "answers": "/can-i-bill-it?code=97124&payer=commercial&profession=massage-therapist",
    "rules": "/rules",
    "rule": "/rules/ptp-modifier-missing",
    "hooks": "/hooks",
    "savings": "/savings",
}
Visit = Callable[..., Page]


@pytest.fixture(scope="module", autouse=True)
def _calls(workbench: Flask) -> None:
    """Calls in the store, so that the pages that tell of them have something to tell."""
    for _ in range(2):
        workbench.test_client().post(SERVICE, json=hook(TOO_MANY))
    workbench.extensions["fhir_massage"].store.close()


named = pytest.mark.parametrize("name", PAGES)


@named
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(name: str, scheme: str, visitor: Visit, screenshot: Callable[[Page, str], None]) -> None:
    page = visitor(color_scheme=scheme)
    page.goto(PAGES[name])
    screenshot(page, f"{name}-{scheme}")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@named
@pytest.mark.parametrize("width", [320, 768, 1920])
def test_nothing_scrolls_sideways(
    name: str, width: int, visitor: Visit, screenshot: Callable[[Page, str], None]
) -> None:
    page = visitor(viewport={"width": width, "height": 800})
    page.goto(PAGES[name])
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if width == 320:
        screenshot(page, f"{name}-narrow")
        assert Axe().run(page).violations_count == 0


@named
def test_the_first_view_is_small(name: str, visitor: Visit, address: str) -> None:
    page = visitor()
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(PAGES[name], wait_until="networkidle")
    assert all(answer.url.startswith(address) for answer in answers), "nothing comes from elsewhere"
    assert sum(len(answer.body()) for answer in answers) < 150_000


@pytest.fixture(scope="module")
def dripping(workbench: Flask) -> Iterator[str]:
    """Where the workbench is served as over a slow line: each page in pieces, so that a browser could paint a part."""

    def drip(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        whole = b"".join(workbench.wsgi_app(environ, start_response))
        if environ["PATH_INFO"].startswith("/static"):
            return [whole]
        return pieces(whole, max(400, len(whole) // 50))

    def pieces(whole: bytes, size: int) -> Iterator[bytes]:
        for start in range(0, len(whole), size):
            time.sleep(0.03)
            yield whole[start : start + size]

    yield from served(drip)


@named
def test_nothing_moves_as_a_page_comes_in(name: str, visitor: Visit, dripping: str) -> None:
    page = visitor()
    page.goto(dripping + PAGES[name], wait_until="networkidle")
    shift = page.evaluate(
        """new Promise(done => {
          let sum = 0;
          new PerformanceObserver(list => list.getEntries().forEach(entry => { sum += entry.value }))
            .observe({type: "layout-shift", buffered: true});
          setTimeout(() => done(sum), 200);
        })"""
    )
    assert shift < 0.001


@named
def test_each_page_is_whole_without_javascript(name: str, pages: FlaskClient) -> None:
    answer = pages.get(PAGES[name])
    assert answer.status_code == 200
    assert "<h1>" in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert not re.search(r"<script(?! type=\"module\" src=)|<style| style=| on[a-z]+=", answer.text), "nothing inline"


def test_fields_have_labels_and_what_changes_is_told(visitor: Visit) -> None:
    page = visitor()
    page.goto("/")
    assert page.get_by_label("A FHIR R4 Claim, Bundle, Parameters or hook request, as JSON").is_visible()
    page.get_by_label("A FHIR R4 Claim").fill('{"resourceType": "Claim", "status": "active", "item": []}')
    page.get_by_role("button", name="Review").click()
    page.get_by_role("status").first.wait_for()
    assert page.get_by_role("status").first.get_attribute("aria-live") == "polite"
