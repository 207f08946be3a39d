"""The doors of the hooks where clients must prove themselves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from fhir_massage.settings import BadSetting, Settings
from fhir_massage.web.app import create_app
from tests.hooks.tokens import ISSUER, Client, key_set
from tests.web.test_doors import CORRECT, SERVICE, hook

BASE = "https://cds.example.org"
FEEDBACK = f"{SERVICE}/feedback"
EHR = Client()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    keys = tmp_path / "keys.json"
    keys.write_bytes(key_set(EHR))
    return Settings(
        data=tmp_path,
        auth="required",
        issuers={ISSUER: str(keys)},
        audience=f"{BASE}/",
        cors_origins=["https://page.example.org"],
    )


@pytest.fixture
def client(settings: Settings) -> Iterator[FlaskClient]:
    app = create_app(settings)
    yield app.test_client()
    app.extensions["fhir_massage"].store.close()


def bearing(path: str, **changed: object) -> dict[str, str]:
    return {"Authorization": f"Bearer {EHR.token(time.time(), **{'aud': BASE + path, **changed})}"}


@pytest.mark.conforms("hooks-63", "hooks-64", "hooks-74")
def test_a_client_that_proves_itself_is_answered(client: FlaskClient) -> None:
    assert client.post(SERVICE, json=hook(CORRECT), headers=bearing(SERVICE)).status_code == 200


@pytest.mark.conforms("hooks-63", "hooks-33", "hook-10")
@pytest.mark.parametrize("path", [SERVICE, FEEDBACK, "/cds-services/no-such-service", f"{SERVICE}/no/such/thing"])
def test_any_other_is_not_and_learns_nothing(client: FlaskClient, path: str) -> None:
    answers = []
    for headers in ({}, bearing("/cds-services/other"), bearing(path, iss="https://evil.example.org")):
        with capture_logs() as logged:
            answer = client.post(path, json=hook(CORRECT), headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.json["issue"][0]["code"] == "login"
        answers.append(answer.text)
        (reason,) = [each["reason"] for each in logged if each["event"] == "not trusted"]
        assert reason not in answer.text
        assert headers.get("Authorization", "Bearer no such token")[7:] not in str(logged)
    assert len(set(answers)) == 1


def test_a_token_is_good_for_one_call(client: FlaskClient) -> None:
    headers = bearing(SERVICE)
    assert client.post(SERVICE, json=hook(CORRECT), headers=headers).status_code == 200
    assert client.post(SERVICE, json=hook(CORRECT), headers=headers).status_code == 401


def test_two_applications_on_one_store_know_each_others_tokens(client: FlaskClient, settings: Settings) -> None:
    other = create_app(settings)
    headers = bearing(SERVICE)
    assert client.post(SERVICE, json=hook(CORRECT), headers=headers).status_code == 200
    assert other.test_client().post(SERVICE, json=hook(CORRECT), headers=headers).status_code == 401
    other.extensions["fhir_massage"].store.close()


@pytest.mark.parametrize("audience", [SERVICE, FEEDBACK], ids=["the service", "feedback itself"])
def test_feedback_is_meant_for_the_service_or_for_itself(client: FlaskClient, audience: str) -> None:
    answer = client.post(FEEDBACK, json={"feedback": []}, headers=bearing(audience))
    assert answer.status_code != 401


def test_a_feedback_token_opens_no_hook(client: FlaskClient) -> None:
    assert client.post(SERVICE, json=hook(CORRECT), headers=bearing(FEEDBACK)).status_code == 401


@pytest.mark.conforms("hooks-8")
def test_the_other_doors_stay_open(client: FlaskClient) -> None:
    assert client.get("/cds-services").status_code == 200
    assert client.get("/cds-services", headers={"Authorization": "Bearer whatever"}).status_code == 200
    assert client.get("/healthz").status_code == 200
    assert client.post("/fhir/Claim/$validate", json=CORRECT).status_code == 200


def test_a_page_of_a_listed_origin_may_ask_and_reads_refusals(client: FlaskClient) -> None:
    origin = {"Origin": "https://page.example.org"}
    asked = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    may = client.options(SERVICE, headers=asked)
    assert may.status_code == 200
    assert may.headers["Access-Control-Allow-Origin"] == "https://page.example.org"
    assert "authorization" in may.headers["Access-Control-Allow-Headers"].lower()
    assert "POST" in may.headers["Access-Control-Allow-Methods"]
    refused = client.post(SERVICE, json=hook(CORRECT), headers=origin)
    assert refused.status_code == 401
    assert refused.headers["Access-Control-Allow-Origin"] == "https://page.example.org"
    other = client.options(SERVICE, headers={**asked, "Origin": "https://evil.example.org"})
    assert "Access-Control-Allow-Origin" not in other.headers


@pytest.mark.parametrize("lacking", ["issuers", "audience"])
def test_it_does_not_start_where_nobody_could_prove_themselves(settings: Settings, lacking: str) -> None:
    changed = settings.model_copy(update={lacking: {} if lacking == "issuers" else None})
    with pytest.raises(BadSetting, match=f"FHIR_MASSAGE_{lacking.upper()}"):
        create_app(changed)


def test_it_does_not_start_with_a_key_file_that_is_not_there(settings: Settings) -> None:
    with pytest.raises(BadSetting, match=r"^FHIR_MASSAGE_ISSUERS: .*No such file"):
        create_app(settings.model_copy(update={"issuers": {ISSUER: "/no/such/keys.json"}}))
