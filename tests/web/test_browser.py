"""The workbench in real Chromium: paste a claim, see the finding, press the correction, see it gone."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, sync_playwright
from werkzeug.serving import make_server

from tests.web.test_doors import TOO_MANY

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARTEFACTS = Path(__file__).parents[1] / "artefacts"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def page(request: pytest.FixtureRequest) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, env=dict(os.environ))
        yield browser.new_page(java_script_enabled=request.param, viewport={"width": 900, "height": 1000})
        browser.close()


def test_a_pasted_claim_is_reviewed_corrected_and_taken_away(page: Page, address: str, tmp_path: Path) -> None:
    page.goto(address)
    page.locator("textarea#claim").fill(json.dumps(TOO_MANY))
    page.get_by_role("button", name="Review").press("Enter")
    finding = page.locator('[data-rule="units-exceed-minutes"]')
    assert finding.get_attribute("data-severity") == "error"
    assert finding.get_attribute("data-expression") == "Claim.item[0].quantity"
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / "finding.png", full_page=True)

    page.locator('[data-correction="Bill 2 units"]').click()
    assert page.locator("[data-rule]").count() == 0
    with page.expect_download() as download:
        page.locator('[data-download="claim"]').click()
    kept = json.loads(Path(download.value.path()).read_text())
    assert kept["entry"][0]["resource"]["item"][0]["quantity"]["value"] == 2


def test_a_picked_file_is_reviewed_at_the_width_of_a_telephone(page: Page, address: str, tmp_path: Path) -> None:
    file = tmp_path / "claim.json"
    file.write_text(json.dumps(TOO_MANY))
    page.set_viewport_size({"width": 320, "height": 700})
    page.goto(address)
    page.locator('input[type="file"][name="file"]').set_input_files(file)
    page.get_by_role("button", name="Review").click()
    assert page.locator('[data-rule="units-exceed-minutes"]').is_visible()
    # What does not fit would make the page scroll sideways.
    box = page.locator("body").bounding_box()
    assert box is not None
    assert box["width"] <= 320
