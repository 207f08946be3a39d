""" "Can I bill it?" for every payer, profession and code at once: one page, from the answers that the product gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from itertools import groupby

from fhir_massage.engine.answer import ASKED_ABOUT, Answer, matrix
from fhir_massage.facts.book import Facts
from fhir_massage.rules.tools import named

VERDICTS = {"yes": "yes", "no": "no", "conditional": "if"}


def page(on: date, facts: Facts, rule_link: Callable[[str], str] = "rule-{}.md".format) -> str:
    """The page as Markdown. ``rule_link`` gives the address of a rule's page."""
    parts = [
        "# Can I bill it?",
        f"Who may bill what, by the policies and rules in force on {on}. **yes**: paid. **no**: not paid. "
        "**if**: paid under the conditions of the note. A plan's own contract may say otherwise.",
        "Ask for one answer, with its sources, and for any day:",
        "```\nfhir-massage answer --code 97124 --payer medicare-part-b --profession massage-therapist\n"
        "GET /answers?code=97124&payer=medicare-part-b&profession=massage-therapist&on=2026-11-02\n```",
        "Codes: " + "; ".join(named(facts, code, on) for code in ASKED_ABOUT) + ".",
    ]
    for payer, answers in groupby(matrix(on, facts), lambda found: found.payer):
        parts += _payer(facts.policies[payer].file.title, payer, tuple(answers), rule_link)
    return "\n\n".join(parts) + "\n"


def _payer(title: str, payer: str, answers: Sequence[Answer], rule_link: Callable[[str], str]) -> Iterator[str]:
    notes: dict[str, int] = {}
    rows = []
    for profession, found in groupby(answers, lambda each: each.profession):
        cells = [_cell(each, notes, rule_link) for each in found]
        rows.append(f"| {profession.replace('-', ' ')} | {' | '.join(cells)} |")
    yield f"## {title}"
    yield f"Payer `{payer}`."
    yield f"| | {' | '.join(ASKED_ABOUT)} |\n| --- |{' --- |' * len(ASKED_ABOUT)}\n" + "\n".join(rows)
    yield "\n".join(f"{number}. {note}" for note, number in notes.items())


def _cell(found: Answer, notes: dict[str, int], rule_link: Callable[[str], str]) -> str:
    """The verdict with the number of its note, which is added where it is new."""
    number = notes.setdefault(_note(found, rule_link), len(notes) + 1)
    return f"{VERDICTS[found.verdict]} ({number})"


def _note(found: Answer, rule_link: Callable[[str], str]) -> str:
    """Why, by which rule, and from where: a document's title shows when its link is pointed at."""
    said = []
    for reason in found.reasons:
        links = [f"[{reason.rule}]({rule_link(reason.rule)})"]
        links += [f'[source]({cited.url} "{cited.title.replace(chr(34), chr(39))}")' for cited in reason.citations]
        said.append(f"{reason.text} ({'; '.join(links)})")
    conditions = f" Conditions: {'; '.join(found.conditions)}." if found.conditions else ""
    return " ".join(said) + conditions
