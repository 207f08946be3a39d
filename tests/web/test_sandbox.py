"""A page of another origin, in real Chromium, calling as the open CDS Hooks sandbox does.

The sandbox (cds-hooks/sandbox) is not published as a package, so the page makes its calls instead, one by
one: discovery with a JWT that it was not asked for, the hook with an ES384 JWT for its address, and
feedback. Each is made by the browser, which asks first whether it may (CORS). The prefetch is left to the
service, as the sandbox leaves what its FHIR server did not give.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page
from pytest_httpserver import HTTPServer

from fhir_massage.settings import Settings
from fhir_massage.web.app import create_app
from tests.claims import resource
from tests.ehr.records import Record
from tests.hooks.tokens import ISSUER, Client, key_set
from tests.web.served import served
from tests.web.test_doors import TOO_MANY

SERVICE = "/cds-services/fhir-massage-order-sign"
SANDBOX = Client("ES384", kid="44823f3d-0b01-4a6c-a80e-b9d3e8a7226f")
CALL = """async ({method, url, token, body}) => {
  try {
    const answer = await fetch(url, {
      method,
      headers: {Accept: "application/json", Authorization: `Bearer ${token}`,
                ...(body ? {"Content-Type": "application/json"} : {})},
      body: body ? JSON.stringify(body) : undefined,
    });
    const text = await answer.text();
    return {status: answer.status, body: text ? JSON.parse(text) : null};
  } catch (error) {
    return {status: 0, body: String(error)};
  }
}"""


@pytest.fixture
def sandbox() -> Iterator[str]:
    """The origin of the sandbox's page."""
    page = Flask("sandbox")
    page.add_url_rule("/", view_func=lambda: "<!doctype html><title>Sandbox</title>")
    yield from served(page)


@pytest.fixture
def record(httpserver: HTTPServer) -> Record:
    return Record(httpserver, [entry["resource"] for entry in TOO_MANY["entry"]])


@pytest.fixture(params=["listed", "not listed"])
def listed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "listed")


@pytest.fixture
def service(sandbox: str, record: Record, tmp_path: Path, listed: bool) -> Iterator[str]:
    """The service, which trusts the sandbox's key and, where listed, its origin."""
    (tmp_path / "keys.json").write_bytes(key_set(SANDBOX))
    settings = Settings(
        data=tmp_path,
        auth="required",
        issuers={ISSUER: str(tmp_path / "keys.json")},
        audience="http://not-known-yet",
        cors_origins=[sandbox] if listed else ["https://other.example.org"],
        fhir_servers=[record.base],
    )
    app = create_app(settings)
    shared = app.extensions["fhir_massage"]
    for address in served(app):
        shared.settings = settings.model_copy(update={"audience": address})
        yield address
    shared.store.close()


@pytest.fixture
def page(sandbox: str, browser: Browser) -> Iterator[Page]:
    opened = browser.new_page()
    opened.goto(sandbox)
    yield opened
    opened.close()


def call(page: Page, method: str, address: str, body: Any = None) -> Any:
    """What the page's own call gives: status nought where the browser does not let it."""
    token = SANDBOX.token(time.time(), aud=address)
    return page.evaluate(CALL, {"method": method, "url": address, "token": token, "body": body})


def test_the_sandbox_discovers_calls_and_sends_feedback(page: Page, service: str, record: Record, listed: bool) -> None:
    discovered = call(page, "GET", f"{service}/cds-services")
    if not listed:
        assert discovered["status"] == 0
        assert call(page, "POST", service + SERVICE, {})["status"] == 0
        return
    offered = {each["hook"]: each for each in discovered["body"]["services"]}
    assert offered["order-sign"]["id"] == SERVICE.rsplit("/", 1)[1]
    request = {
        "hook": "order-sign",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "fhirServer": record.base,
        "context": {
            "patientId": "p1",
            "userId": "Practitioner/COREPRACTITIONER1",
            "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": resource(TOO_MANY, "Claim")}]},
        },
    }
    answered = call(page, "POST", service + SERVICE, request)
    assert answered["status"] == 200, answered
    (card,) = answered["body"]["cards"]
    assert card["suggestions"][0]["actions"][0]["resource"]["item"][0]["quantity"]["value"] == 2
    accepted = {
        "card": card["uuid"],
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": card["suggestions"][0]["uuid"]}],
        "outcomeTimestamp": "2026-11-10T12:00:00Z",
    }
    told = call(page, "POST", f"{service}{SERVICE}/feedback", {"feedback": [accepted]})
    assert told["status"] == 200, told


@pytest.mark.parametrize("listed", [True], ids=["listed"], indirect=False)
def test_a_refusal_can_be_read_by_the_page(page: Page, service: str, listed: bool) -> None:
    refused = page.evaluate(
        CALL, {"method": "POST", "url": service + SERVICE, "token": "nonsense", "body": {"hook": "order-sign"}}
    )
    assert refused["status"] == 401
    assert refused["body"]["resourceType"] == "OperationOutcome"
