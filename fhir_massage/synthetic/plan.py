"""What a correct claim bills: services, minutes, units, modifiers, sites and diagnoses, before it is written as FHIR."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Literal

import msgspec

from fhir_massage.facts.policy import Policy
from fhir_massage.facts.rows import Pair
from fhir_massage.rules.units.counting import allot
from fhir_massage.synthetic.choices import Choices, chance, some
from fhir_massage.synthetic.market import Market
from fhir_massage.synthetic.repertoire import EVALUATIONS, MANIPULATED, SPINE, charge

MinutesWritten = Literal["information", "period", "procedure", "absent"]
MINUTES_WRITTEN: tuple[MinutesWritten, ...] = ("information", "information", "period", "procedure", "absent")
ALL_EVALUATIONS = frozenset(code for codes in EVALUATIONS.values() for code in codes)
MOST_DIAGNOSES = 4


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What a claim is asked to be like; anything not asked for is drawn.

    ``codes``: one of these is billed. ``only``: nothing but one of ``codes``. ``pair``: two services that a
    modifier keeps apart. ``therapy_used``: the payer's answer says that the year's therapy amount is used.
    """

    codes: tuple[str, ...] = ()
    only: bool = False
    lines: int | None = None
    days: int | None = None
    minutes: MinutesWritten | None = None
    pair: bool = False
    therapy_used: bool = False
    contained: bool | None = None


ANY = Shape()


class Service(msgspec.Struct):
    """A line to be: one service of one visit. ``starts`` is the minute of the day."""

    code: str
    day: date
    timed: bool
    units: int
    minutes: int
    starts: int
    price: Decimal
    modifiers: list[str]
    regions: tuple[str, ...] = ()
    complaints: list[int] = []


class Plan(msgspec.Struct):
    """A claim to be. ``complaints`` are ICD-10-CM codes, which services name by position."""

    payer: str
    policy: Policy
    profession: str
    days: list[date]
    services: list[Service]
    complaints: list[str]
    minutes: MinutesWritten


class Planner:
    """Draws what a claim bills, so that the payer has nothing to say to it."""

    def __init__(self, market: Market) -> None:
        self.market = market

    def plan(
        self,
        choices: Choices,
        payer: str,
        profession: str,
        days: Sequence[date],
        shape: Shape = ANY,
        therapy_used: Decimal | None = None,
    ) -> Plan | None:
        """A claim for visits on these days; ``None`` where nothing can be billed then.

        ``therapy_used`` are the dollars of therapy that the payer has said were used.
        """
        minutes = choices.choice(MINUTES_WRITTEN) if shape.minutes is None else shape.minutes
        percent = choices.choice((100, 100, 90, 115))
        plan = Plan(payer, self.market.policy(payer, days[0]), profession, list(days), [], [], minutes)
        for day in days:
            codes = self._codes(choices, plan, day, shape)
            if not codes:
                return None
            services = self._services(choices, plan, day, codes, percent, therapy_used)
            if services is None:
                return None
            plan.services += services
        return plan if self._diagnosed(choices, plan) else None

    # --- which services ------------------------------------------------------------------------------------

    def _codes(self, choices: Choices, plan: Plan, day: date, shape: Shape) -> list[str]:
        """The codes of one visit, no two of which are never paid together."""
        policy = self.market.policy(plan.payer, day)
        billable = self.market.codes(plan.payer, plan.profession, day)
        wanted = [code for code in billable if code in shape.codes] if shape.codes else list(billable)
        if not wanted:
            return []
        if shape.pair:
            pairs = [
                (one, two) for one in wanted for two in billable
                if one != two and (pair := self.market.pair(policy, one, two, day)) and pair.indicator == "1"
                and pair.in_force(day)
            ]  # fmt: skip
            return list(choices.choice(pairs)) if pairs else []
        codes = [choices.choice(wanted)]
        if shape.only:
            return codes
        count = shape.lines or choices.choice((1, 1, 2, 2, 3, 4))
        for code in some(choices, [code for code in billable if code not in codes], 2 * count):
            if len(codes) >= count:
                break
            if self._goes_with(policy, codes, code, day):
                codes.append(code)
        return codes

    def _goes_with(self, policy: Policy, codes: list[str], code: str, day: date) -> bool:
        """Whether a code may be billed in the same visit as the others."""
        if code in MANIPULATED and any(other in MANIPULATED for other in codes):
            return False
        if code in ALL_EVALUATIONS and any(other in ALL_EVALUATIONS for other in codes):
            return False
        pairs = [self.market.pair(policy, other, code, day) for other in codes]
        return all(pair is None or pair.indicator == "1" for pair in pairs)

    # --- how long, how many, how marked -----------------------------------------------------------------------

    def _services(
        self, choices: Choices, plan: Plan, day: date, codes: list[str], percent: int, therapy_used: Decimal | None
    ) -> list[Service] | None:
        policy = self.market.policy(plan.payer, day)
        timed = [code for code in codes if self.market.is_timed(code, day)]
        counted = self._units(choices, policy, timed, day)
        if counted is None:
            return None
        services = []
        clock = choices.randint(8 * 4, 15 * 4) * 15
        for code in codes:
            minutes, units = counted.get(code, (choices.choice((10, 15, 20)), 1))
            modifiers = self.modifiers(choices, plan.profession, policy, code, day, therapy_used)
            services.append(
                Service(code, day, code in counted, units, minutes, clock, charge(code, percent), modifiers)
            )
            clock += minutes + choices.choice((0, 0, 5))
        self._keep_apart(choices, policy, services, day)
        return services

    def _units(
        self, choices: Choices, policy: Policy, timed: list[str], day: date
    ) -> dict[str, tuple[int, int]] | None:
        """Minutes and units of each timed code, within every limit; ``None`` where no number is."""
        if not timed:
            return {}
        most = [self.market.most_units(policy, code, day) for code in timed]
        way = policy.counting.value if policy.counting else "midpoint"
        for wished in (4 if len(timed) == 1 else 2, 1):
            units = [min(limit, choices.randint(1, wished) if wished > 1 else 1) for limit in most]
            for minutes in (
                [15 * unit + choices.randint(-7, 7) for unit in units],
                [15 * unit for unit in units],
            ):
                # Fifteen minutes a unit, give or take seven, make just these units where a line counts for itself.
                allotted = units if way == "midpoint" or len(timed) == 1 else allot(way, minutes, units)
                if min(allotted) > 0 and self._within_limits(policy, timed, allotted, most):
                    return dict(zip(timed, zip(minutes, allotted, strict=True), strict=True))
        return None

    def _within_limits(self, policy: Policy, timed: list[str], units: list[int], most: list[int]) -> bool:
        if any(unit > limit for unit, limit in zip(units, most, strict=True)):
            return False
        for limit in policy.daily_units:
            counted = [u for c, u in zip(timed, units, strict=True) if "timed" in limit.codes or limit.covers_code(c)]
            if sum(counted) > limit.units:
                return False
        return True

    def modifiers(
        self, choices: Choices, profession: str, policy: Policy, code: str, day: date, therapy_used: Decimal | None
    ) -> list[str]:
        """What the payer asks for on the line whatever else stands on the claim."""
        occupational = profession.startswith("occupational")
        discipline, assistant = ("GO", "CO") if occupational else ("GP", "CQ")
        therapy = self.market.facts.always_therapy.find(code, day) is not None
        modifiers: list[str] = []
        own = "therap" in profession and profession != "massage-therapist"
        if therapy and (self.market.asks(policy.therapy_modifier, code, profession) or (own and chance(choices, 0.3))):
            modifiers.append(discipline)
        if (
            profession.endswith("assistant")
            and self.market.asks(policy.assistant_modifier, code, profession)
            and therapy
        ):
            modifiers = [discipline, assistant]
        if self.market.asks(policy.manipulation_modifier, code, profession) and code in MANIPULATED:
            modifiers.append("AT")
        if (
            discipline in modifiers
            and therapy_used is not None
            and self.market.asks(policy.threshold_modifier, code, profession)
        ):
            row = self.market.facts.therapy_thresholds.find("ot" if occupational else "pt-slp", day)
            if row is not None and therapy_used >= row.dollars:
                modifiers.append("KX")
        return modifiers

    def _keep_apart(self, choices: Choices, policy: Policy, services: list[Service], day: date) -> None:
        """Show what keeps the services of each pair apart, with the modifier for it."""
        met = [
            (one, two, pair)
            for place, one in enumerate(services)
            for two in services[place + 1 :]
            if (pair := self.market.pair(policy, one.code, two.code, day)) is not None
        ]
        manipulated = next((service for service in services if service.code in MANIPULATED), None)
        if manipulated is not None:
            manipulated.regions = tuple(some(choices, SPINE, MANIPULATED[manipulated.code]))
        for one, two, pair in met:
            second = two if pair.column_two == two.code else one
            modifier = self._distinct(policy, pair)
            if modifier not in second.modifiers and not {"59", "XS"} & set(second.modifiers):
                second.modifiers.append(modifier)
            if pair.apart == "region" and not second.regions:
                second.regions = (choices.choice(self.market.limbs),)
        for service in services:
            if not service.regions and not met and chance(choices, 0.3):
                service.regions = (choices.choice(tuple(self.market.sites)),)

    def _distinct(self, policy: Policy, pair: Pair) -> str:
        if pair.apart == "region" and policy.distinct_modifier is not None:
            return policy.distinct_modifier.value
        return "XS" if pair.apart == "region" else "59"

    # --- why ---------------------------------------------------------------------------------------------------

    def _diagnosed(self, choices: Choices, plan: Plan) -> bool:
        """Give each service complaints that support it; False where none are known."""
        first = self.market.valid_complaints(plan.days[0])
        last = self.market.valid_complaints(plan.days[-1])
        for service in plan.services:
            policy = self.market.policy(plan.payer, service.day)
            fitting: Sequence[str] = self.market.complaints(policy, service.code, service.day)
            if first is not last:
                fitting = [c for c in fitting if c in first and c in last]
            if not fitting:
                return False
            known = [c for c in plan.complaints if c in fitting]
            if not known or (len(plan.complaints) < MOST_DIAGNOSES and chance(choices, 0.25)):
                new = choices.choice(fitting)
                if new not in plan.complaints:
                    plan.complaints.append(new)
                known = [new]
            service.complaints = [plan.complaints.index(known[0])]
        for service in plan.services:
            others = [place for place in range(len(plan.complaints)) if place not in service.complaints]
            if others and chance(choices, 0.2):
                service.complaints = [*service.complaints, choices.choice(others)]
        return True
