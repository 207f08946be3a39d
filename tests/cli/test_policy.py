"""``fhir-massage policy``: a scaffold that is right as it stands, every fault by key, and cases that are run."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from fhir_massage.cli import main
from fhir_massage.facts import load, policy_scaffold
from fhir_massage.facts.book import read_facts
from fhir_massage.facts.policy import ENTRY_KEYS, KEY_WORDS, Flag, PolicyFile
from fhir_massage.facts.policy_scaffold import kind_of

EXAMPLES = Path(__file__).parents[2] / "examples" / "policies"
_COMMENTED_OUT = re.compile(r"^# (?=\[\[|[a-z_]+ = )", re.MULTILINE)


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FHIR_MASSAGE_DATA", str(tmp_path / "var"))


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["policy", *map(str, words)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example's policy and cases."""
    return Path(shutil.copytree(EXAMPLES, tmp_path / "policies"))


@pytest.fixture
def file(folder: Path) -> Path:
    return folder / "evergreen-mutual.toml"


def spoil(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


class TestNew:
    @pytest.mark.parametrize("name", ["my-payer", "Evergreen Mutual", 'Ärzte "Plus" 24'])
    def test_the_scaffold_passes_the_check_and_loads(self, tmp_path: Path, name: str) -> None:
        file = tmp_path / "new.toml"
        assert run("new", name, "--out", file).exit_code == 0
        assert run("check", file).exit_code == 0
        assert load.read_policy(file, load.read_sources()).payer == policy_scaffold.payer_id(name)

    def test_it_passes_with_every_key_taken_into_use(self, tmp_path: Path) -> None:
        file = tmp_path / "new.toml"
        file.write_text(_COMMENTED_OUT.sub("", run("new").output), encoding="utf-8")
        assert run("check", file).exit_code == 0
        assert {key for key, _ in read_facts(tmp_path).policies["my-payer"].entries()} == set(ENTRY_KEYS)

    @pytest.mark.parametrize("key", ENTRY_KEYS)
    def test_every_key_stands_in_it_with_words_of_its_own(self, key: str) -> None:
        assert re.search(rf"^# --- {key} ---\n# [A-Z].{{10,}}", run("new").output, re.MULTILINE)

    def test_yes_and_no_of_every_such_key_is_explained(self) -> None:
        assert {key for key in ENTRY_KEYS if kind_of(key) is Flag} == set(KEY_WORDS)

    def test_a_key_that_is_declared_appears_by_itself(self, monkeypatch: pytest.MonkeyPatch) -> None:
        more = msgspec.defstruct("More", [("asks_twice", tuple[Flag, ...], ())], bases=(PolicyFile,), kw_only=True)
        monkeypatch.setattr(policy_scaffold, "PolicyFile", more)
        monkeypatch.setattr(policy_scaffold, "ENTRY_KEYS", (*ENTRY_KEYS, "asks_twice"))
        assert "# [[asks_twice]]\n# value = true" in run("new").output

    def test_a_file_that_is_there_is_left_as_it_is(self, file: Path) -> None:
        before = file.read_bytes()
        result = run("new", "--out", file)
        assert result.exit_code == 2
        assert "there already" in result.output
        assert file.read_bytes() == before

    def test_a_name_without_letters_is_refused(self) -> None:
        assert run("new", "!?").exit_code == 2


class TestCheck:
    @pytest.mark.parametrize("shipped", sorted((load.SHIPPED / "policies").glob("*.toml")), ids=lambda file: file.stem)
    def test_nothing_is_wrong_with_the_shipped_policies(self, shipped: Path) -> None:
        assert run("check", shipped).output == f"{shipped.name}: nothing is wrong\n"

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("units = 4", 'units = "four"', "daily_units[0].units: it must be a whole number"),
            ("units = 4", "unit = 4", "daily_units[0]: it lacks units"),
            ("units = 4", "units = 4\nunit = 4", "daily_units[0]: there is no key unit here"),
            ('class = "commercial"', 'class = "comercial"', "class: there is no class 'comercial'"),
            ('class = "commercial"\n', "", "(file): it lacks class"),
            ('extends = "commercial"', 'extends = "nobody"', "extends: there is no policy of a payer 'nobody'"),
            ('extends = "commercial"', 'extends = "evergreen-mutual"', "extends: it goes round in a circle"),
            ("effective = 2026-01-01", 'effective = "soon"', "daily_units[0].effective: it must be a day"),
            ("effective = 2026-01-01\n", "", "daily_units[0]: it lacks effective"),
            ('source = "evergreen-handbook"', 'source = "rumour"', "daily_units[0].source: there is no document"),
            ('section = "4.2 Rehabilitation"', 'section = " "', "daily_units[0].section: it is empty"),
            ('value = "59"', 'value = "XU"', 'distinct_modifier[0].value: it must be "XS" or "59"'),
            ("end = 2025-12-31", "end = 2019-12-31", "distinct_modifier[0].end: it ends on 2019-12-31, before"),
            ("end = 2025-12-31\n", "", "distinct_modifier[1]: another entry speaks of the same from 2026-01-01 on"),
            ("units = 4", 'units = 4\nprofessions = ["masseur"]', "daily_units[0].professions: there is no profession"),
            ("units = 4", 'units = 4\nprofessions = "masseur"', "daily_units[0].professions: it must be a list of"),
            ("[[daily_units]]", "[[daily_unit]]", "(file): there is no key daily_unit here"),
            ("[[daily_units]]", "[daily_units]", "daily_units: write it as [[daily_units]]"),
            ("[[daily_units]]", "[[daily_units", "(file): it cannot be read at line"),
        ],
    )
    def test_a_fault_is_told_by_file_key_and_reason(self, file: Path, old: str, new: str, said: str) -> None:
        spoil(file, old, new)
        result = run("check", file)
        assert result.exit_code == 1
        assert f"{file.name}: {said}" in result.output
        assert "`int`" not in result.output

    def test_every_fault_is_told_not_only_the_first(self, file: Path) -> None:
        spoil(file, "units = 4", 'units = "four"\nsure = 3')
        spoil(file, "visits = 20", "")
        spoil(file, 'value = "59"', 'value = "XU"')
        assert {line.split(": ")[1] for line in run("check", file).output.splitlines()} == {
            "daily_units[0].units",
            "daily_units[0].sure",
            "yearly_visits[0]",
            "distinct_modifier[0].value",
        }

    def test_each_file_is_looked_through(self, file: Path, tmp_path: Path) -> None:
        other = tmp_path / "other.toml"
        other.write_text("payer = 3\n")
        said = run("check", file, other)
        assert said.exit_code == 1
        assert "evergreen-mutual.toml: nothing is wrong" in said.output
        assert "other.toml: payer: it must be a text" in said.output

    def test_a_file_may_extend_one_beside_it(self, file: Path) -> None:
        text = file.read_text().replace('payer = "evergreen-mutual"', 'payer = "evergreen-gold"')
        gold = file.with_name("gold.toml")
        gold.write_text(text.replace('extends = "commercial"', 'extends = "evergreen-mutual"'))
        assert run("check", gold).exit_code == 0

    def test_a_file_that_is_not_there_is_status_2(self, tmp_path: Path) -> None:
        result = run("check", tmp_path / "nothing.toml")
        assert result.exit_code == 2
        assert "nothing.toml" in result.output

    def test_what_it_passes_loads_and_what_it_refuses_does_not(self, file: Path) -> None:
        read_facts(file.parent)
        spoil(file, "units = 4", "units = 4.5")
        assert run("check", file).exit_code == 1
        with pytest.raises(Exception, match="daily_units"):
            read_facts(file.parent)


class TestTest:
    @pytest.mark.parametrize("named", ["folder", "file"])
    def test_the_cases_of_the_example_pass(self, folder: Path, file: Path, named: str) -> None:
        result = run("test", folder if named == "folder" else file)
        assert result.exit_code == 0
        assert "ok  a-fifth-unit-a-day" in result.output
        assert "2 cases, 0 failed" in result.output

    def test_the_policy_is_in_use(self, folder: Path, file: Path) -> None:
        spoil(file, "units = 4", "units = 3")
        result = run("test", folder)
        assert result.exit_code == 1
        assert "failed  four-units-a-day\n    found, and not expected: " in result.output

    def test_a_finding_that_does_not_come_fails_the_case(self, folder: Path, file: Path) -> None:
        spoil(file, "units = 4", "units = 9")
        result = run("test", folder)
        assert result.exit_code == 1
        assert "failed  a-fifth-unit-a-day\n    expected, and not found: " in result.output

    def test_notes_count_where_the_case_says_so(self, folder: Path) -> None:
        expected = folder / "cases" / "four-units-a-day.toml"
        expected.write_text('on = 2026-11-10\nfindings = ["no-such-rule"]\nnotes = true\n')
        assert "expected, and not found: no-such-rule" in run("test", folder).output

    def test_a_policy_that_is_wrong_is_told_before_its_cases(self, folder: Path, file: Path) -> None:
        spoil(file, "units = 4", "")
        result = run("test", folder)
        assert result.exit_code == 1
        assert "daily_units[0]: it lacks units" in result.output
        assert "four-units" not in result.output

    @pytest.mark.parametrize(
        ("name", "content", "said"),
        [
            ("four-units-a-day.toml", None, "there is no such file beside the claim"),
            ("four-units-a-day.toml", "findings = []", "it says `on = 2026-01-31`"),
            ("four-units-a-day.toml", "on = ", "it says `on = 2026-01-31`"),
            ("four-units-a-day.json", "{", "four-units-a-day.json"),
            ("four-units-a-day.json", '{"resourceType": "Patient"}', "it was not reviewed as a whole"),
        ],
    )
    def test_a_case_that_cannot_be_run_is_status_2(
        self, folder: Path, name: str, content: str | None, said: str
    ) -> None:
        case = folder / "cases" / name
        if content is None:
            case.unlink()
        else:
            case.write_text(content)
        result = run("test", folder)
        assert result.exit_code == 2
        assert said in result.output

    def test_no_cases_are_status_2(self, folder: Path) -> None:
        shutil.rmtree(folder / "cases")
        assert run("test", folder).exit_code == 2

    def test_a_folder_without_policy_is_status_2(self, tmp_path: Path) -> None:
        assert run("test", tmp_path).exit_code == 2
