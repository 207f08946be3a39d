"""The whole way with a real HAPI FHIR server: the service fetches from it, and the command line changes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner, Result

from fhir_massage.cli import main
from fhir_massage.settings import Settings
from fhir_massage.web.app import create_app
from tests.claims import concept, resource
from tests.cli.test_hook import Served
from tests.web.test_doors import TOO_MANY
from tests.web.test_fetching import ORDER

pytestmark = pytest.mark.needs_maven


@pytest.fixture
def record(hapi: str) -> str:
    """The patient's record in HAPI: put there anew for each test, the patient's conditions on several pages."""
    conditions = [
        {
            "resourceType": "Condition",
            "id": f"cond{number}",
            "clinicalStatus": concept("active", "http://terminology.hl7.org/CodeSystem/condition-clinical"),
            "code": concept("M54.2", "http://hl7.org/fhir/sid/icd-10-cm"),
            "subject": {"reference": "Patient/p1"},
        }
        for number in range(5)
    ]
    order = {**ORDER, "requester": {"reference": "Practitioner/therapist"}}
    for each in (*(entry["resource"] for entry in TOO_MANY["entry"]), *conditions, order):
        address = f"{hapi}/{each['resourceType']}/{each['id']}"
        answer = requests.put(address, json=each, headers={"Content-Type": "application/fhir+json"}, timeout=30)
        assert answer.status_code in (200, 201), answer.text
    return hapi


@pytest.fixture
def service(record: str, tmp_path: Path) -> Iterator[Served]:
    served = Served(create_app(Settings(data=tmp_path / "var", fhir_servers=[record], hook_seconds=20)))
    yield served
    served.stop()


def be_the_ehr(service: Served, record: str, *words: str) -> Result:
    arguments = ["hook", service.address, "--fhir-server", record, "--patient", "p1", *words]
    return CliRunner().invoke(main, arguments, env={"COLUMNS": "100"})


@pytest.mark.conforms("found-5")
def test_a_hook_call_without_prefetch_is_answered_from_hapi(service: Served, record: str) -> None:
    answer = requests.post(
        f"{service.address}/cds-services/fhir-massage-order-sign",
        json={
            "hook": "order-sign",
            "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
            "fhirServer": record,
            "context": {
                "userId": "Practitioner/therapist",
                "patientId": "p1",
                "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": resource(TOO_MANY, "Claim")}]},
            },
        },
        timeout=60,
    )
    assert answer.status_code == 200
    (card,) = answer.json()["cards"]
    assert card["extension"]["fhir-massage.finding"]["rule"] == "units-exceed-minutes"


def test_the_prefetch_is_taken_from_hapi_page_by_page(service: Served, record: str) -> None:
    words = ("--hook", "order-sign", "--order", "ServiceRequest/s1", "--format", "json")
    result = be_the_ehr(service, record, *words)
    assert result.exit_code == 0, result.output
    prefetch = json.loads(result.stdout)["request"]["prefetch"]
    assert len(prefetch["conditions"]["entry"]) == 5
    assert len(prefetch["coverage"]["entry"]) == 1


def test_accepting_a_suggestion_changes_the_claim_in_hapi(service: Served, record: str) -> None:
    words = ("--hook", "order-sign", "--claim", "Claim/c1")
    assert be_the_ehr(service, record, *words, "--accept", "1").exit_code == 0
    assert requests.get(f"{record}/Claim/c1", timeout=30).json()["item"][0]["quantity"]["value"] == 3
    written = be_the_ehr(service, record, *words, "--accept", "1", "--write")
    assert written.exit_code == 0, written.output
    kept = requests.get(f"{record}/Claim/c1", timeout=30).json()
    assert kept["item"][0]["quantity"]["value"] == 2
    assert int(kept["meta"]["versionId"]) >= 2
    assert "No cards" in be_the_ehr(service, record, *words).stdout


def test_accepting_a_suggestion_changes_the_order_in_hapi(service: Served, record: str) -> None:
    words = ("--hook", "order-sign", "--order", "ServiceRequest/s1", "--format", "json")
    before = requests.get(f"{record}/ServiceRequest/s1", timeout=30).json()
    written = be_the_ehr(service, record, *words, "--accept", "1", "--write")
    assert written.exit_code == 0, written.output
    after = requests.get(f"{record}/ServiceRequest/s1", timeout=30).json()
    assert {key: value for key, value in after.items() if key != "meta"} != {
        key: value for key, value in before.items() if key != "meta"
    }


def test_a_claim_is_checked_where_it_lies(record: str) -> None:
    words = ["check", "Claim/c1", "--fhir-server", record, "--on", "2026-11-10", "--format", "json"]
    result = CliRunner().invoke(main, words)
    assert [each["rule"] for each in json.loads(result.stdout)["findings"]] == ["units-exceed-minutes"]
