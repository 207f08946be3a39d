"""The service as it is run: gunicorn on a port of its own, its workers, its log, its end."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from sqlalchemy import create_engine, text

from tests.hooks.tokens import ISSUER, Client, key_set
from tests.web.test_doors import CORRECT, SERVICE, TOO_MANY, hook

ROOT = Path(__file__).parents[2]
WORDS = "Pat Example"  # the patient of every claim here


class Running:
    """A service in a process of its own."""

    def __init__(self, data: Path, log: Path, **settings: str) -> None:
        self.data = data
        self.log = log
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        environment = {**os.environ, "FHIR_MASSAGE_DATA": str(data), **settings}
        program = f"from fhir_massage.web.serve import serve; serve('127.0.0.1', {self.port})"
        with log.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", program], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors
            )

    def wait(self) -> None:
        """Until it answers."""
        for _ in range(200):
            try:
                if requests.get(f"{self.address}/readyz", timeout=5).ok:
                    return
            except requests.ConnectionError:
                pass
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def stop(self) -> str:
        """End it in good order, and give back what it printed."""
        self.process.send_signal(signal.SIGTERM)
        printed, _ = self.process.communicate(timeout=30)
        return printed.decode()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    service = Running(tmp_path / "data", tmp_path / "log")
    service.wait()
    yield service
    if service.process.poll() is None:
        service.stop()


def test_it_answers_many_at_once_and_keeps_every_call(running: Running) -> None:
    def call(number: int) -> int:
        answer = requests.post(running.address + SERVICE, json=hook(TOO_MANY if number % 2 else CORRECT), timeout=30)
        assert answer.status_code == 200
        return len(answer.json()["cards"])

    with ThreadPoolExecutor(8) as clients:
        assert list(clients.map(call, range(40))) == [0, 1] * 20
    # Both workers' counts are told, whichever of them is asked.
    counts = {requests.get(f"{running.address}/metrics", timeout=30).text for _ in range(10)}
    told = {line for each in counts for line in each.splitlines() if line.startswith("fhir_massage_reviewed_total")}
    assert 'fhir_massage_reviewed_total{kind="claim"} 40.0' in told
    assert len([line for line in told if "claim" in line]) == 1

    printed = running.stop()
    assert running.process.returncode == 0
    assert f"{running.address}/\n" in printed
    with create_engine(f"sqlite:///{running.data}/fhir_massage.sqlite").connect() as store:
        assert store.execute(text("select count(*) from hook_calls")).scalar_one() == 40
    logged = running.log.read_text()
    lines = [json.loads(line) for line in logged.splitlines()]
    assert sum(line.get("route") == "/cds-services/<id>" for line in lines) == 40
    assert WORDS not in logged


def test_it_leaves_nothing_in_its_users_home(tmp_path: Path) -> None:
    """Two services of one user would take a socket there from each other, and it tells and does what no setting allows."""
    home = tmp_path / "home"
    home.mkdir()
    service = Running(tmp_path / "data", tmp_path / "log", HOME=str(home), XDG_RUNTIME_DIR="")
    service.wait()
    service.stop()
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.5", "cds.example.org"])
def test_it_does_not_start_open_where_others_reach_it(tmp_path: Path, host: str) -> None:
    environment = {**os.environ, "FHIR_MASSAGE_DATA": str(tmp_path)}
    environment.pop("FHIR_MASSAGE_AUTH", None)
    ended = subprocess.run(
        [sys.executable, "-m", "fhir_massage", "serve", "--host", host, "--port", "0"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 2
    assert "FHIR_MASSAGE_AUTH" in ended.stderr
    assert not list(tmp_path.iterdir())


def test_the_limit_holds_for_all_workers_together(tmp_path: Path) -> None:
    while time.time() % 60 > 40:  # so that the calls fall into one minute
        time.sleep(1)
    service = Running(tmp_path / "data", tmp_path / "log", FHIR_MASSAGE_RATE_LIMIT="20")
    service.wait()

    def call(_: int) -> int:
        headers = {"Connection": "close"}
        return requests.get(f"{service.address}/cds-services", headers=headers, timeout=30).status_code

    try:
        with ThreadPoolExecutor(8) as clients:
            answers = list(clients.map(call, range(60)))
        assert sorted(answers) == [200] * 20 + [429] * 40
        assert requests.get(f"{service.address}/healthz", timeout=30).ok
    finally:
        service.stop()


def test_a_worker_that_is_killed_is_replaced_and_what_it_counted_stays(running: Running) -> None:
    def call() -> int:
        return requests.post(running.address + SERVICE, json=hook(CORRECT), timeout=30).status_code

    def until(holds: Callable[[], bool]) -> None:
        for _ in range(200):
            if holds():
                return
            time.sleep(0.1)
        raise AssertionError(running.log.read_text())

    def workers() -> list[int]:
        lines = (json.loads(line) for line in running.log.read_text().splitlines())
        return [line["process"] for line in lines if line["event"] == "worker started"]

    assert [call() for _ in range(6)] == [200] * 6
    until(lambda: len(workers()) == 2)  # the first one may have answered all before the second had begun
    for number, end in ((3, signal.SIGKILL), (4, signal.SIGTERM)):
        os.kill(workers()[-1], end)
        until(lambda expected=number: len(workers()) == expected)  # type: ignore[misc]
    running.wait()
    assert [call() for _ in range(6)] == [200] * 6
    told = requests.get(f"{running.address}/metrics", timeout=30).text
    assert 'fhir_massage_reviewed_total{kind="claim"} 12.0' in told


def test_the_printed_call_shows_a_card(running: Running) -> None:
    printed = running.stop()
    example = re.search(r"-d @(\S+) (\S+)$", printed, re.MULTILINE)
    assert example is not None
    service = Running(running.data, running.log)
    service.wait()
    content = (ROOT / example[1]).read_bytes()
    address = service.address + example[2].removeprefix(running.address)
    try:
        answer = requests.post(address, data=content, headers={"Content-Type": "application/json"}, timeout=30)
    finally:
        service.stop()
    assert len(answer.json()["cards"]) == 1


@pytest.mark.conforms("hooks-72", "hooks-74")
def test_where_clients_prove_themselves_no_worker_takes_a_token_twice(tmp_path: Path) -> None:
    ehr = Client()
    keys = tmp_path / "keys.json"
    keys.write_bytes(key_set(ehr))
    settings = {"FHIR_MASSAGE_AUTH": "required", "FHIR_MASSAGE_ISSUERS": json.dumps({ISSUER: str(keys)})}
    service = Running(tmp_path / "data", tmp_path / "log", **settings)
    service.wait()
    address = service.address + SERVICE  # the audience, where no other is set

    def call(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}", "Connection": "close"}
        return requests.post(address, json=hook(CORRECT), headers=headers, timeout=30).status_code

    try:
        tokens = [ehr.token(time.time(), aud=address) for _ in range(5)]
        with ThreadPoolExecutor(8) as clients:
            answers = list(clients.map(call, tokens * 8))
        assert sorted(answers) == [200] * 5 + [401] * 35
        assert call(ehr.token(time.time())) == 401  # meant for another service
    finally:
        printed = service.stop()
    assert "required" in printed
    assert not any(token in service.log.read_text() for token in tokens)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("AUTH", "required"),
        ("MAX_BODY", "x"),
        ("DATABASE", "nonsense"),
        ("POLICIES", "/nowhere"),
        ("MAX_BODDY", "5"),
        ("DATABASE_FILE", "/nowhere"),
        ("DATABASE", "postgresql://u:pa@x@h:notaport/db"),
        ("FHIR_SERVERS", '["notanurl"]'),
        ("CORS_ORIGINS", '["x"]'),
        ("AUDIENCE", "zzz"),
        ("CA_BUNDLE", "/nowhere"),
        ("ISSUERS", '{"a": "/nowhere"}'),
        ("ISSUERS", '{"https://a": "http://evil/jwks"}'),
        ("SUBSCRIPTION_SERVER", "https://fhir.example.org"),
    ],
)
def test_it_does_not_start_with_a_wrong_setting(tmp_path: Path, setting: str, value: str) -> None:
    environment = {**os.environ, "FHIR_MASSAGE_DATA": str(tmp_path), f"FHIR_MASSAGE_{setting}": value}
    program = "from fhir_massage.web.serve import serve; serve('127.0.0.1', 1)"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert f"FHIR_MASSAGE_{setting}" in ended.stderr
    assert "pa@x" not in ended.stderr


def test_an_address_that_is_taken_is_told_plainly(running: Running) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "fhir_massage", "serve", "--port", str(running.port)],
        cwd=ROOT,
        env={**os.environ, "FHIR_MASSAGE_DATA": str(running.data)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].startswith(f"127.0.0.1:{running.port} cannot be listened on")
