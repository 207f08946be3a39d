"""Being the EHR on the command line: against our own service and any other, and a FHIR server, over real HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from pytest_httpserver import HTTPServer
from sqlalchemy import create_engine, text
from structlog.testing import capture_logs
from werkzeug.serving import make_server

from fhir_massage.cli import main
from fhir_massage.settings import Settings
from fhir_massage.web.app import create_app
from tests.claims import resource
from tests.ehr.records import Json, Record, fhir
from tests.hooks.tokens import ISSUER, Client, key_set
from tests.web.test_doors import CORRECT, TOO_MANY

SERVICE = "fhir-massage-order-sign"
EHR = Client()


@pytest.fixture
def record(httpserver: HTTPServer) -> Record:
    return Record(httpserver, [entry["resource"] for entry in TOO_MANY["entry"]])


class Served:
    """The application on a port of its own, its log kept out of what the command prints."""

    def __init__(self, app: Flask) -> None:
        self._log = capture_logs()
        self._log.__enter__()
        self.app = app
        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._log.__exit__(None, None, None)
        self._thread.join()
        self.app.extensions["fhir_massage"].store.close()


@pytest.fixture
def service(record: Record, tmp_path: Path) -> Iterator[Served]:
    served = Served(create_app(Settings(data=tmp_path / "var", fhir_servers=[record.base])))
    yield served
    served.stop()


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words), env={"COLUMNS": "100"})


def be_the_ehr(service: str, record: Record, *words: str) -> Result:
    return run("hook", service, "--fhir-server", record.base, "--patient", "p1", *words)


def test_the_cards_are_shown_with_their_suggestions_numbered(service: Served, record: Record) -> None:
    result = be_the_ehr(service.address, record, "--service", SERVICE, "--claim", "Claim/c1")
    assert result.exit_code == 0, result.output
    assert "Medicare Part B" in result.stdout
    assert "[1] Bill 2 units (recommended)" in result.stdout
    assert "Coverage?patient=p1&status=active" in record.asked


def test_a_correct_claim_gets_no_card(service: Served, record: Record) -> None:
    record.resources["Claim/c1"] = resource(CORRECT, "Claim")
    result = be_the_ehr(service.address, record, "--hook", "order-sign", "--claim", "Claim/c1")
    assert result.stdout.strip() == "No cards: the service has nothing to say."


@pytest.mark.parametrize("address", ["", "/", "/cds-services", "/cds-services/"])
def test_the_service_may_be_named_by_its_base_or_its_discovery(service: Served, record: Record, address: str) -> None:
    result = be_the_ehr(service.address + address, record, "--hook", "order-sign", "--claim", "Claim/c1")
    assert result.exit_code == 0


def test_accepting_changes_nothing_unless_told_to_write(service: Served, record: Record) -> None:
    result = be_the_ehr(service.address, record, "--service", SERVICE, "--claim", "Claim/c1", "--accept", "1")
    assert result.exit_code == 0
    assert f"PUT {record.base}/Claim/c1" in result.stderr
    assert "--write changes it" in result.stderr
    assert record.put == []


@pytest.mark.conforms("hooks-34", "hooks-61")
def test_accepting_writes_the_claim_and_sends_feedback(service: Served, record: Record) -> None:
    words = ("--service", SERVICE, "--claim", "Claim/c1")
    result = be_the_ehr(service.address, record, *words, "--accept", "1", "--write")
    assert result.exit_code == 0, result.output
    (put,) = record.put
    assert put["item"][0]["quantity"]["value"] == 2
    assert "No cards" in be_the_ehr(service.address, record, *words).stdout
    shared = service.app.extensions["fhir_massage"]
    shared.store.close()
    with create_engine(shared.settings.database_url).connect() as store:
        assert store.execute(text("select outcome from feedback")).scalars().all() == ["accepted"]


def test_without_prefetch_the_service_fetches_for_itself(service: Served, record: Record) -> None:
    words = ("--service", SERVICE, "--claim", "Claim/c1", "--no-prefetch", "--format", "json")
    result = be_the_ehr(service.address, record, *words, "--fhir-token", "secret-of-the-ehr", "--share-token")
    content = json.loads(result.stdout)
    assert "prefetch" not in content["request"]
    assert len(content["response"]["cards"]) == 1
    assert record.tokens == {"Bearer secret-of-the-ehr"}
    assert "secret-of-the-ehr" not in result.output


def test_the_token_is_not_sent_on_unless_told_to(service: Served, record: Record) -> None:
    words = ("--service", SERVICE, "--claim", "Claim/c1", "--format", "json", "--fhir-token", "secret")
    assert "fhirAuthorization" not in json.loads(be_the_ehr(service.address, record, *words).stdout)["request"]


@pytest.mark.conforms("hooks-64", "hooks-74")
def test_calls_are_signed_for_a_service_that_asks_for_it(record: Record, tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(key_set(EHR))
    (tmp_path / "private.json").write_text(json.dumps(EHR.private_jwk))
    settings = Settings(
        data=tmp_path / "var", auth="required", issuers={ISSUER: str(tmp_path / "keys.json")}, audience="http://later"
    )
    app = create_app(settings)
    served = Served(app)
    shared = app.extensions["fhir_massage"]
    shared.settings = settings.model_copy(update={"audience": served.address})
    try:
        words = ("--service", SERVICE, "--claim", "Claim/c1")
        refused = be_the_ehr(served.address, record, *words)
        assert (refused.exit_code, "401" in refused.stderr) == (2, True)
        key = ("--key", str(tmp_path / "private.json"), "--issuer", ISSUER)
        signed = be_the_ehr(served.address, record, *words, *key, "--accept", "1", "--write")
        assert signed.exit_code == 0, signed.output
    finally:
        served.stop()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--service", SERVICE, "--claim", "Claim/none"), "Claim/none: the server does not have it"),
        (("--service", SERVICE), "name one by --order or --claim"),
        (("--service", "none", "--claim", "Claim/c1"), "name one of the services"),
        (("--claim", "Claim/c1"), "fhir-massage-order-select (order-select)"),
        (("--hook", "encounter-discharge"), "--encounter"),
        (("--hook", "order-sign", "--claim", "c1"), "no reference"),
        (("--service", SERVICE, "--claim", "Claim/c1", "--accept", "9"), "none has the number 9"),
        (("--write",), "--accept"),
    ],
)
def test_what_is_lacking_is_said_in_one_line(
    service: Served, record: Record, words: tuple[str, ...], told: str
) -> None:
    result = be_the_ehr(service.address, record, *words)
    assert result.exit_code == 2
    assert told in result.stderr
    assert "Traceback" not in result.output


OTHER: Json = {"services": [{"id": "greeter", "hook": "patient-view", "description": "x", "prefetch": {"p": "Patient/{{context.patientId}}", "odd": "X/{{context.nothing}}"}}]}  # fmt: skip


def test_a_service_of_another_maker_is_called_and_its_cards_are_shown_as_plain_text(
    record: Record, httpserver: HTTPServer
) -> None:
    card = {
        "summary": "Hello \x1b[31mred\x07",
        "indicator": "info",
        "source": {"label": "Greeter"},
        "detail": "**bold**",
    }
    httpserver.expect_request("/cds-services").respond_with_json(OTHER)
    httpserver.expect_request("/cds-services/greeter", method="POST").respond_with_json({"cards": [card]})
    result = be_the_ehr(httpserver.url_for("/"), record)
    assert result.exit_code == 0, result.output
    assert "Hello [31mred" in result.stdout
    assert "\x1b" not in result.stdout
    sent = next(asked for asked, _ in httpserver.log if asked.path == "/cds-services/greeter").get_json()
    assert sent["prefetch"]["p"]["id"] == "p1"
    assert sent["prefetch"]["odd"] is None
    assert sent["context"] == {"userId": "Practitioner/example", "patientId": "p1"}


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b"{}", b'{"cards": 3}'])
def test_a_service_that_does_not_speak_the_protocol_is_named(
    record: Record, httpserver: HTTPServer, answer: bytes
) -> None:
    httpserver.expect_request("/cds-services").respond_with_json(OTHER)
    httpserver.expect_request("/cds-services/greeter", method="POST").respond_with_data(answer)
    result = be_the_ehr(httpserver.url_for("/"), record)
    assert result.exit_code == 2
    assert result.stderr.startswith(("fhir-massage: ", "prefetch"))


def test_check_reads_a_claim_where_it_lies_with_all_that_it_refers_to(record: Record) -> None:
    result = run("check", "Claim/c1", "--fhir-server", record.base, "--on", "2026-11-10", "--format", "json")
    assert result.exit_code == 1, result.output
    content = json.loads(result.stdout)
    assert [each["rule"] for each in content["findings"]] == ["units-exceed-minutes"]
    assert content["reviewed"] == {"claims": 1, "orders": 0, "out_of_scope": 0}


def test_check_fetches_what_a_file_refers_to(record: Record, tmp_path: Path) -> None:
    file = tmp_path / "claim.json"
    file.write_text(json.dumps(resource(CORRECT, "Claim")))
    result = run("check", str(file), "--fhir-server", record.base, "--on", "2026-11-10")
    assert result.exit_code == 0, result.output
    assert "Practitioner/therapist" in record.asked


def test_check_says_what_could_not_be_fetched(record: Record) -> None:
    assert run("check", "Claim/none", "--fhir-server", record.base).exit_code == 2
    record.instead["Coverage/cov"] = fhir({}, 500)
    result = run("check", "Claim/c1", "--fhir-server", record.base, "--on", "2026-11-10")
    assert result.exit_code == 2
    assert "Claim.insurance[0].coverage: the server answered 500" in result.stderr
