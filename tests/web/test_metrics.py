"""What is counted answers an operator's and a manager's questions, and holds nothing that a caller chose."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer

from fhir_massage.facts.age import last_checked, quarter_of, quarters_between
from fhir_massage.settings import Settings
from fhir_massage.web.app import create_app
from tests.ehr.records import Record, fhir
from tests.web.test_doors import CORRECT, SERVICE, TOO_MANY, hook


def told(client: FlaskClient) -> dict[str, float]:
    """Every series and its value."""
    lines = client.get("/metrics").text.splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def test_requests_are_counted_by_route_and_status(client: FlaskClient) -> None:
    client.post(SERVICE, json=hook(CORRECT))
    client.get("/nowhere/Pat-Example")
    client.open("/cds-services", method="PATIENT")
    found = told(client)
    assert found['fhir_massage_requests_total{method="POST",route="/cds-services/<id>",status="200"}'] == 1
    assert found['fhir_massage_requests_total{method="GET",route="none",status="404"}'] == 1
    assert found['fhir_massage_requests_total{method="other",route="none",status="405"}'] == 1
    assert "Pat" not in str(found)


def test_findings_money_cards_and_feedback_are_counted(client: FlaskClient) -> None:
    (card,) = client.post(SERVICE, json=hook(TOO_MANY)).json["cards"]
    at_risk = float(card["extension"]["fhir-massage.finding"]["at_risk"]["value"])
    accepted = {
        "card": card["uuid"],
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": card["suggestions"][0]["uuid"]}],
        "outcomeTimestamp": "2026-11-24T10:00:00Z",
    }
    overridden = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": "2026-11-24T10:00:00Z"}
    assert client.post(f"{SERVICE}/feedback", json={"feedback": [accepted, overridden]}).status_code == 200
    found = told(client)
    service = 'service="fhir-massage-order-sign"'
    rule = 'rule="units-exceed-minutes"'
    assert found['fhir_massage_reviewed_total{kind="claim"}'] == 1
    assert found[f'fhir_massage_findings_total{{{rule},severity="error"}}'] == 1
    assert found[f"fhir_massage_at_risk_dollars_total{{{rule}}}"] == at_risk > 0
    assert sum(value for name, value in found.items() if name.startswith("fhir_massage_cards_total")) == 1
    assert found[f'fhir_massage_feedback_total{{outcome="accepted",{service}}}'] == 1
    assert found[f'fhir_massage_feedback_total{{outcome="overridden",{service}}}'] == 1
    assert found[f"fhir_massage_suggestions_accepted_total{{{service}}}"] == 1
    assert found[f"fhir_massage_hook_seconds_count{{{service}}}"] == 1


def test_records_that_are_lost_are_counted_and_none_is_left_waiting(app: Flask, tmp_path: Path) -> None:
    client = app.test_client()
    (tmp_path / "fhir_massage.sqlite").write_bytes(b"this is no database" * 100)
    client.post(SERVICE, json=hook(TOO_MANY))
    app.extensions["fhir_massage"].store.close()
    found = told(client)
    assert found["fhir_massage_store_lost_total"] == 3  # the call, its card and its finding
    assert found["fhir_massage_store_queue"] == 0


def test_the_age_of_the_facts_and_the_version_are_told(app: Flask) -> None:
    found = told(app.test_client())
    facts, today = app.extensions["fhir_massage"].facts, date.today()

    def moment(day: date | None) -> float:
        assert day is not None
        return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()

    assert found['fhir_massage_facts_quarter_seconds{table="mue"}'] == moment(quarter_of(facts, "mue", today))
    quarter = quarter_of(facts, "ptp_pairs", today)
    assert quarter is not None
    assert found['fhir_massage_facts_age_quarters{table="ptp_pairs"}'] == quarters_between(quarter, today) > 0
    checked = moment(last_checked(facts.rows_of("fees"), today))
    assert found['fhir_massage_facts_checked_seconds{table="fees"}'] == checked
    assert found["fhir_massage_facts_loaded_seconds"] > checked
    assert [value for name, value in found.items() if name.startswith("fhir_massage_build_info{")] == [1]


def test_the_age_of_the_facts_grows_while_the_service_runs(app: Flask) -> None:
    metrics, client = app.extensions["fhir_massage"].metrics, app.test_client()
    before = told(client)['fhir_massage_facts_age_quarters{table="mue"}']
    metrics._quarters["mue"] = date(2000, 1, 1)
    assert told(client)['fhir_massage_facts_age_quarters{table="mue"}'] > before


def test_fetching_is_counted_with_why_it_failed_and_names_the_call_to_the_ehr(
    tmp_path: Path, httpserver: HTTPServer
) -> None:
    record = Record(httpserver, [each["resource"] for each in TOO_MANY["entry"]])
    record.instead["Practitioner/therapist"] = fhir({}, 500)
    client = create_app(Settings(data=tmp_path, fhir_servers=[record.base])).test_client()
    request = {**hook(CORRECT), "fhirServer": record.base}
    del request["prefetch"]
    client.post(SERVICE, json=request, headers={"X-Request-Id": "ehr-4711"})
    found = told(client)
    assert found["fhir_massage_ehr_seconds_count"] == 1
    assert found['fhir_massage_ehr_failures_total{why="NotFetched"}'] == 1
    assert {asked.headers["X-Request-Id"] for asked, _ in httpserver.log} == {"ehr-4711"}


def test_a_count_that_fails_fails_no_answer(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prometheus_client.Counter.labels", lambda *_: 1 / 0)
    answer = client.post(SERVICE, json=hook(TOO_MANY))
    assert answer.status_code == 200
    assert answer.json["cards"]
