"""The real service under attack: who is not part of it is answered while it goes on.

No time is asserted, for the machine may be busy. What is shown is an order: the others are answered while the attack
still stands, which holds what it is after for much longer than they take.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from fhir_massage.hooks.keys import AGAIN
from fhir_massage.hooks.trust import LONGEST_TOKEN
from fhir_massage.web.processes import CONNECTIONS
from tests.faults.attackers import HALF_A_HEAD, HALF_A_REQUEST, half_sent, never_reading, worst
from tests.faults.test_processes import eventually
from tests.hooks.tokens import ISSUER, Client, key_set
from tests.web.test_doors import SERVICE, TOO_MANY, hook
from tests.web.test_serve import Running

LONG = 120
EHR = Client()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path / "data", tmp_path / "log")
    running.wait()
    yield running
    running.stop()


def others_are_answered(service: Running, *, hooks: bool = True) -> None:
    """Whoever needs nobody else: the probes, $validate, the workbench and a hook that brings all."""
    for path in ("/healthz", "/readyz", "/metrics", "/"):
        for _ in range(4):  # so that each worker is asked
            assert requests.get(service.address + path, timeout=LONG, headers={"Connection": "close"}).ok
    assert requests.post(f"{service.address}/fhir/Claim/$validate", json=TOO_MANY, timeout=LONG).ok
    if hooks:
        assert requests.post(service.address + SERVICE, json=hook(TOO_MANY), timeout=LONG).json()["cards"]


def test_requests_that_are_half_sent_hold_up_nobody_and_are_cut(service: Running) -> None:
    with half_sent(service.port, 64) as opened:
        others_are_answered(service)
        for each in opened:
            each.settimeout(LONG)
            assert each.recv(4096).startswith(b"HTTP/1.1 408 ")
            while each.recv(4096):
                pass


@pytest.mark.parametrize("part", [HALF_A_HEAD, HALF_A_REQUEST, b""], ids=["head", "body", "nothing"])
def test_more_connections_than_are_kept_take_the_place_of_each_other(service: Running, part: bytes) -> None:
    with half_sent(service.port, 2 * CONNECTIONS + 50, part):
        others_are_answered(service)


def test_clients_that_do_not_take_their_answers_hold_up_nobody(service: Running) -> None:
    with never_reading(service.port, 60):
        others_are_answered(service)


def test_calls_that_wait_for_a_silent_ehr_leave_threads_to_the_others(tmp_path: Path) -> None:
    with worst() as ehr, ThreadPoolExecutor(64) as callers:
        service = started(tmp_path, FHIR_SERVERS=json.dumps([f"{ehr.address}/fhir"]), HOOK_SECONDS="60")
        try:
            request = {**hook(TOO_MANY), "fhirServer": f"{ehr.address}/fhir"}
            del request["prefetch"]
            calls = [callers.submit(post, service.address + SERVICE, request) for _ in range(64)]
            assert eventually(lambda: sum(call.done() for call in calls) >= 16)  # for whom there was no place
            others_are_answered(service)
            assert any(not call.done() for call in calls)
            ehr.end()  # so that the others need not wait out their time
            assert {status for status, _ in map(result, calls)} == {200}
        finally:
            service.stop()


def test_a_key_server_that_drips_holds_up_nobody_and_is_not_asked_without_end(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_bytes(key_set(EHR))
    with worst(drip=b"H") as dripping, ThreadPoolExecutor(32) as strangers:
        began = time.monotonic()
        issuers = {"https://slow.example.org": f"{dripping.address}/jwks", ISSUER: str(keys)}
        service = started(tmp_path, AUTH="required", ISSUERS=json.dumps(issuers))
        address = service.address + SERVICE
        try:
            made_up = [
                EHR.token(time.time(), header={"kid": f"no-{n}"}, iss="https://slow.example.org") for n in range(100)
            ]
            calls = [strangers.submit(post, address, hook(TOO_MANY), token) for token in made_up]
            others_are_answered(service, hooks=False)
            status, cards = post(address, hook(TOO_MANY), EHR.token(time.time(), aud=address))
            assert (status, len(cards)) == (200, 1)
            assert {status for status, _ in map(result, calls)} == {401}
            assert 0 < dripping.taken <= 2 * (1 + (time.monotonic() - began) / AGAIN)  # two workers
        finally:
            service.stop()


def test_what_is_no_request_of_http_is_refused_as_everything_else(service: Running) -> None:
    def refused(**headers: str) -> tuple[int, str]:
        answer = requests.get(f"{service.address}/cds-services", headers=headers, timeout=LONG)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        return answer.status_code, answer.json()["resourceType"] if answer.status_code != 200 else ""

    assert refused(Authorization=f"Bearer {'x' * LONGEST_TOKEN}") == (200, "")  # discovery asks for none
    assert refused(Authorization="x" * 3 * LONGEST_TOKEN) == (431, "OperationOutcome")
    long = requests.get(f"{service.address}/{'a' * 9000}", timeout=LONG)
    assert (long.status_code, long.json()["resourceType"]) == (414, "OperationOutcome")
    large = requests.post(service.address + SERVICE, data=(b" " * 65_536 for _ in range(100)), timeout=LONG)
    assert (large.status_code, large.json()["resourceType"]) == (413, "OperationOutcome")


def test_the_services_own_limit_of_a_token_can_be_reached(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(key_set(EHR))
    service = started(tmp_path, AUTH="required", ISSUERS=json.dumps({ISSUER: str(tmp_path / "keys.json")}))
    try:
        for length in (LONGEST_TOKEN, LONGEST_TOKEN + 1):
            assert post(service.address + SERVICE, hook(TOO_MANY), "x" * length)[0] == 401
        said = ("the token is no JWT", "there is no bearer token")
        assert eventually(lambda: all(each in service.log.read_text() for each in said))  # written beside the answers
    finally:
        service.stop()


def started(folder: Path, **settings: str) -> Running:
    service = Running(
        folder / "data", folder / "log", **{f"FHIR_MASSAGE_{name}": each for name, each in settings.items()}
    )
    service.wait()
    return service


def post(address: str, content: Any, token: str = "") -> tuple[int, list[Any]]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = requests.post(address, json=content, headers=headers, timeout=LONG)
    return answer.status_code, answer.json().get("cards", [])


def result(call: Future[tuple[int, list[Any]]]) -> tuple[int, list[Any]]:
    return call.result(LONG)
