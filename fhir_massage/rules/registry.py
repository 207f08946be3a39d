"""The rules by id. A rule is data and one function, whose docstring is the rule's page."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from threading import RLock
from typing import Any, Literal, NotRequired, TypedDict, TypeVar, Unpack, get_args

import msgspec

from fhir_massage.case.seen import ClaimCase, OrderCase
from fhir_massage.edit.finding import Citation, Denial, Found, Severity
from fhir_massage.errors import UnknownRule
from fhir_massage.installed import Plugin
from fhir_massage.rules import plugins
from fhir_massage.rules.parts import Charges, Services
from fhir_massage.rules.scopes import AnyLine, BilledLine, Session, Visit

Subject = Literal["claim", "order"]
Family = Literal[
    "units", "coding", "ptp", "modifiers", "provider", "diagnosis", "referral", "coverage", "claim", "order"
]
#: What of a claim a rule gets: all of it, its head and services, its charges, a visit, a session, a line with code,
#: day and policy, or any line.
Scope = Literal["claim", "services", "charges", "visit", "session", "line", "any-line"]
ClaimCheck = Callable[[ClaimCase], Iterator[Found]]
ServicesCheck = Callable[[Services], Iterator[Found]]
ChargesCheck = Callable[[Charges], Iterator[Found]]
VisitCheck = Callable[[Visit], Iterator[Found]]
SessionCheck = Callable[[Session], Iterator[Found]]
LineCheck = Callable[[BilledLine], Iterator[Found]]
AnyLineCheck = Callable[[AnyLine], Iterator[Found]]
OrderCheck = Callable[[OrderCase], Iterator[Found]]
Check = TypeVar("Check", bound=Callable[[Any], Iterator[Found]])

#: The sections of a rule's docstring, in their order.
SECTIONS = ("What it checks", "Why it is denied", "What to do", "Source")


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule: what it is called, how grave it is, the denial it would bring, and its function.

    ``topic`` is the code of the CDS Hooks card type that its cards carry. ``scope`` is what its function gets.
    ``citations`` are the sources of its findings that cite none, where no row of ``rule_sources`` names them.
    A rule on lines is asked of the services that are ours to judge, and with ``every_service`` of any.
    """

    id: str
    family: Family
    subject: Subject
    severity: Severity
    title: str
    topic: str = "claim"
    denial: Denial | None = None
    check: Callable[[Any], Iterator[Found]]
    page: dict[str, str]
    scope: Scope = "claim"
    citations: tuple[Citation, ...] = ()
    every_service: bool = False

    def example(self, kind: Literal["bad", "good"]) -> Path | None:
        """The file of the rule's example; ``None`` without one.

        It stands in a folder ``examples`` beside the rule's module or beside the package that holds the module.
        """
        module = Path(inspect.getfile(self.check))
        files = (folder / "examples" / self.id / f"{kind}.json" for folder in module.parents[:2])
        return next((file for file in files if file.is_file()), None)


_ID = re.compile(r"[a-z][a-z0-9-]*")
_rules: dict[str, Rule] = {}
_plugins: tuple[Plugin, ...] | None = None
_loading = RLock()


class Details(TypedDict):
    """What is said of a rule for claims beside its id; the fields are those of ``Rule``."""

    family: Family
    severity: Severity
    title: str
    topic: NotRequired[str]
    denial: NotRequired[Denial | None]
    citations: NotRequired[tuple[Citation, ...]]
    every_service: NotRequired[bool]


def claim_rule(id: str, **details: Unpack[Details]) -> Callable[[ClaimCheck], ClaimCheck]:
    """Register a function from a whole claim to what it finds as the rule ``id``.

    Its docstring is the rule's page. Raises ``ValueError`` for a page that lacks a section, an id that is
    taken or no name, and a family or severity that there is not.
    """
    return _registered(id, "claim", details)


def services_rule(id: str, **details: Unpack[Details]) -> Callable[[ServicesCheck], ServicesCheck]:
    """Register a function that gets the claim's head and services. Raises ``ValueError`` as ``claim_rule`` does."""
    return _registered(id, "services", details)


def charges_rule(id: str, **details: Unpack[Details]) -> Callable[[ChargesCheck], ChargesCheck]:
    """Register a function that gets the claim's charges. Raises ``ValueError`` as ``claim_rule`` does."""
    return _registered(id, "charges", details)


def visit_rule(id: str, **details: Unpack[Details]) -> Callable[[VisitCheck], VisitCheck]:
    """Register a function that is asked of each visit of a claim. Raises ``ValueError`` as ``claim_rule`` does."""
    return _registered(id, "visit", details)


def session_rule(id: str, **details: Unpack[Details]) -> Callable[[SessionCheck], SessionCheck]:
    """Register a function that is asked of each session of a claim. Raises ``ValueError`` as ``claim_rule`` does."""
    return _registered(id, "session", details)


def line_rule(id: str, **details: Unpack[Details]) -> Callable[[LineCheck], LineCheck]:
    """Register a function that is asked of each line with a code, a day and a policy. Raises as ``claim_rule`` does."""
    return _registered(id, "line", details)


def any_line_rule(id: str, **details: Unpack[Details]) -> Callable[[AnyLineCheck], AnyLineCheck]:
    """Register a function that is asked of every line. Raises ``ValueError`` as ``claim_rule`` does."""
    return _registered(id, "any-line", details)


def _registered(id: str, scope: Scope, details: Details) -> Callable[[Check], Check]:
    def register(check: Check) -> Check:
        _add(Rule(id=id, subject="claim", scope=scope, check=check, page=_page(check), **details))
        return check

    return register


def order_rule(
    id: str, *, severity: Severity, title: str, topic: str, denial: Denial | None = None,
    citations: tuple[Citation, ...] = (),
) -> Callable[[OrderCheck], OrderCheck]:  # fmt: skip
    """Register a function as the rule ``id`` for orders. Raises ``ValueError`` as ``claim_rule`` does."""

    def register(check: OrderCheck) -> OrderCheck:
        _add(Rule(id=id, family="order", subject="order", severity=severity, title=title, topic=topic,
                  denial=denial, check=check, page=_page(check), citations=citations))  # fmt: skip
        return check

    return register


def all_rules() -> tuple[Rule, ...]:
    """Every rule: the product's own in their order, then those of installed packages."""
    rule_plugins()
    return tuple(_rules.values())


@cache
def rules_for(subject: Subject, *scopes: Scope) -> tuple[Rule, ...]:
    """The rules for claims or for orders; where scopes are given, those that get as much of a claim.

    It is the same tuple each time, until a rule is added.
    """
    rule_plugins()
    return tuple([rule for rule in _rules.values() if rule.subject == subject and (not scopes or rule.scope in scopes)])


@cache
def rules_of_every_service(*scopes: Scope) -> tuple[Rule, ...]:
    """Those rules on a claim's lines that are asked also of services which are none of ours."""
    return tuple([rule for rule in rules_for("claim", *scopes) if rule.every_service])


def rule_by_id(id: str) -> Rule:
    """The rule of that id. Raises ``UnknownRule``."""
    rule_plugins()
    try:
        return _rules[id]
    except KeyError:
        raise UnknownRule(f"there is no rule '{id}'; `fhir-massage rules` lists them all") from None


def rule_plugins() -> tuple[Plugin, ...]:
    """The installed packages that offer rules, each with the rules that it brings or why it was left out.

    They are imported when rules are first asked for, so that every door has the same ones.
    """
    global _plugins
    with _loading:
        if _plugins is None:
            _plugins = ()  # a package that asks for rules while it is imported sees those so far
            _plugins = plugins.load(_rules)
            _forget()
        return _plugins


def _add(rule: Rule) -> None:
    if rule.id in _rules:
        raise ValueError(f"two rules are called {rule.id}")
    for what, value, known in (("family", rule.family, Family), ("severity", rule.severity, Severity)):
        if value not in get_args(known):
            raise ValueError(
                f"the rule {rule.id} has a {what} that there is not; known are {', '.join(get_args(known))}"
            )
    if not _ID.fullmatch(rule.id):
        raise ValueError(f"a rule's id is written in lower case letters, digits and hyphens, unlike {rule.id!r}")
    _rules[rule.id] = rule
    _forget()


def _forget() -> None:
    rules_for.cache_clear()
    rules_of_every_service.cache_clear()


def _page(check: Callable[..., Any]) -> dict[str, str]:
    """The sections of a rule's docstring. Raises ``ValueError`` where one is missing."""
    page: dict[str, str] = {}
    heading = ""
    for line in inspect.cleandoc(check.__doc__ or "").splitlines():
        if line.rstrip(":") in SECTIONS:
            heading = line.rstrip(":")
            page[heading] = ""
        elif heading:
            page[heading] += line + "\n"
    page = {name: text.strip() for name, text in page.items()}
    missing = [name for name in SECTIONS if not page.get(name)]
    if missing:
        raise ValueError(f"the docstring of {check.__name__} lacks: {', '.join(missing)}")
    return page
