"""What the rules found and what became of it, counted from the store by rule, payer, reason and week."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from datetime import date, datetime, timedelta
from typing import TypeVar

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from fhir_massage.store.log import Store
from fhir_massage.store.schema import Feedback, FindingRecord, HookCall

K = TypeVar("K", bound=Hashable)


class Tally(msgspec.Struct):
    """Findings counted, and what became of their cards. Money is in dollars."""

    found: int = 0
    accepted: int = 0
    overridden: int = 0
    at_risk: float = 0.0
    corrected: float = 0.0

    @property
    def open(self) -> int:
        """Findings that nobody has answered."""
        return self.found - self.accepted - self.overridden


class Savings(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules found since a day. Keys are rule ids, payer classes, override reasons, and Mondays."""

    total: Tally
    by_rule: dict[str, Tally]
    by_payer: dict[str, Tally]
    by_week: dict[date, Tally]
    reasons: dict[str, int]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a hook."""

    at: datetime
    service: str
    rules: tuple[str, ...]
    cards: int
    milliseconds: float


class _Row(msgspec.Struct, frozen=True):
    at: datetime
    card: str
    rule: str
    payer: str
    at_risk: float


def savings(store: Store, since: datetime) -> Savings | None:
    """What was found since then; ``None`` where the store cannot be read."""
    try:
        rows, outcomes, reasons = _read(store, since)
    except SQLAlchemyError:
        return None
    return Savings(
        total=next(iter(_tallies(rows, outcomes, lambda row: "").values()), Tally()),
        by_rule=_tallies(rows, outcomes, lambda row: row.rule),
        by_payer=_tallies(rows, outcomes, lambda row: row.payer),
        by_week=_weeks(_tallies(rows, outcomes, lambda row: _monday(row.at))),
        reasons=dict(reasons.most_common()),
    )


def last_calls(store: Store, count: int = 20) -> list[Call] | None:
    """The last calls of hooks, the newest first; ``None`` where the store cannot be read."""
    wanted = select(HookCall.at, HookCall.service, HookCall.rules, HookCall.cards, HookCall.milliseconds)
    try:
        with store.engine.connect() as connection:
            rows = connection.execute(wanted.order_by(HookCall.id.desc()).limit(count)).all()
    except SQLAlchemyError:
        return None
    return [
        Call(
            at=row.at, service=row.service, rules=tuple(row.rules), cards=len(row.cards), milliseconds=row.milliseconds
        )
        for row in rows
    ]


def _read(store: Store, since: datetime) -> tuple[list[_Row], dict[str, str], Counter[str]]:
    found = select(
        FindingRecord.at, FindingRecord.card, FindingRecord.rule, FindingRecord.payer, FindingRecord.at_risk
    ).where(FindingRecord.at >= since)
    answers = select(Feedback.card, Feedback.outcome, Feedback.reason).where(Feedback.at >= since).order_by(Feedback.id)
    with store.engine.connect() as connection:
        rows = [_Row(r.at, r.card, r.rule, r.payer, r.at_risk or 0.0) for r in connection.execute(found)]
        known = {row.card for row in rows}
        outcomes: dict[str, str] = {}
        reasons: Counter[str] = Counter()
        for answer in connection.execute(answers):
            if answer.card in known:
                outcomes[answer.card] = answer.outcome
                if answer.outcome == "overridden":
                    reasons[answer.reason or ""] += 1
    return rows, outcomes, reasons


def _tallies(rows: Iterable[_Row], outcomes: dict[str, str], key: Callable[[_Row], K]) -> dict[K, Tally]:
    tallies: dict[K, Tally] = defaultdict(Tally)
    for row in rows:
        tally = tallies[key(row)]
        outcome = outcomes.get(row.card)
        tally.found += 1
        tally.at_risk += row.at_risk
        tally.accepted += outcome == "accepted"
        tally.overridden += outcome == "overridden"
        tally.corrected += row.at_risk if outcome == "accepted" else 0.0
    return dict(sorted(tallies.items(), key=lambda item: (-item[1].found, str(item[0]))))


def _weeks(tallies: dict[date, Tally]) -> dict[date, Tally]:
    """Every week from the first to the last, those without findings too."""
    if not tallies:
        return {}
    first, last = min(tallies), max(tallies)
    weeks = (last - first).days // 7 + 1
    return {day: tallies.get(day, Tally()) for day in (first + timedelta(weeks=n) for n in range(weeks))}


def _monday(at: datetime) -> date:
    return at.date() - timedelta(days=at.weekday())
