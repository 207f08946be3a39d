"""An interchange in the workbench: pasted, and as a file."""

from __future__ import annotations

import io

from flask.testing import FlaskClient

from tests.web.conftest import app, client
from tests.x12.test_reading import TEXT

__all__ = ["app", "client"]
FOUND = 'data-rule="therapy-modifier-missing"'


def test_a_pasted_interchange_is_reviewed(client: FlaskClient) -> None:
    answer = client.post("/", data={"claim": TEXT, "on": "2026-11-10"})
    assert answer.status_code == 200 and FOUND in answer.text


def test_a_file_is_reviewed(client: FlaskClient) -> None:
    file = (io.BytesIO(TEXT.encode()), "claims.837")
    answer = client.post("/", data={"file": file, "on": "2026-11-10"}, content_type="multipart/form-data")
    assert answer.status_code == 200 and FOUND in answer.text


def test_every_certain_correction_is_taken_away_as_fhir(client: FlaskClient) -> None:
    answer = client.post("/corrected", data={"claim": TEXT, "on": "2026-11-10"})
    item = next(e["resource"] for e in answer.json["entry"] if e["resource"]["resourceType"] == "Claim")["item"][0]
    assert item["modifier"] == [{"coding": [{"code": "GP"}]}]


def test_what_cannot_be_read_is_told(client: FlaskClient) -> None:
    answer = client.post("/", data={"claim": TEXT.replace("005010X222A1", "004010X098A1")})
    assert answer.status_code == 400 and "004010X098A1" in answer.text
