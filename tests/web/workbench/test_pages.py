"""The other pages as a biller, a developer and a manager use them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect
from werkzeug.serving import make_server

from fhir_massage.read.structure import departures
from fhir_massage.settings import Settings
from fhir_massage.web.app import create_app
from tests.claims import reviewed
from tests.web.test_doors import SERVICE, TOO_MANY, hook

Visit = Callable[..., Page]
Keep = Callable[[Page, str], None]


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def page(request: pytest.FixtureRequest, visitor: Visit) -> Page:
    return visitor(java_script_enabled=request.param)


# --- Build a claim ------------------------------------------------------------------------------------


def fill(page: Page) -> None:
    page.goto("/build")
    page.get_by_label("Who pays").select_option("medicare-part-b")
    page.get_by_label("Who gave the service").select_option("physical-therapist")
    page.get_by_label("Date of service").fill("2026-11-02")
    page.get_by_label("Diagnoses").fill("M54.2")
    first = page.get_by_role("group", name="Line 1")
    for label, words in (("Code", "97140"), ("Modifiers", "GP"), ("Minutes", "25"), ("Units", "2"), ("Price", "58")):
        first.get_by_label(label).fill(words)
    first.get_by_label("Region treated").fill("neck")
    page.get_by_text("Referral, authorization and names").click()
    page.get_by_label("Their NPI").fill("1987654328")


def test_a_claim_is_built_without_json_taken_away_and_reviewed(page: Page, screenshot: Keep) -> None:
    fill(page)
    page.get_by_role("button", name="Make the claim").click()
    expect(page.get_by_role("heading", name="Your claim is ready")).to_be_visible()
    screenshot(page, "build-made")
    with page.expect_download() as download:
        page.locator('[data-download="bundle"]').click()
    bundle = json.loads(Path(download.value.path()).read_text())
    for entry in bundle["entry"]:
        assert departures(entry["resource"]["resourceType"], entry["resource"]) == []
    assert departures("Bundle", bundle) == []
    report = reviewed(bundle, date(2026, 11, 30))
    assert report.claims
    assert report.findings == ()
    page.get_by_role("button", name="Review it").click()
    expect(page.get_by_role("heading", name="Nothing to correct")).to_be_visible()


def test_a_form_that_lacks_something_says_what_and_loses_nothing(page: Page, screenshot: Keep) -> None:
    fill(page)
    page.get_by_label("Who pays").select_option("")
    page.get_by_role("group", name="Line 1").get_by_label("Price").fill("much")
    page.get_by_role("button", name="Make the claim").click()
    expect(page.locator(".wrong")).to_have_count(2)
    expect(page.get_by_label("Who pays")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("group", name="Line 1").get_by_label("Code")).to_have_value("97140")
    screenshot(page, "build-wrong")


def test_more_lines_are_to_be_had(page: Page) -> None:
    fill(page)
    page.get_by_role("button", name="More lines").click()
    expect(page.get_by_role("group", name="Line 8")).to_be_visible()
    expect(page.get_by_role("group", name="Line 1").get_by_label("Minutes")).to_have_value("25")


# --- Can I bill it? -----------------------------------------------------------------------------------


def test_the_matrix_answers_and_its_address_can_be_shared(page: Page, address: str) -> None:
    page.goto("/can-i-bill-it?on=2026-11-02")
    page.get_by_role("link", name="97140 manual therapy").click()
    page.get_by_role("link", name="Massage therapist, Medicare Part B: No").click()
    answer = page.locator("#answer")
    expect(answer).to_contain_text("No Massage therapist, 97140 (manual therapy), Medicare Part B")
    assert answer.get_by_role("link").count() >= 2
    shared = page.url
    page.goto("/rules")
    page.goto(shared)
    expect(page.locator("#answer")).to_contain_text("Medicare Part B")


def test_the_form_asks_about_any_code_and_payer(page: Page) -> None:
    page.goto("/can-i-bill-it")
    page.get_by_label("Code").fill("97010")
    page.get_by_label("Payer").select_option("medicare-part-b")
    page.get_by_label("Profession").select_option("physical-therapist")
    page.get_by_role("button", name="Answer").click()
    expect(page.locator("#verdict")).to_contain_text("No")
    page.get_by_label("Code").fill("12345")
    page.get_by_role("button", name="Answer").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no procedure code of that name")


# --- Rules --------------------------------------------------------------------------------------------


def test_a_rule_is_found_read_and_its_example_reviewed(page: Page) -> None:
    page.goto("/rules")
    page.get_by_label("Search").fill("co-236 region")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("[data-found]")).not_to_contain_text("0 of")
    page.goto("/rules")
    page.get_by_label("Search").fill("charge-mismatch")
    page.get_by_label("Search").press("Enter")
    page.locator("[data-words]:visible a").first.click()
    for section in ("What it checks", "Why it is denied", "What to do", "Source"):
        expect(page.get_by_role("heading", name=section)).to_be_visible()
    page.get_by_role("link", name="One that it finds").click()
    expect(page.locator('[data-rule="charge-mismatch"]')).to_be_visible()


def test_rules_are_filtered_while_one_types(visitor: Visit) -> None:
    page = visitor()
    page.goto("/rules")
    page.get_by_label("Search").press_sequentially("duplicate")
    expect(page.locator("[data-words]:visible")).to_have_count(2)
    expect(page.locator("[data-found]")).to_contain_text("2 of")


def test_a_rule_that_is_not_there_is_no_page(pages: FlaskClient) -> None:
    assert pages.get("/rules/nothing", headers={"Accept": "text/html"}).status_code == 404


# --- Hooks --------------------------------------------------------------------------------------------


def test_a_card_is_drawn_accepted_and_the_service_is_told(page: Page, screenshot: Keep) -> None:
    page.goto("/hooks")
    page.get_by_role("button", name="Send").click()
    card = page.locator(".card")
    expect(card).to_have_count(1)
    expect(card).to_contain_text("$58.00 is charged")
    screenshot(page, "hooks-card")
    card.get_by_role("button", name="Charge $116.00").click()
    expect(page.get_by_role("status")).to_contain_text("Accepted: Charge $116.00")
    expect(page.get_by_text("No card: there is nothing to say.")).to_be_visible()
    sent = json.loads(page.get_by_label("Request, as JSON").input_value())
    assert sent["context"]["draftOrders"]["entry"][0]["resource"]["item"][0]["net"]["value"] == 116


def test_a_card_is_overridden_with_a_reason(page: Page) -> None:
    page.goto("/hooks?service=fhir-massage-order-dispatch")
    page.get_by_role("button", name="Send").click()
    card = page.locator(".card").first
    card.get_by_label("Override, because").select_option("payer-agreed")
    card.get_by_role("button", name="Override").click()
    expect(page.get_by_role("status")).to_contain_text("Overridden: The payer has agreed otherwise")


@pytest.mark.parametrize(
    "service", ["order-sign", "order-select", "order-dispatch", "appointment-book", "encounter-discharge"]
)
def test_every_hook_has_a_sample_that_shows_a_card(service: str, pages: FlaskClient) -> None:
    page = pages.get(f"/hooks?service=fhir-massage-{service}").text
    request = page.partition('name="request" rows="22" spellcheck="false">')[2].partition("</textarea>")[0]
    from html import unescape

    answer = pages.post("/hooks", data={"service": f"fhir-massage-{service}", "request": unescape(request)})
    assert 'class="card ' in answer.text


def test_the_last_calls_are_live(visitor: Visit, pages: FlaskClient) -> None:
    page = visitor()
    page.goto("/hooks")
    before = page.locator("[data-poll] tbody tr").count()
    pages.post(SERVICE, json=hook(TOO_MANY))
    expect(page.locator("[data-poll] tbody tr").first).to_contain_text("units-exceed-minutes")
    assert before == 0 or page.locator("[data-poll] tbody tr").count() >= before


def test_an_address_that_is_not_listed_is_not_called(pages: FlaskClient) -> None:
    for address in ("http://127.0.0.1:9/", "http://169.254.169.254/latest", "file:///etc/passwd"):
        answer = pages.post("/hooks", data={"service": "a", "address": address, "request": "{}"})
        assert answer.status_code == 400
        assert "FHIR_MASSAGE_FHIR_SERVERS" in answer.text


@pytest.fixture
def beside(address: str, tmp_path: Path) -> Iterator[FlaskClient]:
    """A second workbench that may call the first one's service."""
    made = create_app(Settings(data=tmp_path, fhir_servers=[address]))
    yield made.test_client()
    made.extensions["fhir_massage"].store.close()


def test_a_listed_service_elsewhere_is_called(beside: FlaskClient, address: str) -> None:
    told = {"service": "fhir-massage-order-sign", "address": address, "request": json.dumps(hook(TOO_MANY))}
    answer = beside.post("/hooks", data=told)
    assert answer.status_code == 200
    assert "Bill 2 units" in answer.text


def test_a_service_that_answers_nonsense_is_told_of(tmp_path: Path) -> None:
    other = Flask("other")
    other.add_url_rule("/cds-services", view_func=lambda: "<p>hello</p>")
    server = make_server("127.0.0.1", 0, other)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    base = f"http://127.0.0.1:{server.server_port}"
    made = create_app(Settings(data=tmp_path, fhir_servers=[base]))
    try:
        answer = made.test_client().get("/hooks", query_string={"address": base})
    finally:
        server.shutdown()
        thread.join()
        made.extensions["fhir_massage"].store.close()
    assert answer.status_code == 400
    assert "something that is not JSON" in answer.text


# --- What it saves ------------------------------------------------------------------------------------


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Flask]:
    made = create_app(Settings(data=tmp_path))
    yield made
    made.extensions["fhir_massage"].store.close()


def written(app: Flask) -> FlaskClient:
    """A client of the application after everything it was told has been written down."""
    app.extensions["fhir_massage"].store.close()
    return app.test_client()


def test_an_empty_store_says_how_numbers_come(fresh: Flask) -> None:
    page = fresh.test_client().get("/savings").text
    assert "Nothing counted yet" in page
    assert '<svg class="bars"' not in page


def test_a_review_is_counted_only_where_the_user_wants_it(fresh: Flask) -> None:
    client = fresh.test_client()
    client.post("/", data={"claim": json.dumps(TOO_MANY)})
    assert "Nothing counted yet" in written(fresh).get("/savings").text
    client.post("/", data={"claim": json.dumps(TOO_MANY), "count": "on"})
    page = written(fresh).get("/savings").text
    assert "units-exceed-minutes" in page
    assert "$58.00" in page
    assert "Example" not in page, "nothing of the patient"


def test_hooks_and_their_feedback_are_counted(fresh: Flask) -> None:
    client = fresh.test_client()
    cards: list[dict[str, Any]] = [client.post(SERVICE, json=hook(TOO_MANY)).json["cards"][0] for _ in range(3)]
    when = "2026-11-24T10:00:00Z"
    told: list[dict[str, Any]] = [
        {"card": cards[0]["uuid"], "outcome": "accepted",
         "acceptedSuggestions": [{"id": cards[0]["suggestions"][0]["uuid"]}], "outcomeTimestamp": when},
        {"card": cards[1]["uuid"], "outcome": "overridden", "outcomeTimestamp": when,
         "overrideReason": {"reason": {"code": "payer-agreed", "system": "urn:fhir-massage:override"}}},
    ]  # fmt: skip
    assert client.post(f"{SERVICE}/feedback", json={"feedback": told}).status_code == 200
    page = written(fresh).get("/savings").text
    for words in ("$174.00", "$58.00", "The payer has agreed otherwise for this patient", "Medicare Part B"):
        assert words in page
    assert "fired 3 times, overridden 1" in fresh.test_client().get("/rules").text


def test_the_savings_page_in_the_browser(page: Page, pages: FlaskClient, workbench: Flask, screenshot: Keep) -> None:
    for _ in range(4):
        pages.post(SERVICE, json=hook(TOO_MANY))
    workbench.extensions["fhir_massage"].store.close()
    page.goto("/savings")
    expect(page.get_by_role("img", name="Findings by rule, and the part that was accepted")).to_be_visible()
    page.get_by_text("The numbers by rule").click()
    expect(page.get_by_role("region", name="Numbers by rule")).to_contain_text("units-exceed-minutes")
    screenshot(page, "savings-numbers")
