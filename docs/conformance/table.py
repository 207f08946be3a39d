"""The conformance table: each statement of CDS Hooks and CRD, our answer, and the tests that show it.

``python -m docs.conformance.table`` writes ``docs/conformance.md``. A test carries the keys of the statements that it
shows: ``@pytest.mark.conforms("hooks-8", "found-24")``.
"""

from __future__ import annotations

import ast
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PAGE = HERE.parent / "conformance.md"
GUIDES = (
    ("CDS Hooks 3.0.0", "cds-hooks-3.0.0.csv", "https://cds-hooks.hl7.org/"),
    ("Da Vinci CRD 2.2.1", "crd-2.2.1.csv", "https://hl7.org/fhir/us/davinci-crd/"),
)
MARKER = "conforms"
#: A test with this marker may be skipped where it cannot run, and so shows nothing.
SKIPPABLE = "needs_maven"

Choice = Literal["met", "operator", "not applicable", "not met"]

HEAD = """# Conformance

Every statement that [CDS Hooks 3.0.0](https://cds-hooks.hl7.org/) makes of a service, and [Da Vinci CRD 2.2.1](https://hl7.org/fhir/us/davinci-crd/) of a server; what this service does about it; and the tests that show it. The table is generated from the tests, and a test refuses it where it is not true: a binding statement (SHALL, SHALL NOT) has a test that passes, or a reason why it does not apply.

*Met*: the tests named show it. *Operator*: it is decided where the service is set up. *Not applicable*: the service does nothing that the statement speaks of. *Not met*: said plainly, with the reason.
"""


class Statement(msgspec.Struct, frozen=True):
    """One statement of a guide, word for word."""

    key: str
    strength: str
    statement: str

    @property
    def binding(self) -> bool:
        """Whether it has to be met."""
        return "SHALL" in self.strength


class Answer(msgspec.Struct, frozen=True):
    """What we say of a statement, and why where no test can show it."""

    key: str
    answer: Choice
    why: str


def statements(file: str) -> list[Statement]:
    """The statements of one guide."""
    with (HERE / file).open(encoding="utf-8", newline="") as rows:
        return [Statement(row["key"], row["strength"], row["statement"]) for row in csv.DictReader(rows)]


def all_statements() -> list[Statement]:
    """The statements of both guides."""
    return [statement for _, file, _ in GUIDES for statement in statements(file)]


def answers() -> dict[str, Answer]:
    """Our answers by key. Raises ``msgspec.ValidationError`` for a word that is none of the four."""
    with (HERE / "answers.csv").open(encoding="utf-8", newline="") as rows:
        return {row["key"]: msgspec.convert(row, Answer) for row in csv.DictReader(rows)}


def shown_by(folder: Path = ROOT / "tests") -> dict[str, list[str]]:
    """The tests that carry each key, as ``tests/file.py::Class::test``."""
    found: dict[str, list[str]] = {}
    for file in sorted(folder.rglob("test_*.py")):
        for key, name in _marked(ast.parse(file.read_text(encoding="utf-8")).body, ""):
            found.setdefault(key, []).append(f"{file.relative_to(ROOT)}{name}")
    return found


def page() -> str:
    """The table as Markdown."""
    given, tests = answers(), shown_by()
    parts = [HEAD]
    for title, file, url in GUIDES:
        rows = [_row(each, given[each.key], tests.get(each.key, [])) for each in statements(file)]
        met = sum(given[each.key].answer == "met" for each in statements(file))
        parts += [
            f"\n## {title}\n",
            f"{met} of {len(rows)} statements met, by the tests named ([the guide]({url})).\n",
            "| key | strength | statement | answer | why, or shown by |\n| --- | --- | --- | --- | --- |",
            *rows,
        ]
    return "\n".join(parts) + "\n"


def _row(statement: Statement, answer: Answer, tests: list[str]) -> str:
    shown = "<br>".join(f"`{test.removeprefix('tests/')}`" for test in tests)
    why = "<br>".join(part for part in (answer.why, shown) if part)
    return f"| {statement.key} | {statement.strength} | {_cell(statement.statement)} | {answer.answer} | {why} |"


def _cell(text: str) -> str:
    """The guide's own words, in a table: its links lead into the guide and are left out."""
    return " ".join(text.replace("|", "\\|").replace("[", "\\[").split())


def _marked(body: list[ast.stmt], prefix: str, outer: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        decorators = [ast.unparse(each.func if isinstance(each, ast.Call) else each) for each in node.decorator_list]
        if any(name.endswith(f".{SKIPPABLE}") for name in decorators):
            continue
        keys = outer + tuple(
            argument.value
            for each in node.decorator_list
            if isinstance(each, ast.Call) and ast.unparse(each.func).endswith(f".{MARKER}")
            for argument in each.args
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
        )
        name = f"{prefix}::{node.name}"
        if isinstance(node, ast.ClassDef):
            yield from _marked(node.body, name, keys)
        elif node.name.startswith("test"):
            yield from ((key, name) for key in keys)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)} written")
