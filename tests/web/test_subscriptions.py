"""A FHIR server tells of claims; each is reviewed where it lies and a Task is written beside it. All over real HTTP."""

from __future__ import annotations

import copy
import signal
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from fhir.resources.R4B.task import Task
from flask import Flask
from pytest_httpserver import HTTPServer
from sqlalchemy import create_engine, text

from fhir_massage.ehr.told import OVERLAP
from fhir_massage.settings import BadSetting, Settings, read_settings
from fhir_massage.store.notices import Notices
from fhir_massage.web.app import create_app
from tests.claims import resource
from tests.ehr.records import Json, Record, fhir
from tests.web.test_doors import CORRECT, TOO_MANY
from tests.web.test_serve import Running

SECRET = "a-secret-of-sixteen"
TOKEN = "of-the-service-1a2b"
TOLD = {"Authorization": f"Bearer {SECRET}"}
ADDRESS = "/subscriptions/claims"


def version(number: int, bundle: Json = TOO_MANY, **more: Any) -> Json:
    meta = {"versionId": str(number), "lastUpdated": f"2026-11-10T10:00:0{number}.000Z"}
    return {**copy.deepcopy(resource(bundle, "Claim")), "meta": meta, **more}


@pytest.fixture
def record(httpserver: HTTPServer) -> Record:
    rest = [each["resource"] for each in TOO_MANY["entry"] if each["resource"]["resourceType"] != "Claim"]
    return Record(httpserver, [version(1), *rest])


Make = Callable[[], Flask]


@pytest.fixture
def make(record: Record, tmp_path: Path) -> Iterator[Make]:
    """Starts the service on the same store as often as a test asks for it."""
    made: list[Flask] = []

    def start() -> Flask:
        settings = Settings(
            data=tmp_path,
            subscription_server=record.base,
            subscription_secret=SECRET,  # type: ignore[arg-type]
            subscription_token=TOKEN,  # type: ignore[arg-type]
        )
        made.append(create_app(settings))
        return made[-1]

    yield start
    for app in made:
        app.extensions["fhir_massage"].reviewer.close()
        app.extensions["fhir_massage"].store.close()


def until(holds: Callable[[], object]) -> None:
    """Wait for what happens beside the answers."""
    for _ in range(400):
        if holds():
            return
        time.sleep(0.05)
    pytest.fail("it did not come to that")


def waiting(app: Flask) -> int:
    notices: Notices = app.extensions["fhir_massage"].notices
    return notices.waiting()


def is_gone(address: str) -> bool:
    try:
        requests.get(f"{address}/healthz", timeout=5)
    except requests.RequestException:
        return True
    return False


def worked_off(app: Flask) -> None:
    until(lambda: waiting(app) == 0)


def tasks(record: Record) -> list[Json]:
    return [each for each in record.resources.values() if each["resourceType"] == "Task"]


def test_a_claim_that_would_be_denied_gets_a_task(make: Make, record: Record) -> None:
    app = make()
    answer = app.test_client().put(f"{ADDRESS}/Claim/c1", json=version(1), headers=TOLD)
    assert (answer.status_code, answer.data) == (202, b"")
    worked_off(app)
    (task,) = tasks(record)
    Task.model_validate(task)
    assert (task["status"], task["intent"], task["priority"]) == ("requested", "proposal", "asap")
    assert (task["focus"], task["for"]) == ({"reference": "Claim/c1"}, {"reference": "Patient/p1"})
    assert task["identifier"][0]["value"] == "Claim/c1/_history/1"
    (issue,) = task["contained"][0]["issue"]
    assert issue["details"]["coding"][0]["code"] == "units-exceed-minutes"
    assert task["reasonCode"]["text"] == "1 error, 0 warnings"
    assert record.tokens == {f"Bearer {TOKEN}"}


def test_a_correct_claim_gets_none(make: Make, record: Record) -> None:
    record.resources["Claim/c1"] = version(1, CORRECT)
    app = make()
    app.test_client().post(ADDRESS, json=version(1, CORRECT), headers=TOLD)
    worked_off(app)
    assert (tasks(record), record.put) == ([], [])


@pytest.mark.parametrize("payload", [None, {"resourceType": "Bundle", "type": "history", "entry": []}])
def test_told_without_saying_of_which_claim_it_looks_for_what_changed(
    make: Make, record: Record, payload: Json | None
) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    old = {**version(1), "id": "old"}
    record.resources["Claim/old"] = old
    record.resources["Claim/c1"] = {**version(2), "meta": {"versionId": "2", "lastUpdated": now}}
    app = make()
    assert app.test_client().post(ADDRESS, json=payload, headers=TOLD).status_code == 202
    worked_off(app)
    assert [each["focus"]["reference"] for each in tasks(record)] == ["Claim/c1"]
    record.asked.clear()
    app.test_client().post(ADDRESS, headers=TOLD)
    until(lambda: any(each.startswith("Claim?_lastUpdated") for each in record.asked))
    worked_off(app)
    (search,) = [each for each in record.asked if each.startswith("Claim?")]
    began = datetime.fromisoformat(search.partition("ge")[2])
    assert datetime.fromisoformat(now) - began == timedelta(seconds=OVERLAP)
    assert len(record.put) == 1


def test_told_twice_it_writes_once(make: Make, record: Record) -> None:
    app = make()
    for _ in range(5):
        app.test_client().post(ADDRESS, json=version(1), headers=TOLD)
    worked_off(app)
    app.test_client().post(ADDRESS, json=version(1), headers=TOLD)
    worked_off(app)
    assert len(record.put) == 1


def test_a_task_stays_as_the_biller_has_moved_it_on(make: Make, record: Record) -> None:
    app = make()
    app.test_client().post(ADDRESS, json=version(1), headers=TOLD)
    worked_off(app)
    (task,) = tasks(record)
    record.resources[f"Task/{task['id']}"] = {**task, "status": "rejected"}
    app.test_client().post(ADDRESS, json=version(1), headers=TOLD)
    worked_off(app)
    assert [each["status"] for each in tasks(record)] == ["rejected"]
    assert len(record.put) == 1


def test_versions_out_of_order_leave_one_task_about_the_newest(make: Make, record: Record) -> None:
    app = make()
    app.test_client().post(ADDRESS, json=version(1), headers=TOLD)
    worked_off(app)
    record.resources["Claim/c1"] = version(3)
    for number in (3, 2):
        app.test_client().post(ADDRESS, json=version(number), headers=TOLD)
        worked_off(app)
    found = {each["identifier"][0]["value"]: each["status"] for each in tasks(record)}
    assert found == {"Claim/c1/_history/1": "cancelled", "Claim/c1/_history/3": "requested"}


def test_once_it_is_corrected_the_task_is_completed(make: Make, record: Record) -> None:
    app = make()
    app.test_client().post(ADDRESS, json=version(1), headers=TOLD)
    worked_off(app)
    record.resources["Claim/c1"] = version(2, CORRECT)
    app.test_client().post(ADDRESS, json=version(2, CORRECT), headers=TOLD)
    worked_off(app)
    (task,) = tasks(record)
    Task.model_validate(task)
    assert (task["status"], task["businessStatus"]["text"]) == ("completed", "The claim was corrected.")


def test_tasks_of_others_are_let_alone(make: Make, record: Record) -> None:
    record.resources["Task/t1"] = other = {
        "resourceType": "Task",
        "id": "t1",
        "status": "requested",
        "intent": "order",
        "focus": {"reference": "Claim/c1"},
    }
    app = make()
    app.test_client().post(ADDRESS, json=version(1), headers=TOLD)
    worked_off(app)
    assert record.resources["Task/t1"] == other
    assert len(tasks(record)) == 2


def test_a_claim_that_is_gone_is_let_go(make: Make, record: Record) -> None:
    del record.resources["Claim/c1"]
    app = make()
    app.test_client().post(ADDRESS, json=version(1), headers=TOLD)
    worked_off(app)
    assert record.put == []


def test_the_server_away_and_back_loses_nothing(make: Make, record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhir_massage.store.notices.FIRST_PAUSE", 0.1)
    monkeypatch.setattr("fhir_massage.web.reviewing.POLL", 0.1)
    record.instead["Claim/c1"] = fhir({"resourceType": "OperationOutcome", "issue": []}, 500)
    app = make()
    assert app.test_client().post(ADDRESS, json=version(1), headers=TOLD).status_code == 202
    until(lambda: record.asked.count("Claim/c1") >= 2)
    assert waiting(app) == 1
    del record.instead["Claim/c1"]
    worked_off(app)
    assert len(tasks(record)) == 1


def test_what_was_acknowledged_survives_a_restart(make: Make, record: Record, tmp_path: Path) -> None:
    record.instead["Claim/c1"] = fhir({}, 500)
    first = make()
    first.test_client().post(ADDRESS, json=version(1), headers=TOLD)
    until(lambda: "Claim/c1" in record.asked)
    first.extensions["fhir_massage"].reviewer.close()
    assert waiting(first) == 1
    del record.instead["Claim/c1"]
    with create_engine(f"sqlite:///{tmp_path / 'fhir_massage.sqlite'}").begin() as store:
        store.execute(text("update told set due = 0, taken_until = null"))
    second = make()
    second.extensions["fhir_massage"].start()
    worked_off(second)
    assert len(tasks(record)) == 1


def test_what_was_acknowledged_survives_the_end_of_every_process(record: Record, tmp_path: Path) -> None:
    """Killed amid the review, with the claim in a worker's hands; the next service takes it up by itself."""
    settings = {
        "FHIR_MASSAGE_SUBSCRIPTION_SERVER": record.base,
        "FHIR_MASSAGE_SUBSCRIPTION_SECRET": SECRET,
    }
    record.instead["Claim/c1"] = fhir({}, 500)
    first = Running(tmp_path / "data", tmp_path / "log", **settings)
    first.wait()
    answer = requests.post(first.address + ADDRESS, json=version(1), headers=TOLD, timeout=30)
    assert answer.status_code == 202
    until(lambda: "Claim/c1" in record.asked)
    first.process.send_signal(signal.SIGKILL)
    first.process.wait(timeout=30)
    until(lambda: is_gone(first.address))  # the workers end when they miss their master
    del record.instead["Claim/c1"]
    with create_engine(f"sqlite:///{tmp_path / 'data/fhir_massage.sqlite'}").begin() as store:
        assert store.execute(text("select claim from told")).scalar_one() == "c1"
        store.execute(text("update told set due = 0, taken_until = null"))  # as though the lease were over
    second = Running(tmp_path / "data", tmp_path / "log2", **settings)
    second.wait()
    until(lambda: tasks(record))
    second.stop()
    assert len(record.put) == 1
    assert SECRET not in (tmp_path / "log").read_text() + (tmp_path / "log2").read_text()


def test_what_a_claim_refers_to_is_waited_for_before_it_is_judged(
    make: Make, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fhir_massage.store.notices.FIRST_PAUSE", 0.1)
    monkeypatch.setattr("fhir_massage.web.reviewing.POLL", 0.1)
    record.instead["Coverage/cov"] = fhir({}, 500)
    app = make()
    app.test_client().post(ADDRESS, json=version(1), headers=TOLD)
    until(lambda: record.asked.count("Coverage/cov") >= 2)
    assert record.put == []
    del record.instead["Coverage/cov"]
    worked_off(app)
    assert len(record.put) == 1


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": SECRET}])
def test_who_does_not_know_the_secret_is_not_heard(make: Make, record: Record, headers: dict[str, str]) -> None:
    app = make()
    for answer in (
        app.test_client().post(ADDRESS, json=version(1), headers=headers),
        app.test_client().put(f"{ADDRESS}/Claim/c1", json=version(1), headers=headers),
    ):
        assert (answer.status_code, answer.json["issue"][0]["code"]) == (401, "login")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert (waiting(app), record.asked) == (0, [])


def test_unusable_notifications_are_refused_and_not_kept(make: Make) -> None:
    app = make()
    client = app.test_client()
    assert client.post(ADDRESS, data=b"{", headers={**TOLD, "Content-Type": "application/json"}).status_code == 400
    assert (
        client.post(ADDRESS, data=b"<a/>", headers={**TOLD, "Content-Type": "application/fhir+xml"}).status_code == 415
    )
    assert client.put(f"{ADDRESS}/Claim/{'x' * 65}", headers=TOLD).status_code == 400
    assert waiting(app) == 0


def test_what_cannot_be_kept_is_not_acknowledged(make: Make, tmp_path: Path) -> None:
    app = make()
    (tmp_path / "fhir_massage.sqlite").write_bytes(b"no database " * 1000)
    answer = app.test_client().post(ADDRESS, json=version(1), headers=TOLD)
    assert (answer.status_code, answer.json["issue"][0]["code"]) == (503, "transient")


def test_it_is_off_unless_it_is_set_up(client: Any) -> None:
    assert client.post(ADDRESS, json=version(1), headers=TOLD).status_code == 404


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"SECRET": SECRET}, "SUBSCRIPTION_SERVER"),
        ({"SERVER": "https://fhir.example.org"}, "SUBSCRIPTION_SECRET"),
        ({"SECRET": "short", "SERVER": "https://fhir.example.org"}, "SUBSCRIPTION_SECRET"),
        ({"SECRET": SECRET, "SERVER": "fhir.example.org"}, "SUBSCRIPTION_SERVER"),
        ({"SECRET": SECRET, "SERVER": "https://fhir.example.org", "TOKEN": "a\nb"}, "SUBSCRIPTION_TOKEN"),
    ],
)
def test_half_a_setting_is_refused_by_name_and_no_secret_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: dict[str, str], named: str
) -> None:
    monkeypatch.setenv("FHIR_MASSAGE_DATA", str(tmp_path))
    for name, value in settings.items():
        monkeypatch.setenv(f"FHIR_MASSAGE_SUBSCRIPTION_{name}", value)
    with pytest.raises(BadSetting, match=named) as refused:
        create_app(read_settings())
    assert SECRET not in str(refused.value)


def test_settings_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIR_MASSAGE_SUBSCRIPTION_SECRET", SECRET)
    assert SECRET not in repr(read_settings())
