"""A patient whose name, number, birth date and token are looked for wherever something is written down.

Every door is driven with them, well and badly. They are found in no log, metric, error, header, file of the
store or state of an audit, save where the settings ask for whole messages or for what clinicians wrote.
"""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner
from flask import Flask

from fhir_massage.cli.main import main
from fhir_massage.settings import Settings
from fhir_massage.web.app import create_app
from tests.web.test_doors import SERVICE, TOO_MANY, hook

NAME = "Quillfeather"
GIVEN = "Zephyrine"
NUMBER = "MRN-7719-4402-X"
BORN = "1931-07-19"
ID = "canary-9d41c7"
TOKEN = "ehr-token-5f0c2b9e7a"
COMMENT = f"{GIVEN} {NAME} asked for it"
CANARY = (NAME, GIVEN, NUMBER, BORN, ID, TOKEN)

Json = dict[str, Any]


def bundle() -> Json:
    """A claim with too many units, of the canary."""
    made: Json = json.loads(json.dumps(TOO_MANY).replace("Patient/p1", f"Patient/{ID}"))
    for entry in made["entry"]:
        if entry["resource"]["resourceType"] == "Patient":
            entry["resource"] |= {
                "id": ID,
                "identifier": [{"system": "urn:oid:1.2.3", "value": NUMBER}],
                "name": [{"family": NAME, "given": [GIVEN]}],
                "birthDate": BORN,
            }
            entry["fullUrl"] = f"http://ehr.example.org/fhir/Patient/{ID}"
        if entry["resource"]["resourceType"] == "Coverage":
            entry["resource"]["subscriberId"] = NUMBER
        if entry["resource"]["resourceType"] == "Claim":
            entry["resource"]["text"] = {"status": "generated", "div": f"<div>{GIVEN} {NAME} {BORN}</div>"}
    return made


def request() -> Json:
    made = hook(bundle())
    made["context"]["patientId"] = ID
    made["fhirServer"] = "https://127.0.0.1:1/fhir"  # refused, and the refusal is logged
    made["fhirAuthorization"] = {
        "access_token": TOKEN,
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.read",
        "subject": "ehr",
    }
    return made


def spoiled() -> Iterator[tuple[str, bytes]]:
    """Requests that are refused, each where the canary stands."""
    for key in ("hook", "hookInstance", "context", "prefetch", "fhirServer", "fhirAuthorization"):
        yield SERVICE, json.dumps({**request(), key: f"{NAME} {NUMBER} {TOKEN}"}).encode()
    whole = json.dumps(bundle())
    yield "/fhir/Claim/$validate", whole.replace('"resourceType": "Claim"', f'"resourceType": "{NAME}"').encode()
    yield "/fhir/Claim/$validate", whole.replace('"servicedDate"', NAME).encode()
    yield "/fhir/Claim/$validate", whole.replace(f'"{BORN}"', f'["{BORN}"]').encode()
    yield "/fhir/Claim/$validate", f'{{"id": "{NAME}", "id": "{NUMBER}", "resourceType": "Claim"}}'.encode()
    yield f"{SERVICE}/feedback", json.dumps({"feedback": [{"card": [NAME], "outcome": NUMBER}]}).encode()
    yield f"/cds-services/{NAME}", b"{}"
    yield f"/fhir/{NAME}/$validate", b"{}"


FEEDBACK = {
    "feedback": [
        {
            "card": "4e0a3a1e-3283-4575-ab82-028d55fe2719",
            "outcome": "overridden",
            "overrideReason": {"reason": {"code": "documented"}, "userComment": COMMENT},
            "outcomeTimestamp": "2026-11-10T10:00:00Z",
        }
    ]
}


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """All that is logged, as it is written."""
    out = io.StringIO()
    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    yield out
    structlog.configure(**before)


def drive(app: Flask) -> list[str]:
    """Everything that is told to others than the caller, or to the caller as an error, by every door."""
    client = app.test_client()
    told = []
    reviewed = client.post(SERVICE, json=request())
    assert reviewed.json["cards"]  # it was read: the answer itself may well speak of the claim
    assert client.post(f"{SERVICE}/feedback", json=FEEDBACK).status_code == 200
    assert "units-exceed-minutes" in client.post("/fhir/Claim/$validate", json=bundle()).text
    assert NAME in client.post("/", data={"claim": json.dumps(bundle())}).text  # it shows what was pasted
    for path, body in spoiled():
        answer = client.post(path, data=body, content_type="application/json")
        told.append(f"{answer.headers}")
        if answer.status_code >= 400:
            told.append(answer.text)
    told.append(client.get(f"/answers?code={NAME}&payer={NUMBER}&profession=x").headers["Content-Type"])
    told.append(client.get("/metrics").text)
    told.append(client.get("/readyz").text)
    app.extensions["fhir_massage"].store.close()
    return told


def files(folder: Path) -> bytes:
    return b"\n".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


def test_nothing_of_the_patient_is_written_down(tmp_path: Path, written: io.StringIO) -> None:
    told = drive(create_app(Settings(data=tmp_path)))
    logged = written.getvalue()
    assert '"route": "/cds-services/<id>"' in logged and "not fetched" in logged
    kept = files(tmp_path)
    assert b"units-exceed-minutes" in kept  # the store does hold the call
    for secret in (*CANARY, COMMENT):
        assert secret not in logged
        assert [each for each in told if secret in each] == []
        assert secret.encode() not in kept


def test_the_settings_allow_the_patient_and_never_the_token(tmp_path: Path, written: io.StringIO) -> None:
    drive(create_app(Settings(data=tmp_path, log_patients="everything", log_comments=True)))
    kept = files(tmp_path)
    for allowed in (NAME, NUMBER, BORN, ID, COMMENT):
        assert allowed.encode() in kept
        assert allowed not in written.getvalue()
    assert TOKEN.encode() not in kept


def test_the_command_line_says_what_is_wrong_and_not_whose_it_is(tmp_path: Path) -> None:
    for number, (_, body) in enumerate(spoiled()):
        file = tmp_path / f"{number}.json"
        file.write_bytes(body)
        result = CliRunner().invoke(main, ["check", str(file), "--on", "2026-11-10"])
        for secret in (NAME, GIVEN, NUMBER, BORN, TOKEN):
            assert secret not in result.stderr, number


def test_an_audit_keeps_nothing_but_findings(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    by_kind: dict[str, list[Json]] = {}
    for entry in copy.deepcopy(bundle())["entry"]:
        by_kind.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"])
    for kind, resources in by_kind.items():
        (source / f"{kind}.ndjson").write_text("".join(json.dumps(each) + "\n" for each in resources))
    (source / "Broken.ndjson").write_text(f'{{"resourceType": "Patient", "name": "{NAME}", "birthDate": 3}}\n{NAME}\n')
    result = CliRunner().invoke(main, ["audit", str(source), "--out", str(out)])
    assert result.exit_code in (0, 1), result.output
    kept = files(out)
    assert b"units-exceed-minutes" in kept
    for secret in (NAME, GIVEN, NUMBER, BORN):
        assert secret.encode() not in kept
        assert secret not in result.output
