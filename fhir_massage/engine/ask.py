"""Asking the rules: each of what its scope is, and none of a line or visit like one on which it had nothing to say.

A clinic bills the same few services to the same few payers day after day. So it is kept, for all that rules on
a line or visit can decide by, which of them have something to say. Nothing that tells of a patient is among that but the
diagnoses' codes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, get_args

from fhir_massage.case.seen import ClaimCase, Line, OrderCase
from fhir_massage.edit.finding import Found
from fhir_massage.engine.report import Broken
from fhir_massage.rules import Rule, Scope, rules_for, rules_of_every_service
from fhir_massage.rules.kinds import passed_over
from fhir_massage.rules.parts import Part
from fhir_massage.rules.scopes import AnyLine, BilledLine, Session, Visit, decides_by, line_of, sessions_of, visits_of

#: How many lines and visits are remembered; what a stranger makes up must not fill the memory.
MOST_REMEMBERED = 20_000

Heard = tuple[Rule, Found]


def ask(case: ClaimCase | OrderCase, broken: list[Broken]) -> Iterator[Heard]:
    """What all rules find in a claim or an order. Those that failed go into ``broken``, once each."""
    if isinstance(case, OrderCase):
        return _ask(rules_for("order"), case, case.resource, broken)
    return ask_claim(case, case.lines, [*visits_of(case), *sessions_of(case)], broken)


def ask_claim(
    case: ClaimCase,
    lines: Iterable[Line],
    visits: Iterable[Visit],
    broken: list[Broken],
    *,
    parts: Sequence[Part] = get_args(Part),
) -> Iterator[Heard]:
    """What the rules on the claim, on these parts of it, on these of its lines and on these of its visits and sessions find."""
    passed = passed_over(case)
    heard = _ask_whole(case, lines, visits, broken, parts=parts)
    return heard if not passed else ((rule, found) for rule, found in heard if rule.id not in passed)


def _ask_whole(
    case: ClaimCase, lines: Iterable[Line], visits: Iterable[Visit], broken: list[Broken], *, parts: Sequence[Part]
) -> Iterator[Heard]:
    for part in ("claim", *parts):
        yield from _ask(rules_for("claim", part), case, case.resource, broken)
    for line in lines:
        seen = line_of(case, line)
        yield from _ask_of(seen, _rules_on(seen), case, broken)
    for visit in visits:
        yield from _ask_of(visit, _rules_on(visit), case, broken)


def ask_rule(rule: Rule, case: ClaimCase) -> Iterator[Found]:
    """What one rule finds in a claim. Raises what the rule raises."""
    if rule.scope == "claim" or rule.scope in get_args(Part):
        yield from rule.check(case)
    elif rule.scope == "visit":
        for visit in visits_of(case):
            yield from rule.check(visit)
    elif rule.scope == "session":
        for session in sessions_of(case):
            yield from rule.check(session)
    else:
        for line in case.lines:
            seen = line_of(case, line)
            is_asked = seen.ours or rule.every_service
            if is_asked and (rule.scope == "any-line" or isinstance(seen, BilledLine)):
                yield from rule.check(seen)


def _ask_of(seen: AnyLine | Visit, rules: tuple[Rule, ...], case: ClaimCase, broken: list[Broken]) -> Iterator[Heard]:
    """What the rules find on a line or visit, asking of one that was met before only those that spoke then."""
    remembered = case.facts.remembered
    like_it = decides_by(seen)
    met = remembered.get(like_it)
    if met is not None and met[0] is rules:  # none was added since
        if met[1]:
            yield from _ask(met[1], seen, case.resource, broken)
        return
    failed: list[Broken] = []
    heard = list(_ask(rules, seen, case.resource, failed))
    yield from heard
    if failed:
        broken += [each for each in failed if each.rule not in {known.rule for known in broken}]
        return
    if len(remembered) >= MOST_REMEMBERED:
        remembered.clear()
    remembered[like_it] = rules, tuple({rule.id: rule for rule, _ in heard}.values())


def _ask(rules: Iterable[Rule], scope: Any, resource: str, broken: list[Broken]) -> Iterator[Heard]:
    for rule in rules:
        try:
            for found in rule.check(scope):
                yield rule, found
        except Exception as error:  # a fault in one rule must not lose the others' findings
            if all(each.rule != rule.id for each in broken):
                broken.append(Broken(rule.id, resource, error))


def _rules_on(seen: AnyLine | Visit) -> tuple[Rule, ...]:
    if isinstance(seen, Visit):
        return rules_for("claim", "session" if isinstance(seen, Session) else "visit")
    scopes: tuple[Scope, ...] = ("line", "any-line") if isinstance(seen, BilledLine) else ("any-line",)
    return rules_for("claim", *scopes) if seen.ours else rules_of_every_service(*scopes)
