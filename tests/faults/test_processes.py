"""The real server ended in the midst of its work, and the real server at work for a while."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import requests

from tests.web.test_doors import CORRECT, SERVICE, TOO_MANY, hook
from tests.web.test_serve import Running

BODIES = (hook(CORRECT), hook(TOO_MANY))


def calls(service: Running) -> int:
    with sqlite3.connect(service.data / "fhir_massage.sqlite") as store:
        return int(store.execute("select count(*) from hook_calls").fetchone()[0])


class Callers:
    """Clients that call without a pause, and count what was acknowledged."""

    def __init__(self, service: Running, clients: int = 4) -> None:
        self.acknowledged = 0
        self._service = service
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._call) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _call(self) -> None:
        with requests.Session() as session:
            while not self._over.is_set():
                try:
                    answer = session.post(self._service.address + SERVICE, json=BODIES[0], timeout=20)
                except requests.RequestException:  # not acknowledged
                    self._over.wait(0.05)
                    continue
                with self._lock:
                    self.acknowledged += answer.status_code == 200

    def until(self, count: int) -> None:
        end = time.monotonic() + 30
        while self.acknowledged < count and time.monotonic() < end:
            time.sleep(0.02)

    def end(self) -> int:
        self._over.set()
        for thread in self._threads:
            thread.join()
        return self.acknowledged


def workers(service: Running) -> list[int]:
    return [
        int(pid) for pid in Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children").read_text().split()
    ]


def test_sigterm_in_the_midst_of_calls_keeps_every_one_that_was_acknowledged(tmp_path: Path) -> None:
    service = Running(tmp_path / "data", tmp_path / "log")
    service.wait()
    callers = Callers(service)
    callers.until(40)
    service.stop()
    acknowledged = callers.end()
    assert service.process.returncode == 0
    assert acknowledged >= 40
    assert calls(service) >= acknowledged  # one may have been written whose answer found no way back


def test_kill_9_loses_at_most_what_was_still_to_be_written_and_the_store_is_whole(tmp_path: Path) -> None:
    service = Running(tmp_path / "data", tmp_path / "log")
    service.wait()
    for _ in range(20):
        assert requests.post(service.address + SERVICE, json=BODIES[0], timeout=20).ok
    time.sleep(2)  # written by now
    callers = Callers(service)
    callers.until(20)
    assert eventually(lambda: len(workers(service)) == 2)
    ended = [service.process.pid, *workers(service)]
    for pid in ended:
        os.kill(pid, signal.SIGKILL)
    callers.end()
    service.process.communicate(timeout=20)
    with sqlite3.connect(service.data / "fhir_massage.sqlite") as store:
        assert store.execute("pragma integrity_check").fetchone() == ("ok",)
    before = calls(service)
    assert before >= 20

    again = Running(service.data, tmp_path / "log-2")
    again.wait()
    try:
        assert requests.post(again.address + SERVICE, json=BODIES[1], timeout=20).json()["cards"]
    finally:
        again.stop()
    assert calls(again) == before + 1


def test_a_worker_that_is_killed_is_replaced_and_calls_go_on(tmp_path: Path) -> None:
    service = Running(tmp_path / "data", tmp_path / "log")
    service.wait()
    try:
        assert eventually(lambda: len(workers(service)) == 2)
        first = workers(service)
        os.kill(first[0], signal.SIGKILL)
        assert eventually(lambda: len(workers(service)) == len(first) and set(workers(service)) != set(first))
        assert requests.post(service.address + SERVICE, json=BODIES[1], timeout=20).json()["cards"]
    finally:
        service.stop()


def test_memory_and_descriptors_stay_as_they_are_after_many_calls(tmp_path: Path) -> None:
    service = Running(tmp_path / "data", tmp_path / "log")
    service.wait()
    doors: tuple[tuple[str, object], ...] = (
        (SERVICE, BODIES[0]),
        (SERVICE, BODIES[1]),
        ("/fhir/Claim/$validate", TOO_MANY),
        ("/fhir/Claim/$validate", {"resourceType": "Nonsense"}),
        (f"{SERVICE}/feedback", {"feedback": []}),
        ("/nowhere", {}),
    )

    def work(count: int) -> None:
        with requests.Session() as session:
            session.headers["Connection"] = "close"  # so that both workers get their share, and warm up
            for number in range(count):
                path, body = doors[number % len(doors)]
                session.post(service.address + path, json=body, timeout=20)

    def use() -> tuple[int, int]:
        memory = descriptors = 0
        for pid in workers(service):
            status = Path(f"/proc/{pid}/status").read_text()
            memory += int(status.partition("VmRSS:")[2].split()[0])
            descriptors += len(os.listdir(f"/proc/{pid}/fd"))
        return memory, descriptors

    try:
        work(900)
        time.sleep(1)
        memory, descriptors = use()
        work(1500)
        time.sleep(1)
        memory_after, descriptors_after = use()
    finally:
        service.stop()
    assert descriptors_after <= descriptors + 6  # a connection more or less, none a call
    assert memory_after - memory < 12_000  # kilobytes, of both workers together: less than eight a call


def eventually(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.1)
    return False
