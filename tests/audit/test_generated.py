"""An audit of generated data finds what the answer key knows, all of it and nothing else, by either engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from fhir_massage.cli import main
from tests.audit.cases import findings, rejected, run


def _generated(folder: Path, claims: int, seed: int) -> list[tuple[str, str, list[str]]]:
    """A data set, and what its key knows."""
    words = ["generate", "--claims", str(claims), "--seed", str(seed), "--errors", "0.3", "--out", str(folder)]
    assert CliRunner().invoke(main, words).exit_code == 0
    key = [json.loads(line) for line in (folder / "answers.ndjson").read_text().splitlines()]
    return sorted((answer["resource"], answer["rule"], answer["expression"]) for answer in key)


@pytest.mark.parametrize(("engine", "claims", "seed"), [("local", 1500, 21), ("spark", 200, 23)])
def test_an_audit_is_as_good_as_its_key(engine: str, claims: int, seed: int, tmp_path: Path) -> None:
    known = _generated(tmp_path / "in", claims, seed)
    told = run(tmp_path / "in", "--out", tmp_path / "out", "--engine", engine, SPARK_LOCAL_IP="127.0.0.1")
    assert told.returncode == 1, told.stderr.decode()[-2000:]
    found = [f for f in findings(tmp_path / "out") if f["severity"] != "information"]
    assert sorted((f["resource"], f["rule"], f["expression"]) for f in found) == known
    assert rejected(tmp_path / "out") == []
