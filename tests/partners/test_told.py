"""A real HAPI server and the receiver of notifications: the claim is fetched, reviewed, and a Task written beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from fhir_massage.settings import Settings
from fhir_massage.web.app import create_app
from tests.cli.test_hook import Served
from tests.partners.conftest import Start
from tests.partners.test_review_on_write import fill, put, the_claim
from tests.web.test_doors import CORRECT, TOO_MANY
from tests.web.test_subscriptions import ADDRESS, SECRET, TOLD, worked_off

pytestmark = pytest.mark.needs_maven


@pytest.fixture
def base(start_hapi: Start) -> Iterator[str]:
    with start_hapi() as address:
        fill(address)
        yield address


@pytest.fixture
def service(base: str, tmp_path: Path) -> Iterator[Served]:
    secret: Any = SECRET
    served = Served(create_app(Settings(data=tmp_path, subscription_server=base, subscription_secret=secret)))
    yield served
    served.app.extensions["fhir_massage"].reviewer.close()
    served.stop()


def tasks(base: str) -> list[tuple[str, str]]:
    found = requests.get(f"{base}/Task?focus=Claim/c1", timeout=30).json().get("entry", [])
    return sorted((each["resource"]["identifier"][0]["value"], each["resource"]["status"]) for each in found)


def test_from_the_claim_to_its_task_and_to_its_end(base: str, service: Served) -> None:
    assert put(base, the_claim(TOO_MANY)).status_code == 201
    for told in (
        requests.put(f"{service.address}{ADDRESS}/Claim/c1", json=the_claim(TOO_MANY), headers=TOLD, timeout=30),
        requests.post(f"{service.address}{ADDRESS}", headers=TOLD, timeout=30),  # without payload: it looks itself
    ):
        assert told.status_code == 202
        worked_off(service.app)
        assert tasks(base) == [("Claim/c1/_history/1", "requested")]
    assert put(base, the_claim(CORRECT)).status_code == 200
    requests.post(f"{service.address}{ADDRESS}", headers=TOLD, timeout=30)
    worked_off(service.app)
    assert tasks(base) == [("Claim/c1/_history/1", "completed")]
