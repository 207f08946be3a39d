"""How much one client may ask for, and the headers that every answer bears."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fhir_massage.settings import Settings
from fhir_massage.web.app import SECURITY_HEADERS, create_app
from fhir_massage.web.limit import RateLimit
from tests.web.test_doors import CORRECT, SERVICE, hook

NOON = 1_800_000_000.0  # the start of a minute


def limited(tmp_path: Path, most: int, proxies: int = 0) -> FlaskClient:
    return create_app(Settings(data=tmp_path, rate_limit=most, proxies=proxies)).test_client()


def test_more_than_the_limit_is_refused_with_the_time_to_wait(tmp_path: Path) -> None:
    client = limited(tmp_path, 3)
    client.application.extensions["fhir_massage"].limit._clock = lambda: NOON + 20
    assert [client.post(SERVICE, json=hook(CORRECT)).status_code for _ in range(3)] == [200] * 3
    refused = client.post(SERVICE, json=hook(CORRECT))
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "40")
    assert refused.mimetype == "application/fhir+json"
    assert refused.json["issue"][0]["code"] == "throttled"


@pytest.mark.parametrize("path", ["/", "/cds-services", "/fhir/metadata", "/answers", "/openapi.json", "/nowhere"])
def test_every_door_counts_but_those_of_the_operator(tmp_path: Path, path: str) -> None:
    client = limited(tmp_path, 1)
    client.application.extensions["fhir_massage"].limit._clock = lambda: NOON
    client.get(path)
    assert client.get(path).status_code == 429
    for open_door in ("/healthz", "/readyz", "/metrics"):
        assert client.get(open_door).status_code == 200


def test_a_new_minute_is_a_new_start_and_each_client_has_its_own() -> None:
    now = [NOON]
    limit = RateLimit(2, lambda: now[0])
    assert [limit.wait("a") for _ in range(3)] == [0, 0, 60]
    assert limit.wait("b") == 0
    now[0] += 59.5
    assert limit.wait("a") == 1
    now[0] += 0.5
    assert [limit.wait("a") for _ in range(3)] == [0, 0, 60]


def asked_from(client: FlaskClient, address: str, forwarded: str = "") -> int:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    return client.get("/cds-services", environ_base={"REMOTE_ADDR": address}, headers=headers).status_code


def test_whom_a_proxy_speaks_for_is_believed_only_of_ones_own_proxies(tmp_path: Path) -> None:
    without = limited(tmp_path, 1)
    without.application.extensions["fhir_massage"].limit._clock = lambda: NOON
    assert [asked_from(without, "192.0.2.1", f"198.51.100.{n}") for n in range(3)] == [200, 429, 429]
    behind = limited(tmp_path, 1, proxies=1)
    behind.application.extensions["fhir_massage"].limit._clock = lambda: NOON
    assert [asked_from(behind, "192.0.2.1", f"198.51.100.{n}") for n in range(3)] == [200, 200, 200]
    # What the client itself put before the proxy's entry counts for nothing.
    assert asked_from(behind, "192.0.2.1", "203.0.113.9, 198.51.100.0") == 429


def test_of_ipv6_a_whole_network_is_one_client(tmp_path: Path) -> None:
    client = limited(tmp_path, 1)
    client.application.extensions["fhir_massage"].limit._clock = lambda: NOON
    assert [asked_from(client, f"2001:db8::{n}") for n in (1, 2)] == [200, 429]
    assert asked_from(client, "2001:db8:0:1::1") == 200


@pytest.mark.parametrize(
    "path", ["/", "/cds-services", "/nowhere", "/static/workbench.css", "/metrics", "/cds-services/x"]
)
def test_every_answer_bears_the_headers(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert set(SECURITY_HEADERS) <= set(answer.headers.keys())
    assert "Strict-Transport-Security" not in answer.headers


def test_a_fault_of_ours_bears_them_too(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhir_massage.web.cds.discovery", lambda: 1 / 0)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = app.test_client().get("/cds-services")
    assert answer.status_code == 500
    assert set(SECURITY_HEADERS) <= set(answer.headers.keys())


def test_browsers_are_held_to_tls_where_the_call_came_by_it(tmp_path: Path) -> None:
    client = limited(tmp_path, 0, proxies=1)
    answer = client.get("/cds-services", headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"})
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
