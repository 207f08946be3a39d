"""The pages of the documentation: those written by hand, and those that rules, facts, policies and commands make.

``python -m docs.build`` lays them all in ``build/pages``, of which ``make docs`` makes the site (``mkdocs.yml``).
"""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path

from docs import figures, matrix, reference
from fhir_massage.facts.book import shipped
from fhir_massage.rules import Rule, all_rules
from fhir_massage.rules.registry import SECTIONS

ROOT = Path(__file__).parent.parent
TODAY = date.today
EXAMPLES = ROOT / "fhir_massage" / "rules" / "examples"
LAID = ROOT / "build" / "pages"
#: What of this folder belongs to the site beside the pages.
SHOWN = ("*.md", "*.svg", "*.png")
_FROM_THE_ROOT = re.compile(r"\]\(docs/")


def main(folder: Path = LAID) -> None:
    """Lay every page in the folder, with the pictures that they show."""
    shutil.rmtree(folder, ignore_errors=True)
    written = [file for pattern in SHOWN for file in (ROOT / "docs").rglob(pattern)]
    for file in written:
        to = folder / file.relative_to(ROOT / "docs")
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, to)
    for name, text in pages(TODAY()).items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")


def pages(today: date) -> dict[str, str]:
    """Every page that is made, by its name without ``.md``, as Markdown."""
    facts = shipped()
    day = min(today, figures.known_until(facts))
    made = {
        "changes": _read(ROOT / "CHANGELOG.md"),
        "contributing": _read(ROOT / "CONTRIBUTING.md"),
        "rules": _rules(),
        "can-i-bill-it": matrix.page(day, facts),
        "payers": reference.payers(facts, day),
        "sources": reference.sources(facts, day),
        "commands": reference.commands(),
        "http": reference.http(),
        "settings": reference.settings(),
    }
    return made | {f"rule-{rule.id}": _rule(rule) for rule in all_rules()} | guide(day)


def guide(on: date) -> dict[str, str]:
    """The pages of the guide by name, with the figures in force on a day. Raises ``figures.Unresolved``."""
    example = EXAMPLES / "letter-of-medical-necessity" / "bad.json"
    known = figures.Figures(shipped(), on, example.read_bytes())
    return {f"guide/{file.stem}": figures.fill(file, known) for file in sorted((ROOT / "docs" / "guide").glob("*.md"))}


def _read(file: Path) -> str:
    return _FROM_THE_ROOT.sub("](", file.read_text(encoding="utf-8"))


def _rules() -> str:
    parts = [
        "# Rules",
        "Every rule, with what it checks, why it matters to payment, what to do, and the source. "
        "`fhir-massage explain RULE` says the same on the command line.",
    ]
    for family in dict.fromkeys(rule.family for rule in all_rules()):
        rows = [
            f"| [{rule.id}](rule-{rule.id}.md) | {rule.severity} | {_denial(rule) or '–'} | {rule.title} |"
            for rule in all_rules()
            if rule.family == family
        ]
        parts.append(f"## {family}\n\n| rule | severity | denial | what it finds |\n| --- | --- | --- | --- |")
        parts[-1] += "\n" + "\n".join(rows)
    return "\n\n".join(parts) + "\n"


def _rule(rule: Rule) -> str:
    denial = _denial(rule)
    head = f"{rule.title}. Severity: {rule.severity}; family: {rule.family}{f'; denied as {denial}' if denial else ''}."
    parts = [f"# {rule.id}", head]
    parts += [f"## {section}\n\n{rule.page[section]}" for section in SECTIONS]
    for kind in ("bad", "good"):
        text = (EXAMPLES / rule.id / f"{kind}.json").read_text(encoding="utf-8").rstrip()
        parts.append(f"## A {kind} example\n\n```json\n{text}\n```")
    return "\n\n".join(parts) + "\n"


def _denial(rule: Rule) -> str:
    denial = rule.denial
    return "" if denial is None else " ".join((f"{denial.group}-{denial.carc}", *denial.rarc))


if __name__ == "__main__":
    main()
