"""The commands of ``examples/sandbox/README.md`` as they stand there, against a FHIR server on loopback."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from pytest_httpserver import HTTPServer

from fhir_massage.cli import main
from fhir_massage.settings import Settings
from fhir_massage.web.app import create_app
from tests.cli.test_hook import Served
from tests.ehr.records import Record

SANDBOX = Path(__file__).parents[2] / "examples/sandbox"


@pytest.fixture
def record(httpserver: HTTPServer) -> Record:
    return Record(httpserver)


@pytest.fixture
def service(record: Record, tmp_path: Path) -> Iterator[Served]:
    served = Served(create_app(Settings(data=tmp_path / "var", fhir_servers=[record.base])))
    yield served
    served.stop()


def commands(base: str, service: str) -> list[list[str]]:
    """The words of each command of the read-me, with the addresses of the test."""
    (block,) = re.findall(r"```\n(.*?)```", (SANDBOX / "README.md").read_text(), re.S)
    lines = [shlex.split(line, comments=True) for line in block.splitlines()[1:]]
    return [
        [word.replace("$BASE", base).replace("http://127.0.0.1:8000", service) for word in words] for words in lines
    ]


def test_the_whole_way(record: Record, service: Served) -> None:
    (fill, base), *rest = commands(record.base, service.address)
    filled = subprocess.run(
        [sys.executable, SANDBOX.parents[1] / fill, base], capture_output=True, text=True, timeout=60
    )
    assert filled.returncode == 0, filled.stderr
    assert record.put[-1]["id"] == "fm-claim"
    results = []
    for program, *words in rest:
        assert program == "fhir-massage"
        results.append(CliRunner().invoke(main, words, env={"COLUMNS": "100"}))
    before, shown, written, after = results
    assert (before.exit_code, "units-exceed-minutes" in before.stdout) == (1, True), before.output
    assert "Bill 2 units" in shown.stdout
    assert written.exit_code == 0, written.output
    assert record.resources["Claim/fm-claim"]["item"][0]["quantity"]["value"] == 2
    assert "units-exceed-minutes" not in after.stdout


def test_a_server_that_is_away_is_named() -> None:
    failed = subprocess.run(
        [sys.executable, SANDBOX / "fill", "http://127.0.0.1:9/fhir"], capture_output=True, text=True, timeout=60
    )
    assert failed.returncode != 0
    assert "Patient/fm-patient: the server cannot be reached" in failed.stderr
