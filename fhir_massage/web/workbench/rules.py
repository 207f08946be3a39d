"""Every rule: searchable, each with its page, its examples, and how often it fired and was overridden here."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from flask import request
from werkzeug.exceptions import NotFound

from fhir_massage.errors import UnknownRule
from fhir_massage.present.denial import in_words
from fhir_massage.rules import Rule, all_rules, rule_by_id
from fhir_massage.rules.registry import SECTIONS
from fhir_massage.rules.tools import cite
from fhir_massage.store.statistics import Tally, savings
from fhir_massage.web.answer import service
from fhir_massage.web.workbench import examples
from fhir_massage.web.workbench.page import door, render

#: How far back firings are counted, in days.
COUNTED_DAYS = 365


@door.get("/rules")
def rules_page() -> str:
    """The rules in which every word of the search stands."""
    words = request.args.get("q", "").lower().split()
    families: dict[str, list[Rule]] = {}
    for rule in all_rules():
        if all(word in _searched(rule) for word in words):
            families.setdefault(rule.family, []).append(rule)
    found = sum(len(rules) for rules in families.values())
    return render(
        "rules.html",
        families=families,
        found=found,
        all=len(all_rules()),
        asked=request.args.get("q", ""),
        searched=_searched,
        counted=_counted(),
    )


@door.get("/rules/<id>")
def rule_page(id: str) -> str:
    """One rule."""
    try:
        rule = rule_by_id(id)
    except UnknownRule:
        raise NotFound from None
    facts, today = service().facts, date.today()
    return render(
        "rule.html",
        rule=rule,
        sections=SECTIONS,
        denial=in_words(rule.denial, facts, today),
        cited=cite(facts, *facts.rule_sources.all(rule.id, today)),
        kinds=examples.of_rule(rule.id),
        tally_here=_counted().get(rule.id, Tally()),
        days=COUNTED_DAYS,
    )


def _searched(rule: Rule) -> str:
    """All that is searched of a rule, in lower case."""
    denial = "" if rule.denial is None else f"{rule.denial.group}-{rule.denial.carc}"
    page = " ".join(rule.page[section] for section in SECTIONS)
    return " ".join(f"{rule.id} {rule.title} {rule.family} {rule.severity} {denial} {page}".lower().split())


def _counted() -> dict[str, Tally]:
    found = savings(service().store, datetime.now(UTC) - timedelta(days=COUNTED_DAYS))
    return {} if found is None else found.by_rule
