"""One shape of error over all doors, and a page where a person looks."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient

from fhir_massage.settings import BadSetting, Settings
from fhir_massage.web.app import create_app
from tests.web.test_doors import SERVICE, TOO_MANY, hook

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
DOORS = ("/cds-services/x", "/fhir/Claim/nothing", "/answers", "/nowhere")


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("headers", [{}, {"Accept": "*/*"}, {"Accept": "application/json"}])
def test_a_program_gets_an_outcome(client: FlaskClient, path: str, headers: dict[str, str]) -> None:
    answer = client.get(path, headers=headers)
    assert answer.status_code >= 400
    assert answer.mimetype == "application/fhir+json"
    (issue,) = answer.json["issue"]
    assert issue["severity"] == "error"
    assert issue["details"]["text"]


def test_a_person_gets_a_page_and_a_door_stays_a_door(client: FlaskClient) -> None:
    page = client.get("/nowhere", headers=BROWSER)
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "There is nothing at this address" in page.text
    assert client.get("/cds-services/x", headers=BROWSER).mimetype == "application/fhir+json"


def test_a_paste_that_is_too_large_gets_a_page(app: Flask, client: FlaskClient) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 100
    page = client.post("/", data={"claim": "x" * 200}, headers=BROWSER)
    assert (page.status_code, page.mimetype) == (413, "text/html")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("get", "/nowhere", 404, "not-found"),
        ("delete", SERVICE, 405, "not-supported"),
        ("post", "/fhir/Claim/$validate", 400, "structure"),
    ],
)
def test_the_issue_has_fhirs_code(client: FlaskClient, method: str, path: str, status: int, code: str) -> None:
    answer = getattr(client, method)(path)
    assert (answer.status_code, answer.json["issue"][0]["code"]) == (status, code)
    if status == 405:
        assert "POST" in answer.headers["Allow"]


def test_a_fault_of_ours_says_nothing_of_the_claim(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("Pat Example, born 1957-03-08")

    monkeypatch.setattr("fhir_massage.web.cds.review_arrival", fail)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    with structlog.testing.capture_logs() as logged:
        answer = app.test_client().post(SERVICE, json=hook(TOO_MANY), headers={"X-Request-Id": "r-1"})
    assert answer.status_code == 500
    assert answer.json["issue"][0]["code"] == "exception"
    assert "r-1" in answer.text
    assert "Pat" not in answer.text + str(logged)
    assert {"error": "ValueError", "request_id": "r-1"}.items() <= logged[0].items()


def test_the_log_names_requests_and_repeats_nothing_of_them(client: FlaskClient) -> None:
    with structlog.testing.capture_logs() as logged:
        client.post("/fhir/Claim/$validate", json=TOO_MANY, headers={"X-Request-Id": "r-2"})
        client.get("/answers?code=Secret&payer=x&profession=y")
    first, second = logged
    assert (first["request_id"], first["route"], first["status"]) == ("r-2", "/fhir/<kind>/$validate", 200)
    assert second["route"] == "/answers"
    assert "Secret" not in str(logged)
    assert "Example" not in str(logged)


@pytest.mark.parametrize("given", ["", "x" * 65, "a\tb", "ü"])
def test_an_odd_request_id_is_replaced(client: FlaskClient, given: str) -> None:
    answer = client.get("/healthz", headers={"X-Request-Id": given})
    assert len(answer.headers["X-Request-Id"]) == 36


def test_a_store_that_fails_fails_no_answer(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    store = app.extensions["fhir_massage"].store
    (tmp_path / "fhir_massage.sqlite").write_bytes(b"this is no database" * 100)
    assert client.post(SERVICE, json=hook(TOO_MANY)).json["cards"]
    store.close()
    assert store.lost == 3  # the call, its card and its finding
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json["checks"]) == (503, {"facts": True, "store": False, "staying": True})


def test_it_starts_without_its_store_and_refuses_an_address_of_none(tmp_path: Path) -> None:
    late = create_app(Settings(data=tmp_path, database=f"sqlite:///{tmp_path}/nowhere/s.sqlite"))
    assert late.test_client().get("/readyz").status_code == 503
    with pytest.raises(BadSetting, match="FHIR_MASSAGE_DATABASE"):
        create_app(Settings(data=tmp_path, database="oracle+cx_oracle://db/log"))
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSetting, match="FHIR_MASSAGE_DATA"):
        create_app(Settings(data=tmp_path / "file"))


@pytest.fixture
def shared_with(tmp_path: Path) -> Any:
    made = create_app(Settings(data=tmp_path, cors_origins=["https://ehr.example.org"]))
    return made.test_client()


def test_a_listed_origin_may_call_and_another_may_not(shared_with: FlaskClient, client: FlaskClient) -> None:
    listed = {"Origin": "https://ehr.example.org", "Access-Control-Request-Method": "POST"}
    asked = shared_with.options(SERVICE, headers=listed)
    assert asked.headers["Access-Control-Allow-Origin"] == "https://ehr.example.org"
    assert "Content-Type" in asked.headers["Access-Control-Allow-Headers"]
    assert shared_with.get("/nowhere", headers=listed).headers["Access-Control-Allow-Origin"] == listed["Origin"]
    other = shared_with.get("/cds-services", headers={"Origin": "https://evil.example.org"})
    assert "Access-Control-Allow-Origin" not in other.headers
    assert "Access-Control-Allow-Origin" not in client.get("/cds-services", headers=listed).headers


def test_a_structure_that_is_not_fhirs_is_told_beside_the_findings(client: FlaskClient) -> None:
    content = {**TOO_MANY, "entry": [{**e, "resource": {**e["resource"]}} for e in TOO_MANY["entry"]]}
    del content["entry"][0]["resource"]["priority"]
    issues = client.post("/fhir/Claim/$validate", json=content).json["issue"]
    assert "units-exceed-minutes" in str(issues)
    (missing,) = (issue for issue in issues if issue["code"] == "structure")
    assert missing["expression"] == ["Bundle.entry[0].resource.priority"]
    assert missing["severity"] == "error"


logging.getLogger("werkzeug").setLevel(logging.ERROR)
