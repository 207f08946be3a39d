"""What rules see: one claim or one order, with all that came along, already resolved.

Everything that a rule may ask has been read by then. ``None`` and empty always mean "not known".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, Protocol

import msgspec

from fhir_massage.facts.book import Facts
from fhir_massage.facts.policy import Policy
from fhir_massage.facts.rows import PayorWordKind

Number = int | float
MinutesFrom = Literal["supportingInfo", "servicedPeriod", "procedure", "quantity"]


class Diagnosis(msgspec.Struct, frozen=True, gc=False):
    """A diagnosis of a claim: its place, its ``sequence``, and its ICD-10-CM code with the dot.

    ``region`` is the body region that the code names, where it names one. Without such a code, ``given`` says in
    words what is given in its place (``ICD-9-CM``); it is empty where that may be a code all the same.
    """

    element: str
    sequence: int | None
    code: str | None
    region: str | None = None
    given: str = ""


class Provider(msgspec.Struct, frozen=True, gc=False):
    """Somebody who rendered, ordered or bills.

    ``key`` tells one provider from another (NPI where known, else the reference). ``professions``
    holds every profession that the record names. ``npis`` are the identifiers given as NPI, each
    with the element that names the provider. ``resolved`` tells whether the record came along,
    ``unfetched`` that it could not be asked for.
    """

    key: str | None
    element: str
    professions: tuple[str, ...] = ()
    npis: tuple[str, ...] = ()
    resolved: bool = True
    unfetched: bool = False
    named: bool = True

    @property
    def profession(self) -> str | None:
        """The profession, where the record names exactly one."""
        return self.professions[0] if len(self.professions) == 1 else None


class Line(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A claim line.

    ``units`` are 15-minute units for timed codes and ``None`` where absent or not a count;
    ``minutes`` of service, with ``minutes_from`` saying where they were read; ``start`` and ``end``
    where the line's period carries times; ``place_of_service`` is CMS's code of the place; ``of_other_system`` marks a
    line without procedure code that bears another system's, of a service that is none of ours; ``regions`` from body sites (``all_sites_known`` where each of
    them is one that the facts know). Money is in dollars.
    """

    index: int
    element: str
    sequence: int | None
    code: str | None
    words: tuple[str, ...]
    modifiers: tuple[str, ...]
    units: Number | None
    units_given_in_minutes: bool
    minutes: Number | None
    minutes_from: MinutesFrom | None
    start: datetime | None
    end: datetime | None
    day: date | None
    regions: frozenset[str]
    all_sites_known: bool
    pointers: tuple[int, ...]
    diagnoses: tuple[Diagnosis, ...]
    provider: Provider
    policy: Policy | None
    unit_price: Decimal | None
    factor: Decimal | None
    net: Decimal | None
    place_of_service: str | None = None
    of_other_system: bool = False

    @property
    def hints(self) -> frozenset[str]:
        """The regions that the line's diagnoses name."""
        return frozenset([diagnosis.region for diagnosis in self.diagnoses if diagnosis.region is not None])

    @property
    def charge(self) -> Decimal | None:
        """What the line charges, in dollars: its net, else units × unit price × factor."""
        if self.net is not None:
            return self.net
        return self.product

    @property
    def product(self) -> Decimal | None:
        """Units × unit price × factor, in dollars."""
        if self.unit_price is None or self.units is None:
            return None
        units = Decimal(self.units) if isinstance(self.units, int) else Decimal(str(self.units))
        product = units * self.unit_price
        return product if self.factor is None else product * self.factor


class Coverage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The coverage that is billed. ``element`` is the claim's (or order's) element that names it."""

    element: str
    status: str | None
    starts: date | None
    ends: date | None
    same_patient: bool | None


class Referral(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The referral a claim names.

    ``key`` tells it from others, as ``EarlierLine.referral`` does. ``visits`` ordered, the span in which
    service is to happen, the day it was ``authored`` (``authored`` the first and ``authored_by`` the last that a
    partial date may mean); the ``codes`` it orders with their systems, and the ``words`` of what it orders without a procedure code.
    ``same_patient`` is ``None`` where it cannot be told.
    """

    element: str
    key: str
    status: str | None
    intent: str | None
    authored: date | None
    authored_by: date | None
    starts: date | None
    ends: date | None
    visits: Number | None
    codes: tuple[tuple[str, str], ...]
    words: tuple[str, ...] = ()
    has_reason: bool
    has_period: bool
    same_patient: bool | None
    requester: Provider | None


class Named(msgspec.Struct, frozen=True, gc=False):
    """Something the claim names by reference: its element, what it is, and whether it was found."""

    element: str
    what: Literal["coverage", "referral", "patient", "rendering provider"]
    found: bool


class Encounter(msgspec.Struct, frozen=True, gc=False):
    """Lines of the same patient, date of service and rendering provider."""

    day: date
    provider: str | None
    lines: tuple[Line, ...]
    policy: Policy | None


class Benefit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A payer's own answer on a benefit: visits allowed and used, whether authorization is needed.

    ``codes`` it speaks of (empty: any). ``told`` is the day of the answer; it holds from ``starts`` to ``ends``
    where it gives a benefit period, else for the calendar year. Money is in dollars.
    """

    codes: tuple[str, ...]
    kind: str | None
    visits_allowed: int | None
    visits_used: int | None
    dollars_allowed: Decimal | None
    dollars_used: Decimal | None
    authorization_required: bool | None
    told: date | None = None
    starts: date | None = None
    ends: date | None = None


class EarlierLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line that another claim or an explanation of benefits billed for the same patient.

    ``sent_before`` says that it was billed before the claim under review, which neither replaces it nor is
    replaced by it: of two claims created on one day, the later in the document was sent later.
    ``asks_only`` marks a request for authorization or an estimate, which bills nothing.
    """

    claim: str
    replaced_by_this: bool = False
    sent_before: bool = False
    asks_only: bool = False
    provider: str | None
    referral: str | None
    day: date | None
    code: str | None
    modifiers: tuple[str, ...]
    charge: Decimal | None


class BilledDays(Protocol):
    """The days that other bills of the patient billed; ``case.visits`` has them."""

    def of_codes(self, counts: Callable[[str], bool]) -> set[date]:
        """The days on which a code that counts was billed."""

    def under(self, referral: str) -> set[date]:
        """The days on which anything was given under the referral."""


class ClaimCase(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One claim under review, on the day ``today``. Money is in dollars.

    ``billed`` is the one of the ``insurances`` that is billed: the focal one, else the first by sequence.
    ``has_coverage`` says whether it names a coverage.
    ``bills_besides`` says whether any other bill came along. ``institutional`` marks a facility's claim,
    ``asks_only`` a request for authorization or an estimate, which bills nothing.
    ``names_referral`` says whether the claim names a referral in any way: by reference, by who referred
    (``referred_by``, as box 17 of the paper claim has it), or by VA's number. ``read_json`` gives the claim as it came, for corrections to be made on; ``read_visits`` the days that were
    billed besides, and ``read_same_service`` that of one provider, day and code. They cost time, and so are
    read only by rules that need them. ``said_minutes`` are timed minutes that the claim says of its only day and
    of no line; ``lines_beyond`` counts lines that were not looked at. ``memo`` keeps what several rules of a family work out from the case,
    for the time of one review.
    """

    facts: Facts
    today: date
    resource: str
    lines: tuple[Line, ...]
    encounters: tuple[Encounter, ...]
    diagnoses: tuple[Diagnosis, ...]
    providers: tuple[Provider, ...]
    payer: str | None
    payer_class: str | None
    payer_title: str
    has_insurance: bool
    has_coverage: bool
    coverage: Coverage | None
    referral: Referral | None
    names_referral: bool
    named: tuple[Named, ...]
    authorization: str | None
    authorization_element: str
    benefits: tuple[Benefit, ...]
    created: date | None
    total: Decimal | None
    insurances: tuple[InsuranceSlot, ...]
    billed: InsuranceSlot | None
    accident: bool
    read_json: Callable[[], Mapping[str, Any]]
    bills_besides: bool
    read_visits: Callable[[], BilledDays]
    read_same_service: Callable[[str, date, str], Iterable[EarlierLine]]
    payer_name: str = ""
    institutional: bool = False
    asks_only: bool = False
    said_minutes: Number | None = None
    lines_beyond: int = 0
    referred_by: Provider | None = None
    memo: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def day(self) -> date | None:
        """The first date of service."""
        return min((line.day for line in self.lines if line.day is not None), default=None)

    @property
    def policy(self) -> Policy | None:
        """The payer's policy on the first date of service."""
        return next((line.policy for line in self.lines if line.policy is not None), None)


class InsuranceSlot(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry of a claim's insurances, with the class of its payer where known.

    ``kind`` is of which kind the words or code were that told the payer: a ``supplement`` follows another payer, a
    ``drug`` plan pays no services.
    """

    element: str
    sequence: int | None
    focal: bool
    payer_class: str | None
    kind: PayorWordKind | Literal[""] = ""


class OrderCase(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One order under review, on the day ``today``.

    ``codes`` are (system, code) of the service and its details, ``words`` its texts;
    ``procedure`` the procedure code it orders, where it says one; ``billing_options`` the procedure codes
    that it says it may be billed by. ``payer_name`` is the payer as its coverage calls it;
    ``payer_unfetched`` says that what would tell the payer may well be there, but could not be asked for.
    """

    facts: Facts
    today: date
    day: date
    resource: str
    codes: tuple[tuple[str, str], ...]
    words: tuple[str, ...]
    procedure: str | None
    payer: str | None
    payer_class: str | None
    payer_title: str
    policy: Policy | None
    visits: Number | None
    has_period: bool
    has_reason: bool
    reasons: tuple[str, ...]
    conditions: tuple[PatientCondition, ...]
    requester: Provider | None
    performers: tuple[Performer, ...]
    authorization: str | None
    benefits: tuple[Benefit, ...]
    read_json: Callable[[], Mapping[str, Any]]
    payer_name: str = ""
    payer_unfetched: bool = False
    coverage: OrderCoverage | None = None
    billing_options: tuple[str, ...] = ()


class OrderCoverage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A coverage that may pay for an order: how the EHR refers to it, and what it says where it came along.

    ``same_patient`` is ``None`` where it cannot be told.
    """

    reference: str
    found: bool
    same_patient: bool | None = None
    status: str | None = None
    starts: date | None = None
    ends: date | None = None


class PatientCondition(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An active condition of the patient, which may be the reason of an order; ``reference`` is how it is named."""

    reference: str
    code: str | None
    words: str


class Performer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who is asked to render an order: the element that says so, and the profession it names."""

    element: str
    profession: str | None
