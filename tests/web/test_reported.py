"""A fault of ours can be reported: whichever door it happens at, the log names the line of code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

#: Has each door fail in a line of its own file, and asks each by every method that it takes.
PROGRAM = """
import re, sys
from fhir_massage.web.log import log_as_json
log_as_json()
from fhir_massage.settings import Settings
from fhir_massage.web.app import create_app
import failing

app = create_app(Settings(data=sys.argv[1], subscription_server="https://ehr.example.org",
                          subscription_secret="a-secret-that-is-long"))
app.config["PROPAGATE_EXCEPTIONS"] = False
for endpoint in app.view_functions:
    app.view_functions[endpoint] = failing.fail
client = app.test_client()
headers = {"Authorization": "Bearer a-secret-that-is-long"}
for rule in app.url_map.iter_rules():
    for method in rule.methods - {"HEAD", "OPTIONS"}:
        answer = client.open(re.sub("<[^>]*>", "x", rule.rule), method=method, headers=headers)
        print(method, rule.rule, answer.status_code)
"""
FAILING = """def fail(**_):
    raise ValueError("Pat Example, born 1957-03-08")
"""
ODD = """
from fhir_massage.web.log import log_as_json
log_as_json()
import structlog
structlog.get_logger().error("failed", at="here", level="high", text="\\ud800")
"""


def run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{Path(__file__).parents[2]}"}
    return subprocess.run(
        [sys.executable, "-c", program, str(folder / "data")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


def test_a_fault_at_any_door_is_logged_with_its_line_of_code(tmp_path: Path) -> None:
    (tmp_path / "failing.py").write_text(FAILING)
    ended = run(PROGRAM, tmp_path)
    asked = ended.stdout.splitlines()
    assert len(asked) > 25
    assert {line.split()[-1] for line in asked} == {"500"}, asked
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    failed = [line for line in lines if line["event"] == "request failed"]
    assert len(failed) == len(asked)
    assert {line["where"] for line in failed} == {f"{tmp_path}/failing.py:2"}
    assert all(line["at"].startswith("20") and line["request_id"] for line in failed)
    assert "Pat Example" not in ended.stderr


def test_what_each_line_says_of_itself_cannot_be_given(tmp_path: Path) -> None:
    (line,) = [json.loads(line) for line in run(ODD, tmp_path).stderr.splitlines()]
    assert line["at"].startswith("20")
    assert (line["level"], line["given_at"], line["given_level"]) == ("error", "here", "high")
