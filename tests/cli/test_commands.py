"""The other commands: what they say, and that a wrong call ends in one line and status 2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import fhir_massage
from fhir_massage.cli import main
from fhir_massage.cli.main import COMMANDS
from fhir_massage.rules import all_rules
from fhir_massage.rules.registry import SECTIONS
from tests.facts.files import MUE_HEADER, text, unlikely


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.setenv("FHIR_MASSAGE_DATA", str(tmp_path / "var"))
    monkeypatch.setenv("COLUMNS", "100")
    return Run()


class Run:
    def __call__(self, *words: str) -> Result:
        return CliRunner().invoke(main, list(words))


def test_help_names_every_command(run: Run) -> None:
    said = run("--help").output
    assert all(name in said for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(run: Run, name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_version_names_the_product_the_facts_and_the_standards(run: Run) -> None:
    said = run("--version").output
    assert fhir_massage.__version__ in said
    assert "FHIR R4 4.0.1" in said
    assert "CDS Hooks 2.0" in said
    assert "last checked 2026" in said


def test_rules_lists_every_rule(run: Run) -> None:
    said = run("rules").output
    assert all(rule.id in said and rule.title in said for rule in all_rules())


def test_rules_as_json(run: Run) -> None:
    found = json.loads(run("rules", "--format", "json").output)
    assert [each["id"] for each in found] == [rule.id for rule in all_rules()]
    assert set(found[0]) == {"id", "family", "severity", "title"}


@pytest.mark.parametrize("rule", [rule.id for rule in all_rules()])
def test_explain_shows_the_page_and_how_to_see_the_examples(run: Run, rule: str) -> None:
    result = run("explain", rule)
    assert result.exit_code == 0
    assert all(section in result.output for section in SECTIONS)
    assert "resourceType" not in result.output
    assert result.output.rstrip().endswith(f"fhir-massage explain {rule} --examples")
    assert len(result.output.splitlines()) <= 40


@pytest.mark.parametrize("rule", [rule.id for rule in all_rules()])
def test_explain_shows_both_examples_when_asked(run: Run, rule: str) -> None:
    said = run("explain", rule, "--examples").output
    assert "A bad example, reviewed on" in said
    assert "A good example, reviewed on" in said
    assert "To see its examples" not in said


def test_explain_says_what_is_said_of_the_examples(run: Run) -> None:
    said = run("explain", "charge-mismatch", "--examples").output
    assert "What is said of the bad example" in said
    assert "What is said of the good example" in said
    assert said.rstrip().endswith("Nothing.")


def test_explain_refuses_a_rule_that_is_none(run: Run) -> None:
    result = run("explain", "nonsense")
    assert result.exit_code == 2
    assert "no rule 'nonsense'" in result.output
    assert len(result.output.splitlines()) == 1


def test_answer_as_text_and_json(run: Run) -> None:
    words = (
        "answer",
        "--code",
        "97124",
        "--payer",
        "medicare-part-b",
        "--profession",
        "massage-therapist",
        "--on",
        "2026-11-02",
    )
    assert run(*words).output.startswith("No")
    found = json.loads(run(*words, "--format", "json").output)
    assert found["verdict"] == "no"
    assert set(found) >= {"verdict", "code", "payer", "profession", "on", "reasons", "conditions"}


def test_config_shows_each_setting_and_where_it_comes_from(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIR_MASSAGE_HOOK_SECONDS", "2")
    said = run("config").output
    assert "FHIR_MASSAGE_HOOK_SECONDS = 2.0  (environment)" in said
    assert "FHIR_MASSAGE_MAX_BODY = 5242880  (default)" in said


def test_config_never_shows_a_password(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIR_MASSAGE_DATABASE", "postgresql://clinic:sesame@db.example.org/log")
    for words in (("config",), ("config", "--format", "json")):
        said = run(*words).output
        assert "sesame" not in said
        assert "db.example.org" in said


def test_config_says_which_file_a_value_comes_from(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "database").write_text("postgresql://clinic:sesame@db.example.org/log?password=sesame")
    (tmp_path / "settings.toml").write_text(
        'hook_seconds = 3.0\n[issuers]\n"https://ehr.example.org" = "https://me:sesame@ehr.example.org/jwks?token=sesame"'
    )
    monkeypatch.setenv("FHIR_MASSAGE_DATABASE_FILE", str(tmp_path / "database"))
    monkeypatch.setenv("FHIR_MASSAGE_CONFIG", str(tmp_path / "settings.toml"))
    said = run("config").output
    assert f"FHIR_MASSAGE_HOOK_SECONDS = 3.0  ({tmp_path / 'settings.toml'})" in said
    assert f"({tmp_path / 'database'})" in said
    assert "sesame" not in said + run("config", "--format", "json").output


def test_config_refuses_a_wrong_setting(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIR_MASSAGE_MAX_BODY", "-1")
    result = run("config")
    assert result.exit_code == 2
    assert "FHIR_MASSAGE_MAX_BODY" in result.output


class TestFacts:
    def test_list_says_what_is_in_force_and_how_old_it_is(self, run: Run) -> None:
        said = run("facts", "list", "--on", "2026-11-23").output
        assert "ptp_pairs" in said
        assert "medicare-part-b" in said

    def test_list_says_aloud_that_a_quarter_is_stale(self, run: Run) -> None:
        said = run("facts", "list", "--on", "2026-11-23").output
        assert "the one of 2026-10-01 is out" in said

    def test_list_as_json(self, run: Run) -> None:
        found = json.loads(run("facts", "list", "--on", "2026-11-23", "--format", "json").output)
        table = next(each for each in found["tables"] if each["name"] == "mue")
        assert table["rows"] > 50
        assert table["sources"]
        assert table["newest"] <= "2026-11-23"

    def test_list_shows_each_row_of_a_table_with_its_document(self, run: Run) -> None:
        said = run("facts", "list", "therapy_thresholds", "--on", "2024-05-01").output
        assert "discipline pt-slp, dollars 2330" in said
        assert "since 2024-01-01" in said
        assert "https://" in said
        assert "2480" not in said

    def test_list_shows_each_entry_of_a_payer_with_its_document(self, run: Run) -> None:
        found = json.loads(run("facts", "list", "tricare", "--on", "2026-11-23", "--format", "json").output)
        assert {"counting", "payable", "coverage"} <= {row["key"] for row in found}
        assert all(row["title"] and row["section"] and row["url"] and row["checked"] for row in found)

    def test_list_of_what_is_not_there_names_what_is(self, run: Run) -> None:
        result = run("facts", "list", "prices")
        assert result.exit_code == 2
        assert "therapy_thresholds" in result.output

    def test_list_leaves_out_what_is_not_in_force(self, run: Run) -> None:
        found = json.loads(run("facts", "list", "--on", "1990-01-01", "--format", "json").output)
        assert next(each for each in found["tables"] if each["name"] == "mue")["rows"] == 0

    def test_import_loads_an_official_file_and_list_shows_it(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / "MCR_MUE_PractitionerServices_Eff_10-01-2026.csv"
        file.write_bytes(text(MUE_HEADER, [unlikely("97124", 4)], separator=","))
        result = run("facts", "import", str(file))
        assert result.exit_code == 0
        assert "1 rows" in result.output
        said = run("facts", "list", "--on", "2026-11-23").output
        assert file.name in said
        assert "mue is of" not in said

    def test_import_refuses_another_file_in_one_line(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / "notes.txt"
        file.write_text("nothing of the kind\n")
        result = run("facts", "import", str(file))
        assert result.exit_code == 2
        assert "notes.txt: line 1: no header" in result.output
        assert not list((tmp_path / "var").glob("ncci*"))
