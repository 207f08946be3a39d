"""The audit of the locked dependencies: what applies is found, and what was not audited is never said to be well."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from scripts.audit_dependencies import affects, audit, judge

ROOT = Path(__file__).parents[2]
LOCK = Path("requirements.txt")


def answered(*dependencies: dict[str, Any]) -> str:
    """As pip-audit answers."""
    return json.dumps({"dependencies": list(dependencies), "fixes": []})


def run(*arguments: Path | str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scripts.audit_dependencies", *map(str, arguments)],
        cwd=ROOT, env={**os.environ, "ADVISORIES": "", **environment}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


class TestByTheIndex:
    def test_where_it_cannot_be_reached_that_is_said_and_fails_nothing(self) -> None:
        nowhere = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9")
        told = run("requirements.txt", **nowhere, NO_PROXY="", no_proxy="")
        assert told.returncode == 0, told.stderr
        assert "requirements.txt is NOT audited: the index cannot be reached." in told.stdout
        assert "docs/security.md" in told.stdout

    def test_a_mirror_without_advisories_is_not_taken_for_good_news(self) -> None:
        skipped = {"name": "flask", "skip_reason": "Dependency not found on PyPI and could not be audited"}
        outcome = judge(LOCK, answered(skipped, skipped), "")
        assert not outcome.failed
        assert "requirements.txt is NOT audited: the index serves packages and no advisories." in outcome.said

    def test_what_alone_was_not_audited_is_named(self) -> None:
        well = {"name": "flask", "version": "3.1.3", "vulns": []}
        outcome = judge(LOCK, answered(well, {"name": "ours", "skip_reason": "not found"}), "")
        assert not outcome.failed
        assert "1 dependencies audited, 0 advisories apply" in outcome.said[0]
        assert "NOT audited" in outcome.said[1]
        assert outcome.said[1].endswith(": ours.")

    def test_what_is_vulnerable_fails_and_is_named_with_its_cure(self) -> None:
        vuln = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2.0.7"]}
        outcome = judge(LOCK, answered({"name": "urllib3", "version": "2.0.6", "vulns": [vuln]}), "")
        assert outcome.failed
        assert outcome.said[0] == ("requirements.txt: urllib3 2.0.6 is vulnerable (PYSEC-1, CVE-1); mended in 2.0.7.")

    def test_a_lock_that_cannot_be_read_fails(self, tmp_path: Path) -> None:
        (tmp_path / "bad.txt").write_text("flask==3.0.0\n")  # without its hash
        told = run(tmp_path / "bad.txt")
        assert told.returncode == 1
        assert "hash" in told.stdout


RECORD = """
id: PYSEC-1
modified: 2026-05-01T00:00:00Z
aliases: [CVE-1]
affected:
- package: {ecosystem: PyPI, name: Some.Library}
  ranges:
  - type: ECOSYSTEM
    events: [{introduced: 2.0.0}, {fixed: 2.0.7}, {introduced: "0"}, {fixed: 1.26.18}]
"""


class TestByAFolder:
    def held(self, tmp_path: Path, record: str, lock: str, name: str = "a.yaml") -> list[str]:
        folder = tmp_path / "advisories" / "vulns"
        folder.mkdir(parents=True)
        (folder / name).write_text(record)
        (tmp_path / "lock.txt").write_text(lock)
        outcomes = audit([tmp_path / "lock.txt"], tmp_path / "advisories")
        assert outcomes[0].failed is (len(outcomes[0].said) > 1)
        return [line for outcome in outcomes for line in outcome.said]

    def test_what_is_pinned_in_a_vulnerable_version_is_found_by_any_spelling(self, tmp_path: Path) -> None:
        said = self.held(tmp_path, RECORD, "some-library==2.0.6 \\\n    --hash=sha256:0\n")
        assert said == [
            "lock.txt: some-library 2.0.6 is vulnerable (PYSEC-1, CVE-1); mended in 2.0.7, 1.26.18.",
            "lock.txt: 1 dependencies audited, 1 advisories apply.",
            "Held against 1 advisories, the newest changed on 2026-05-01.",
        ]

    def test_records_in_json_are_read_too(self, tmp_path: Path) -> None:
        package = {"ecosystem": "PyPI", "name": "some-library"}
        record = {"id": "GHSA-1", "modified": "2026-05-01", "affected": [{"package": package, "versions": ["1.0"]}]}
        said = self.held(tmp_path, json.dumps(record), "some-library==1.0.0\n", name="a.json")
        assert said[0] == "lock.txt: some-library 1.0.0 is vulnerable (GHSA-1); mended in no version yet."

    @pytest.mark.parametrize(
        ("record", "lock"),
        [
            (RECORD, "some-library==2.0.7\n"),
            (RECORD, "other-library==2.0.6\n"),
            (RECORD.replace("PyPI", "npm"), "some-library==2.0.6\n"),
        ],
        ids=["mended", "another library", "another language"],
    )
    def test_others_are_not(self, tmp_path: Path, record: str, lock: str) -> None:
        assert self.held(tmp_path, record, lock)[0] == "lock.txt: 1 dependencies audited, 0 advisories apply."

    def test_a_record_that_was_withdrawn_counts_for_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "b.yaml").write_text(RECORD.replace("PYSEC-1", "PYSEC-2"))
        withdrawn = RECORD + "withdrawn: 2026-06-01T00:00:00Z\n"
        (tmp_path / "a.yaml").write_text(withdrawn)
        (tmp_path / "lock.txt").write_text("some-library==2.0.6\n")
        (outcome, _) = audit([tmp_path / "lock.txt"], tmp_path)
        assert "PYSEC-2" in outcome.said[0]
        assert "PYSEC-1" not in " ".join(outcome.said)

    def test_a_folder_without_records_fails_and_audits_nothing(self, tmp_path: Path) -> None:
        (outcome,) = audit([ROOT / "requirements.txt"], tmp_path)
        assert outcome.failed
        assert "no OSV records there" in outcome.said[0]

    def test_from_the_command_line_what_is_found_fails(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_text(RECORD)
        (tmp_path / "lock.txt").write_text("some-library==1.0\n")
        told = run(tmp_path / "lock.txt", ADVISORIES=str(tmp_path))
        assert (told.returncode, told.stderr) == (1, "")


@pytest.mark.parametrize(
    ("version", "inside"),
    [("1.0", True), ("1.26.17", True), ("1.26.18", False), ("1.27", False), ("2.0.0", True), ("2.0.7", False)],
)
def test_the_events_of_a_range_are_taken_by_version_and_not_as_they_stand(version: str, inside: bool) -> None:
    events = [{"introduced": "2.0.0"}, {"fixed": "2.0.7"}, {"introduced": "0"}, {"fixed": "1.26.18"}]
    assert affects({"ranges": [{"type": "ECOSYSTEM", "events": events}]}, Version(version)) is inside


@pytest.mark.parametrize(("version", "inside"), [("1.9", False), ("2.0", True), ("2.5", True), ("2.5.1", False)])
def test_the_last_version_affected_is_affected(version: str, inside: bool) -> None:
    events = [{"introduced": "2.0"}, {"last_affected": "2.5"}]
    assert affects({"ranges": [{"type": "ECOSYSTEM", "events": events}]}, Version(version)) is inside


def test_a_range_of_commits_says_nothing_of_versions() -> None:
    assert not affects({"ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]}, Version("1.0"))


def test_the_audit_is_there_for_make() -> None:
    assert "-m scripts.audit_dependencies requirements.txt requirements-test.txt" in (ROOT / "Makefile").read_text()
