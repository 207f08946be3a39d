"""What the pages on operating and security say is so: every metric is told of, and every test that is named is there."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.build import ROOT
from fhir_massage.settings import PREFIX, Settings
from fhir_massage.web.metrics import Metrics

OPERATING = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
SECURITY = (ROOT / "docs/security.md").read_text(encoding="utf-8")
DASHBOARD = json.loads((ROOT / "deploy/grafana/fhir-massage.json").read_text(encoding="utf-8"))
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::([\w:]+)`", SECURITY)))
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]


def told_once(series: str) -> str:
    """The name that the page uses for a series: a histogram's three are one."""
    return re.sub(r"_(bucket|sum|count)$", "", series)


def test_every_metric_is_documented_and_no_other() -> None:
    table = OPERATING.partition("## Metrics")[2].partition("\n## ")[0]
    documented = set(re.findall(r"^\| `(fhir_massage_\w+)` \|", table, re.M))
    assert documented == {told_once(name) for name in Metrics().names()}


def test_each_label_that_a_metric_has_is_named(tmp_path: Path) -> None:
    labels = {told_once(f"{m.name}_total" if m.type == "counter" else m.name): m for m in Metrics()._registry.collect()}
    rows = dict(re.findall(r"^\| `(fhir_massage_\w+)` \| (.*) \|$", OPERATING, re.M))
    for collector in Metrics()._registry._collector_to_names:
        name = next(n for n in labels if told_once(n).startswith(collector._name))  # type: ignore[attr-defined]
        for label in collector._labelnames:  # type: ignore[attr-defined]
            assert f"`{label}`" in rows[name], f"{name}: {label}"


@pytest.mark.parametrize("query", QUERIES)
def test_the_dashboard_asks_for_metrics_that_there_are(query: str) -> None:
    asked = set(re.findall(r"fhir_massage_\w+", query))
    assert asked
    assert asked <= Metrics().names()


def test_the_dashboard_shows_every_metric() -> None:
    asked = {told_once(name) for query in QUERIES for name in re.findall(r"fhir_massage_\w+", query)}
    assert asked == {told_once(name) for name in Metrics().names()}
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))


def test_alerts_ask_for_metrics_that_there_are() -> None:
    alerts = OPERATING.partition("Worth an alert:")[2].split("```")[1]
    assert set(re.findall(r"fhir_massage_\w+", alerts)) <= Metrics().names()


def test_every_event_of_the_log_is_documented() -> None:
    written = set()
    for file in (ROOT / "fhir_massage").rglob("*.py"):
        written |= set(
            re.findall(r"\blog\.(?:info|warning|error|log)\(\s*(?:record\.levelno, )?\"([\w ]+)\"", file.read_text())
        )
    table = OPERATING.partition("## Logs")[2].partition("\n## ")[0]
    documented = {name for row in re.findall(r"^\| (`.*?) \|", table, re.M) for name in re.findall(r"`([^`]+)`", row)}
    assert documented - {"event"} == written


def test_every_setting_that_the_pages_name_is_one() -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {f"{PREFIX}CONFIG"}
    known |= {f"{name}_FILE" for name in known}
    assert set(re.findall(rf"{PREFIX}[A-Z_]*[A-Z]", OPERATING + SECURITY)) <= known


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_the_tests_that_the_threat_model_names_are_there(file: str, name: str) -> None:
    found: list[ast.stmt] = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    for step in name.split("::"):
        (node,) = (each for each in found if isinstance(each, ast.FunctionDef | ast.ClassDef) and each.name == step)
        found = node.body


def test_each_line_of_the_threat_model_names_a_test() -> None:
    rows = [row for row in re.findall(r"^\| .* \|$", SECURITY, re.M) if "---" not in row and "shown by" not in row]
    assert len(rows) >= 6 + 10
    assert all(re.search(r"`tests/[\w/]+\.py::\w+", row.rsplit(" | ", 1)[1]) for row in rows)
    assert all(f"| API{number} " in SECURITY for number in range(1, 11))
    assert all(f"| {number}. " in SECURITY for number in range(1, 7))


def test_the_commands_that_are_told_exist() -> None:
    for line in re.findall(r"^fhir-massage ([a-z]+(?: [a-z]+)?)", OPERATING, re.M):
        told = subprocess.run(
            [sys.executable, "-m", "fhir_massage", *line.split(), "--help"], capture_output=True, timeout=60
        )
        assert told.returncode == 0, line
