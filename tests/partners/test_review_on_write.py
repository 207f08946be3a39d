"""A real HAPI server with the interceptor of ``examples/hapi``: each claim is reviewed before it is stored."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator

import pytest
import requests
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fhir_massage.settings import Settings
from fhir_massage.web.app import create_app
from tests.claims import resource
from tests.cli.test_hook import Served
from tests.ehr.records import Json
from tests.partners.conftest import Start
from tests.web.test_doors import CORRECT, TOO_MANY

pytestmark = pytest.mark.needs_maven
HEADER = "X-Fhir-Massage"
EXTENSION = "urn:fhir-massage:review"
FHIR = {"Content-Type": "application/fhir+json"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(create_app(Settings(data=tmp_path_factory.mktemp("service"))))
    yield served
    served.stop()


def put(base: str, content: Json, **headers: str) -> requests.Response:
    address = f"{base}/{content['resourceType']}/{content['id']}"
    return requests.put(address, json=content, headers={**FHIR, **headers}, timeout=30)


def fill(base: str) -> None:
    """All that the claims refer to. The payer is told from the coverage, which only the server has."""
    for entry in TOO_MANY["entry"]:
        if entry["resource"]["resourceType"] != "Claim":
            assert put(base, entry["resource"]).status_code in (200, 201)


def the_claim(bundle: Json) -> Json:
    return copy.deepcopy(resource(bundle, "Claim"))


def test_a_claim_that_would_be_denied_is_refused(service: Served, start_hapi: Start) -> None:
    with start_hapi(url=service.address, on_errors="refuse", when_away="refuse", timeout_ms="10000") as base:
        fill(base)
        refused = put(base, the_claim(TOO_MANY))
        assert refused.status_code == 422
        codes = [each["details"]["coding"][0]["code"] for each in refused.json()["issue"]]
        assert codes == ["units-exceed-minutes"]
        assert refused.json()["issue"][0]["expression"] == ["Claim.item[0].quantity"]
        assert requests.get(f"{base}/Claim/c1", timeout=30).status_code == 404
        created = requests.post(f"{base}/Claim", json=the_claim(TOO_MANY), headers=FHIR, timeout=30)
        assert created.status_code == 422
        stored = put(base, the_claim(CORRECT))
        assert (stored.status_code, stored.headers[HEADER]) == (201, "correct")
        assert put(base, the_claim(TOO_MANY)).status_code == 422
        kept = requests.get(f"{base}/Claim/c1", timeout=30).json()
        assert (kept["meta"]["versionId"], len(kept["item"])) == ("1", 1)


def test_a_claim_is_stored_with_a_warning(service: Served, start_hapi: Start) -> None:
    with start_hapi(url=service.address, on_errors="warn", timeout_ms="10000") as base:
        fill(base)
        stored = put(base, the_claim(TOO_MANY))
        assert (stored.status_code, stored.headers[HEADER]) == (201, "errors; units-exceed-minutes")
        assert "extension" not in requests.get(f"{base}/Claim/c1", timeout=30).json()
        told = put(base, the_claim(TOO_MANY), Prefer="return=OperationOutcome")
        assert told.json()["resourceType"] == "OperationOutcome"
        assert "units-exceed-minutes" in told.text


def test_a_claim_is_annotated_until_it_is_corrected(service: Served, start_hapi: Start) -> None:
    with start_hapi(url=service.address, on_errors="annotate", timeout_ms="10000") as base:
        fill(base)
        assert put(base, the_claim(TOO_MANY)).status_code == 201
        kept = requests.get(f"{base}/Claim/c1", timeout=30).json()
        assert kept["extension"] == [
            {
                "url": EXTENSION,
                "extension": [
                    {"url": "severity", "valueCode": "error"},
                    {"url": "rule", "valueCode": "units-exceed-minutes"},
                ],
            }
        ]
        corrected = {**the_claim(CORRECT), "extension": kept["extension"]}
        assert put(base, corrected).status_code == 200
        assert "extension" not in requests.get(f"{base}/Claim/c1", timeout=30).json()


def slow(request: Request) -> Response:
    time.sleep(1.5)
    return Response("{}", content_type="application/fhir+json")


@pytest.mark.parametrize(("when_away", "status"), [("accept", 201), ("refuse", 503)])
def test_while_the_service_is_away_or_slow_the_setting_decides(
    start_hapi: Start, httpserver: HTTPServer, when_away: str, status: int
) -> None:
    httpserver.expect_request("/fhir/Claim/$validate").respond_with_handler(slow)
    url = httpserver.url_for("").rstrip("/")
    with start_hapi(url=url, on_errors="refuse", when_away=when_away, timeout_ms="400") as base:
        began = time.monotonic()
        answer = put(base, the_claim(TOO_MANY))
        assert (answer.status_code, answer.headers[HEADER]) == (status, "not-reviewed")
        assert time.monotonic() - began < 20
        if status == 503:
            assert answer.json()["issue"][0]["code"] == "transient"
        assert put(base, resource(TOO_MANY, "Patient")).status_code == 201  # nothing but claims waits for it
