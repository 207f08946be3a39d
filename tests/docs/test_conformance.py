"""The conformance table says what is true: every statement has an answer, and every binding one a test or a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.conformance import table

STATEMENTS = table.all_statements()
ANSWERS = table.answers()
TESTS = table.shown_by()


def test_every_statement_has_an_answer_and_no_other_key_has() -> None:
    assert list(ANSWERS) == [statement.key for statement in STATEMENTS]


def test_tests_name_only_statements_that_there_are() -> None:
    assert set(TESTS) <= set(ANSWERS)


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.key)
def test_a_statement_that_is_met_has_a_test_and_any_other_a_reason(statement: table.Statement) -> None:
    answer = ANSWERS[statement.key]
    if answer.answer == "met":
        assert TESTS.get(statement.key), f"no test carries {statement.key}: {statement.statement}"
    else:
        assert answer.why, "an answer other than 'met' gives its reason"
    assert not (statement.binding and answer.answer == "not met"), "a binding statement is met, or does not apply"


def test_the_page_in_the_repository_is_the_one_that_the_tests_make() -> None:
    assert table.PAGE.read_text(encoding="utf-8") == table.page(), "run `make conformance`"


def test_a_test_that_may_be_skipped_shows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "ROOT", tmp_path)
    (tmp_path / "test_x.py").write_text(
        "import pytest\n"
        "@pytest.mark.needs_maven\n@pytest.mark.conforms('a')\ndef test_one(): ...\n"
        "@pytest.mark.conforms('b', 'c')\nclass TestTwo:\n"
        "    @pytest.mark.conforms('d')\n    def test_three(self): ...\n"
        "    def helper(self): ...\n"
    )
    assert table.shown_by(tmp_path) == {key: ["test_x.py::TestTwo::test_three"] for key in ("b", "c", "d")}
