"""The page that says who may bill what to whom: a matrix, and one answer with its why and source."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from flask import request

from fhir_massage.engine.answer import SERVICES, Answer, answer, matrix
from fhir_massage.errors import UnknownQuestion
from fhir_massage.facts.book import Facts
from fhir_massage.rules.payment import PROFESSIONS
from fhir_massage.web.answer import service
from fhir_massage.web.workbench.page import asked_day, door, render


@door.get("/can-i-bill-it")
def answers_page() -> tuple[str, int]:
    """The matrix of a code, and the answer for the payer and profession that the address names."""
    facts, on = service().facts, asked_day()
    code = request.args.get("code", SERVICES[0]).strip().upper()
    payer, profession = request.args.get("payer", ""), request.args.get("profession", "")
    problem, found = "", None
    try:
        table = _table(facts, code, on)
        if payer and profession:
            found = answer(code, payer, profession, on, facts)
    except UnknownQuestion as error:
        problem, table, found = f"There is no {error.what} of that name.", {}, None
    page = render(
        "answers.html",
        problem=problem,
        code=code,
        codes=sorted({row.code for row in facts.procedure_words} | set(SERVICES)),
        code_words={row.code: row.words for row in facts.procedure_words},
        on=on,
        today=date.today(),
        payer=payer,
        profession=profession,
        payers=_payers(facts),
        classes=list(table),
        titles={each: history.file.title for each, history in facts.policies.items()},
        table=table,
        rows=PROFESSIONS,
        found=found,
        services=SERVICES,
    )
    return page, 400 if problem else 200


def _payers(facts: Facts) -> list[tuple[str, str]]:
    return sorted(((each, history.file.title) for each, history in facts.policies.items()), key=lambda pair: pair[1])


@lru_cache(maxsize=32)
def _table(facts: Facts, code: str, on: date) -> dict[str, dict[str, Answer]]:
    """The answers for a code by payer class and profession. Raises ``UnknownQuestion``."""
    table: dict[str, dict[str, Answer]] = {}
    if code in SERVICES:
        answers = [each for each in matrix(on, facts) if each.code == code]
    else:
        classes = [payer for payer, history in facts.policies.items() if history.file.payer_class == payer]
        answers = [answer(code, payer, profession, on, facts) for payer in classes for profession in PROFESSIONS]
    for each in answers:
        table.setdefault(each.payer, {})[each.profession] = each
    return table
