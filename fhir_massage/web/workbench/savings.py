"""What the rules save here: findings and what became of them, by rule, payer, reason and week."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import request

from fhir_massage.present.card import OVERRIDE_REASONS
from fhir_massage.present.chart import bars
from fhir_massage.store.bounded import NoAnswer
from fhir_massage.store.statistics import Savings, savings
from fhir_massage.web.answer import service
from fhir_massage.web.workbench.page import dollars, door, render, sentence

SPANS = ((30, "30 days"), (90, "90 days"), (365, "a year"))
MOST_BARS = 10


@door.get("/savings")
def savings_page() -> str:
    """The page for the span of days that the address names."""
    asked = request.args.get("days", "")
    days = int(asked) if asked in {str(span) for span, _ in SPANS} else 90
    found = _found(datetime.now(UTC) - timedelta(days=days))
    if found is None or not found.total.found:
        return render("savings.html", found=None, unreadable=found is None, days=days, spans=SPANS)
    reasons = dict(OVERRIDE_REASONS)
    facts = service().facts
    titles = {each: history.file.title for each, history in facts.policies.items()}
    weeks = [
        (f"{day:%d %b}", tally.at_risk, tally.corrected, dollars(tally.at_risk)) for day, tally in found.by_week.items()
    ]
    return render(
        "savings.html",
        found=found,
        days=days,
        spans=SPANS,
        titles=titles,
        reason_words=lambda code: reasons.get(code, sentence(code) if code else "No reason given"),
        week_bars=bars(weeks[-26:], 120, 1),
        rule_bars=bars(
            [(rule, t.found, t.accepted, str(t.found)) for rule, t in list(found.by_rule.items())[:MOST_BARS]], 300, 30
        ),
        payer_bars=bars(
            [
                (titles.get(payer, "Not known"), t.at_risk, t.corrected, dollars(t.at_risk))
                for payer, t in list(found.by_payer.items())[:MOST_BARS]
            ],
            300,
            30,
        ),
    )


def _found(since: datetime) -> Savings | None:
    """What was found since then; ``None`` where the store cannot be read, or not in time."""
    shared = service()
    try:
        return shared.asking.ask(lambda: savings(shared.store, since))
    except NoAnswer:
        return None
