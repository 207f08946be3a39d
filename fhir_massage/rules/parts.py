"""What rules get that look at a part of a claim: at its head and what was done, or at its charges.

A rule is not asked again after a correction that leaves its part as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from operator import attrgetter
from typing import Any, Literal, Protocol, get_args

from fhir_massage.case.seen import (
    Benefit,
    BilledDays,
    ClaimCase,
    Coverage,
    Diagnosis,
    InsuranceSlot,
    Named,
    Number,
    Provider,
    Referral,
)
from fhir_massage.facts.book import Facts
from fhir_massage.facts.policy import Policy


class _Placed(Protocol):
    """What each part tells of a line: where it stands on the claim, its code, and its day."""

    @property
    def index(self) -> int: ...
    @property
    def element(self) -> str: ...
    @property
    def code(self) -> str | None: ...
    @property
    def day(self) -> date | None: ...


class Service(_Placed, Protocol):
    """A claim line as what was done: on which day, by whom and for what, and not how it is billed.

    Its fields are those of ``Line``, without modifiers, units, minutes and charges.
    """

    @property
    def policy(self) -> Policy | None: ...
    @property
    def provider(self) -> Provider: ...
    @property
    def diagnoses(self) -> tuple[Diagnosis, ...]: ...
    @property
    def charge(self) -> Decimal | None:
        """Its dollars, to say what is at risk. No rule decides by them."""


class Services(Protocol):
    """A claim's head and its services: a ``ClaimCase`` without how its lines are billed."""

    @property
    def facts(self) -> Facts: ...
    @property
    def today(self) -> date: ...
    @property
    def day(self) -> date | None: ...
    @property
    def resource(self) -> str: ...
    @property
    def lines(self) -> Sequence[Service]: ...
    @property
    def diagnoses(self) -> tuple[Diagnosis, ...]: ...
    @property
    def providers(self) -> tuple[Provider, ...]: ...
    @property
    def payer(self) -> str | None: ...
    @property
    def payer_class(self) -> str | None: ...
    @property
    def payer_title(self) -> str: ...
    @property
    def payer_name(self) -> str: ...
    @property
    def policy(self) -> Policy | None: ...
    @property
    def has_insurance(self) -> bool: ...
    @property
    def has_coverage(self) -> bool: ...
    @property
    def coverage(self) -> Coverage | None: ...
    @property
    def referral(self) -> Referral | None: ...
    @property
    def names_referral(self) -> bool: ...
    @property
    def referred_by(self) -> Provider | None: ...
    @property
    def named(self) -> tuple[Named, ...]: ...
    @property
    def authorization(self) -> str | None: ...
    @property
    def authorization_element(self) -> str: ...
    @property
    def benefits(self) -> tuple[Benefit, ...]: ...
    @property
    def created(self) -> date | None: ...
    @property
    def insurances(self) -> tuple[InsuranceSlot, ...]: ...
    @property
    def billed(self) -> InsuranceSlot | None: ...
    @property
    def accident(self) -> bool: ...
    @property
    def bills_besides(self) -> bool: ...
    @property
    def institutional(self) -> bool: ...
    @property
    def asks_only(self) -> bool: ...
    @property
    def read_json(self) -> Callable[[], Mapping[str, Any]]: ...
    @property
    def read_visits(self) -> Callable[[], BilledDays]: ...


class ChargedLine(_Placed, Protocol):
    """A claim line as what it charges. Its fields are those of ``Line``; code and day are for words."""

    @property
    def units(self) -> Number | None: ...
    @property
    def unit_price(self) -> Decimal | None: ...
    @property
    def factor(self) -> Decimal | None: ...
    @property
    def net(self) -> Decimal | None: ...


class Charges(Protocol):
    """What a claim's lines charge, and its total: a ``ClaimCase`` without all else."""

    @property
    def facts(self) -> Facts: ...
    @property
    def lines(self) -> Sequence[ChargedLine]: ...
    @property
    def total(self) -> Decimal | None: ...
    @property
    def read_json(self) -> Callable[[], Mapping[str, Any]]: ...
    @property
    def memo(self) -> dict[str, Any]: ...


Part = Literal["services", "charges"]
_OF_LINE = {
    "services": attrgetter("code", "day", "policy", "provider", "diagnoses"),
    "charges": attrgetter("code", "day", "units", "unit_price", "factor", "net"),
}


def changed_parts(before: ClaimCase, after: ClaimCase, lines: Sequence[int]) -> list[Part]:
    """The parts of a claim in which two readings of it differ; ``lines`` are the places of lines that do."""
    return [part for part in get_args(Part) if not _is_same(part, before, after, lines)]


def _is_same(part: Part, before: ClaimCase, after: ClaimCase, lines: Sequence[int]) -> bool:
    if part == "charges" and before.total != after.total:
        return False
    of_line = _OF_LINE[part]
    return all(of_line(before.lines[line]) == of_line(after.lines[line]) for line in lines)
