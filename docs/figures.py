"""The figures, verdicts and links of the guide, filled in from the facts of one day so that they cannot drift.

A page asks for them by name: ``{{ threshold("pt-slp") }}``, ``{{ rule("provider-not-payable") }}``. A fact that is
not there on that day, or a name that nothing has, is an error that names the page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import jinja2

from fhir_massage.engine.answer import Answer, answer
from fhir_massage.engine.run import review
from fhir_massage.errors import FhirMassageError
from fhir_massage.facts.book import Facts
from fhir_massage.facts.policy import FilingLimit, Policy
from fhir_massage.rules import rule_by_id
from fhir_massage.rules.tools import listed, named, number
from fhir_massage.rules.units.counting import allot

T = TypeVar("T")
VERDICTS = {"yes": "Yes", "no": "No", "conditional": "Under conditions"}
#: How far the ranges of minutes are worked out.
MOST_MINUTES = 480


class Unresolved(Exception):
    """A page of the guide asks for something that the facts do not have: names the page and what is missing."""


class Figures:
    """What a page may ask for. Amounts come as text with their unit; sentences and lists as Markdown."""

    def __init__(self, facts: Facts, on: date, example_order: bytes) -> None:
        """``on`` is the day whose facts hold; ``example_order`` is one that a letter is drafted for."""
        self._facts = facts
        self._on = on
        self._example_order = example_order

    def names(self) -> dict[str, Callable[..., object] | date | int]:
        """The names that pages use."""
        asked = {name: getattr(self, name) for name in dir(type(self)) if not name.startswith("_") and name != "names"}
        return {**asked, "on": self._on, "this_year": self._on.year}

    # --- amounts ----------------------------------------------------------------------------------------

    def threshold(self, discipline: str, year: int | None = None) -> str:
        """Medicare's yearly therapy amount."""
        return _dollars(
            self._there(self._facts.therapy_thresholds.find(discipline, self._in(year)), discipline).dollars
        )

    def irs(self, figure: str, filing: str = "all", year: int | None = None) -> str:
        """A figure of the tax law: dollars, or percent for the floor of medical expenses."""
        row = self._there(self._facts.irs_figures.find((figure, filing), self._in(year)), f"{figure}, {filing}")
        amount = row.dollars_or_percent
        return f"{number(amount)} %" if figure.endswith("-floor") else _dollars(amount)

    def fee(self, code: str, year: int | None = None) -> str:
        """What Medicare pays for one unit, as a national amount."""
        return _dollars(self._there(self._facts.fees.find(code, self._in(year)), f"fee of {code}").dollars)

    def most_units(self, code: str) -> str:
        """The most units a day that Medicare holds likely."""
        return str(self._there(self._facts.mue.find(code, self._on), f"units of {code}").units)

    def unit_ranges(self, most: int) -> list[tuple[int, int, int]]:
        """For each number of units its fewest and most minutes, by the count of all timed minutes together."""
        units_of = [allot("cms", [minutes], [0])[0] for minutes in range(MOST_MINUTES)]
        found = [(units, units_of.index(units)) for units in range(1, most + 2)]
        return [(units, first, following - 1) for (units, first), (_, following) in pairwise(found)]

    def units(self, way: str, *minutes: int) -> str:
        """How many units each of several services gets: ``2 and 1``."""
        return " and ".join(str(count) for count in allot(way, list(minutes), [0 for _ in minutes]))

    # --- what payers say ----------------------------------------------------------------------------------

    def payer_title(self, payer: str) -> str:
        """What a payer is called."""
        return self._policy(payer).title

    def referral(self, code: str, payer: str, profession: str) -> str:
        """Whether the payer asks for a referral, in its policy's words."""
        asked = self._policy(payer).referral(code, profession)
        return "asks for none." if asked is None else asked.words

    def verdict(self, code: str, payer: str, profession: str) -> str:
        """Yes, no, or under conditions."""
        return VERDICTS[self._answer(code, payer, profession).verdict]

    def why(self, code: str, payer: str, profession: str) -> str:
        """The verdict with its reasons, their rules and their sources, and the conditions, as Markdown."""
        found = self._answer(code, payer, profession)
        said = [f"**{VERDICTS[found.verdict]}.**"]
        for reason in found.reasons:
            links = [f"[{cited.title}]({cited.url})" for cited in reason.citations]
            said.append(f"{reason.text} ({'; '.join([self.rule(reason.rule), *links])})")
        conditions = "".join(f"\n- {condition}" for condition in found.conditions)
        return " ".join(said) + (f"\n{conditions}\n" if conditions else "")

    def pays(self, code: str, payers: Sequence[str], profession: str) -> str:
        """A list of several payers, each with its verdict and reasons, as Markdown."""
        return "\n\n".join(f"### {self.payer_title(payer)}\n\n{self.why(code, payer, profession)}" for payer in payers)

    def yearly_visits(self, payer: str) -> str:
        """The most visits a year."""
        return str(self._there(next(iter(self._policy(payer).yearly_visits), None), f"visits of {payer}").visits)

    def daily_units(self, payer: str) -> str:
        """The most units a day."""
        return str(self._there(next(iter(self._policy(payer).daily_units), None), f"daily units of {payer}").units)

    def filing_limit(self, payer: str) -> str:
        """How long after the service a claim may be sent."""
        return _time(self._there(self._policy(payer).filing_limit, f"filing limit of {payer}"))

    def pair(self, one: str, two: str) -> str:
        """What NCCI says of two codes of one day, as a sentence."""
        row = self._there(self._facts.ptp_pairs.find((one, two), self._on), f"pair of {one} and {two}")
        if row.indicator == "0":
            return f"{two} is never paid beside {one}, whatever the modifier"
        apart = {"region": "it treated another region", "interval": "it took other minutes of the session"}
        return f"{two} is paid beside {one} only with a modifier that says that {apart.get(row.apart, 'it was apart')}"

    def no_pair(self, one: str, two: str) -> str:
        """Nothing, where NCCI holds no pair of the two; an error where it does."""
        for key in ((one, two), (two, one)):
            if self._facts.ptp_pairs.find(key, self._on) is not None:
                raise Unresolved(f"{one} and {two} are a pair now")
        return ""

    # --- links and words ------------------------------------------------------------------------------------

    def rule(self, id: str) -> str:
        """A link to the page of a rule."""
        return f"[{rule_by_id(id).id}](../rule-{id}.md)"

    def source(self, id: str) -> str:
        """A link to a document that facts cite."""
        found = self._there(self._facts.sources.get(id), f"source {id}")
        return f"[{found.owner}, {found.title}]({found.url})"

    def service(self, code: str) -> str:
        """A code with our words for it."""
        self._there(self._facts.procedure_words.find(code, self._on), f"words for {code}")
        return named(self._facts, code, self._on)

    def techniques(self, code: str, *words: str) -> str:
        """Techniques in words, each of which the facts hold to belong to the code."""
        for technique in words:
            if code not in {row.code for row in self._facts.techniques.all(("text", technique), self._on)}:
                raise Unresolved(f"'{technique}' is no technique of {code}")
        return listed(list(words))

    def letter(self) -> str:
        """The letter of medical necessity that the product drafts for an example order, as a quoted text."""
        drafts = [finding.draft for finding in review(self._example_order, on=self._on, facts=self._facts).findings]
        drafted = self._there(next((draft for draft in drafts if draft), None), "letter for the example order")
        return f"```\n{drafted.strip()}\n```"

    # --- of its own ---------------------------------------------------------------------------------------

    def _in(self, year: int | None) -> date:
        return self._on if year is None else date(year, 12, 31)

    def _answer(self, code: str, payer: str, profession: str) -> Answer:
        return answer(code, payer, profession, self._on, self._facts)

    def _policy(self, payer: str) -> Policy:
        return self._there(self._facts.policy(payer, self._on), f"policy of {payer}")

    def _there(self, found: T | None, what: str) -> T:
        if found is None:
            raise Unresolved(f"there is no {what}")
        return found


def fill(file: Path, figures: Figures) -> str:
    """The page with its figures. Raises ``Unresolved`` with the page's name where one cannot be had."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    try:
        return environment.from_string(file.read_text(encoding="utf-8")).render(figures.names())
    except (Unresolved, FhirMassageError, jinja2.TemplateError) as error:
        raise Unresolved(f"{file.name}: {error}") from error


def known_until(facts: Facts) -> date:
    """The last day for which every figure that changes by the year is known."""
    yearly = (
        *(facts.therapy_thresholds.ever(discipline) for discipline in ("pt-slp", "ot")),
        *(facts.fees.ever(code) for code in ("97124", "97140", "98940", "98941")),
        *(facts.irs_figures.ever(key) for key in (("standard-deduction", "single"), ("hsa-limit", "self-only"))),
        facts.irs_figures.ever(("fsa-limit", "all")),
    )
    return min(rows[-1].end or date.max for rows in yearly)


def _dollars(amount: Decimal) -> str:
    return f"${amount:,.2f}".removesuffix(".00")


def _time(limit: FilingLimit) -> str:
    if limit.days is not None:
        return f"{limit.days} days"
    return "one calendar year" if limit.months == 12 else f"{limit.months} months"
