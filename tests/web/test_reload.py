"""Settings, policies and facts are taken up while the service runs: no call is dropped, and a bad file changes nothing."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask

from fhir_massage.facts.imported import import_file
from fhir_massage.settings import Settings
from fhir_massage.web.app import create_app
from fhir_massage.web.processes import Server, share_what_is_made
from tests.claims import claim, line
from tests.facts.files import MUE_HEADER, text, unlikely
from tests.web.test_doors import CORRECT, SERVICE, hook
from tests.web.test_serve import Running

POLICY = """
payer = "harbor-mutual"
title = "{title}"
class = "commercial"
extends = "commercial"

[[payors]]
name = "harbor mutual"

[sources.handbook]
owner = "Harbor Mutual"
title = "Provider handbook"
published = "2026-01-01"
url = "https://harbor-mutual.example.org/handbook"
"""
QUESTION = {"code": "97124", "payer": "harbor-mutual", "profession": "massage-therapist"}


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    folder = tmp_path / "policies"
    folder.mkdir()
    return folder


@pytest.fixture
def running(tmp_path: Path, policies: Path) -> Any:
    service = Running(tmp_path / "data", tmp_path / "log", FHIR_MASSAGE_POLICIES=str(policies))
    service.wait()
    yield service
    if service.process.poll() is None:
        service.stop()


def logged(running: Running, event: str) -> list[dict[str, Any]]:
    lines = (json.loads(line) for line in running.log.read_text().splitlines())
    return [line for line in lines if line["event"] == event]


def until(true: Callable[[], bool]) -> None:
    for _ in range(1200):
        if true():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come about within two minutes")


def known(running: Running) -> bool:
    """Whether the payer of the policy is known, asked by a connection of its own."""
    return requests.get(f"{running.address}/answers", params=QUESTION, timeout=30).status_code == 200


def is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


class Callers:
    """Callers that go on calling until they are told to stop: some on one connection each, some on a new one each time."""

    def __init__(self, running: Running) -> None:
        self.answers: Counter[str] = Counter()
        self._address = running.address + SERVICE
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(kept,)) for kept in (True, True, False, False)]
        for thread in self._threads:
            thread.start()

    def _call(self, kept: bool) -> None:
        session = requests.Session()
        while not self._ended.is_set():
            headers = {} if kept else {"Connection": "close"}
            try:
                status = str(session.post(self._address, json=hook(CORRECT), headers=headers, timeout=30).status_code)
            except requests.RequestException as error:
                status = type(error).__name__
            self.answers[status] += 1
            time.sleep(0.02)

    def stop(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()


def test_new_policies_are_taken_up_and_no_call_is_dropped(running: Running, policies: Path) -> None:
    assert not known(running)
    until(lambda: len(logged(running, "worker started")) == 2)
    before = {line["process"] for line in logged(running, "worker started")}
    callers = Callers(running)
    try:
        (policies / "harbor.toml").write_text(POLICY.format(title="Harbor Mutual"))
        running.process.send_signal(signal.SIGHUP)
        until(lambda: bool(logged(running, "reloaded")))
        until(lambda: {line["process"] for line in logged(running, "worker stopped")} == before)
        time.sleep(0.5)
    finally:
        callers.stop()
    assert set(callers.answers) == {"200"}, callers.answers
    assert all(known(running) for _ in range(6))
    assert running.process.poll() is None
    # What the workers before counted is still told.
    told = requests.get(f"{running.address}/metrics", timeout=30).text
    assert f'fhir_massage_reviewed_total{{kind="claim"}} {callers.answers["200"]}.0' in told


def test_a_bad_policy_changes_nothing_and_the_log_says_why(running: Running, policies: Path) -> None:
    (policies / "harbor.toml").write_text(POLICY.format(title="Harbor Mutual"))
    running.process.send_signal(signal.SIGHUP)
    until(lambda: bool(logged(running, "reloaded")))
    until(lambda: len(logged(running, "worker started")) == 4)
    started = logged(running, "worker started")
    (policies / "harbor.toml").write_text(POLICY.format(title="Harbor Mutual") + "\n[[daily_units]]\nunits = 'many'\n")
    running.process.send_signal(signal.SIGHUP)
    until(lambda: bool(logged(running, "not reloaded")))
    (why,) = logged(running, "not reloaded")
    assert "harbor.toml: daily_units" in why["reason"]
    assert all(known(running) for _ in range(6))
    assert logged(running, "worker started") == started
    # Put right, it is taken up.
    (policies / "harbor.toml").unlink()
    running.process.send_signal(signal.SIGHUP)
    until(lambda: len(logged(running, "reloaded")) == 2)
    until(lambda: not known(running))


def test_imported_facts_are_taken_up(running: Running) -> None:
    def quarter() -> list[str]:
        told = requests.get(f"{running.address}/metrics", timeout=30).text
        return [line for line in told.splitlines() if line.startswith('fhir_massage_facts_quarter_seconds{table="mue"')]

    shipped = quarter()
    file = running.data / "MCR_MUE_PractitionerServices_Eff_10-01-2026.csv"
    file.write_bytes(text(MUE_HEADER, [unlikely("97124", 4)], separator=","))
    import_file(file, running.data, today=date(2026, 11, 24))
    assert quarter() == shipped
    running.process.send_signal(signal.SIGHUP)
    until(lambda: bool(logged(running, "reloaded")))
    until(lambda: quarter() != shipped)


def test_a_worker_that_takes_anothers_place_before_the_reload_judges_by_what_the_master_has(
    tmp_path: Path, policies: Path
) -> None:
    def imported(units: int) -> None:
        file = tmp_path / "MCR_MUE_PractitionerServices_Eff_10-01-2026.csv"
        file.write_bytes(text(MUE_HEADER, [unlikely("97124", units)], separator=","))
        import_file(file, tmp_path / "data", today=date(2026, 11, 24))

    def found() -> set[str]:
        content = claim(line("97124", units=2, minutes=30), payer="medicare-part-b")
        headers = {"Connection": "close"}  # so that each worker is asked in its turn
        answer = requests.post(f"{service.address}/fhir/Claim/$validate", json=content, headers=headers, timeout=30)
        return {each["details"]["coding"][0]["code"] for each in answer.json()["issue"] if "details" in each}

    imported(1)
    service = Running(tmp_path / "data", tmp_path / "log", FHIR_MASSAGE_POLICIES=str(policies))
    service.wait()
    try:
        assert all("units-exceed-mue" in found() for _ in range(6))
        imported(8)
        until(lambda: len(logged(service, "worker started")) == 2)
        before = [each["process"] for each in logged(service, "worker started")]
        for process in before:
            os.kill(process, signal.SIGKILL)
        until(lambda: len(logged(service, "worker started")) == 4)
        assert all("units-exceed-mue" in found() for _ in range(6))
        assert not logged(service, "rule failed")
        service.process.send_signal(signal.SIGHUP)
        until(lambda: len(logged(service, "worker stopped")) == 2)
        for each in logged(service, "worker stopped"):  # which is said a moment before it ends, and lets go of its file
            until(lambda process=each["process"]: not is_there(process))  # type: ignore[misc]
        assert not any("units-exceed-mue" in found() for _ in range(6))
        assert len(list((tmp_path / "data").glob("ncci-*.sqlite"))) == 2
        imported(8)
        assert len(list((tmp_path / "data").glob("ncci-*.sqlite"))) == 2  # the one that workers use, and the new one
    finally:
        service.stop()


def test_a_reload_leaves_nothing_of_what_was_before_in_the_master(tmp_path: Path) -> None:
    def make() -> Flask:
        return create_app(Settings(data=tmp_path))

    server = Server(make(), "127.0.0.1:0", make)
    before = weakref.ref(server.load().extensions["fhir_massage"])
    try:
        share_what_is_made()
        assert server.renew()
        share_what_is_made()
        assert before() is None
    finally:
        gc.unfreeze()


def test_workers_are_logged_from_start_to_stop(running: Running) -> None:
    until(lambda: len(logged(running, "worker started")) == 2)
    started = {line["process"] for line in logged(running, "worker started")}
    running.stop()
    assert {line["process"] for line in logged(running, "worker stopped")} == started


def test_a_request_id_is_passed_through_to_log_and_answer(running: Running) -> None:
    answer = requests.post(
        running.address + SERVICE, json=hook(CORRECT), headers={"X-Request-Id": "ehr-4711"}, timeout=30
    )
    assert answer.headers["X-Request-Id"] == "ehr-4711"
    until(lambda: any(line["request_id"] == "ehr-4711" for line in logged(running, "request")))  # beside the answer
    (line,) = (line for line in logged(running, "request") if line["request_id"] == "ehr-4711")
    assert (line["route"], line["status"]) == ("/cds-services/<id>", 200)


def test_a_worker_that_was_told_to_stop_is_not_ready_on_the_connections_it_has(running: Running) -> None:
    until(lambda: len(logged(running, "worker started")) == 2)
    with requests.Session() as session:
        assert session.get(f"{running.address}/readyz", timeout=30).json()["checks"]["staying"]
        for line in logged(running, "worker started"):
            os.kill(line["process"], signal.SIGTERM)
        time.sleep(0.2)
        answer = session.get(f"{running.address}/readyz", timeout=30)
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"facts": True, "store": True, "staying": False}


def test_what_gunicorn_logs_is_an_object_a_line_and_repeats_nothing_of_a_request(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as raw:
        raw.sendall(b"GET /Pat-Example NONSENSE\r\n\r\n")
        assert b" 400 " in raw.recv(1000)
    until(lambda: bool(logged(running, "server")))
    assert "Invalid request" in logged(running, "server")[0]["words"]
    assert "Pat-Example" not in running.log.read_text()
