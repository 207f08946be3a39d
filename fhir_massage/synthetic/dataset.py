"""Whole data sets: patients with several visits, linked by reference, some claims broken, and the answers known.

A data set is made patient by patient and never held, so its size costs no memory. The claims of a patient are
each other's history, and the correct ones are correct in that history too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import get_args

import msgspec

from fhir_massage.facts.book import Facts
from fhir_massage.synthetic import kinds, parties, repertoire
from fhir_massage.synthetic.choices import chance
from fhir_massage.synthetic.claim import References, Team, Writing, writing
from fhir_massage.synthetic.faults import Answer, Fault, OrderFault, claim_faults, order_faults
from fhir_massage.synthetic.made import Cast, Made
from fhir_massage.synthetic.maker import Maker
from fhir_massage.synthetic.market import LAST_DAY, PayerName, Setting
from fhir_massage.synthetic.orders import order_for
from fhir_massage.synthetic.parties import Addresses, Json
from fhir_massage.synthetic.plan import ANY, Plan, Shape

TEAMS: tuple[Team, ...] = ("qualified", "record", "role", "several")
ADDRESSES = Addresses("relative")
PATIENTS_PER_CLINIC = 500
THERAPISTS_PER_PROFESSION = 3
MOST_CLAIMS = 6
MOST_TRIES = 5
ORDER_SHARE = 0.1
#: How many correct claims are of another kind than the professional bill.
OTHER_KINDS = 0.1
#: The faults that live across the claims of a patient, as often as any other fault.
ACROSS_CLAIMS = ("referral-visits-exhausted", "visit-limit-exceeded", "yearly-visits-exceeded")


class KnownFault(msgspec.Struct, frozen=True):
    """A line of the answer key: what a review has to find on a resource."""

    resource: str
    rule: str
    expression: tuple[str, ...]


class Visits(msgspec.Struct):
    """The claims that one patient is to have: for each its days and shape, and the fault to try on it."""

    setting: Setting
    days: list[list[date]]
    shapes: list[Shape]
    faults: dict[int, Fault]
    across: str | None = None
    visits_ordered: int | None = None
    visits_allowed: int | None = None
    therapy_used: Decimal | None = None
    order_fault: OrderFault | None = None


class Clinic:
    """A clinic with its staff, who are written when they are first needed."""

    def __init__(self, random: Random, number: int) -> None:
        self.number = number
        self.organization = parties.clinic(random, str(number), 10**8 + number)
        self.staff: dict[tuple[str, int, bool], Json] = {}


class DataSet:
    """A data set of so many claims. ``errors`` is the share of claims to be broken."""

    def __init__(self, facts: Facts, claims: int, seed: int, errors: float) -> None:
        self.maker = Maker(facts)
        self.market = self.maker.market
        self.random = Random(seed)
        self.claims = claims
        self.errors = errors
        self.made = 0
        self.broken = 0
        self.patients = 0
        self._by_payer = {
            payer: [setting for setting in self.market.settings if setting.payer == payer]
            for payer in self.market.payers
        }
        self._suited: dict[str, list[Setting]] = {}
        self._payors: dict[PayerName, tuple[Json | None, Json]] = {}

    def __iter__(self) -> Iterator[Json | KnownFault]:
        """Every resource, those of a patient together, and the answers after what they speak of."""
        clinic: Clinic | None = None
        while self.made < self.claims:
            if clinic is None or self.patients % PATIENTS_PER_CLINIC == 0:
                clinic = Clinic(self.random, self.patients // PATIENTS_PER_CLINIC + 1)
                yield clinic.organization
            self.patients += 1
            yield from self._patient(clinic, str(self.patients))

    # --- one patient --------------------------------------------------------------------------------------------

    def _patient(self, clinic: Clinic, id: str) -> Iterator[Json | KnownFault]:
        visits, plans = self._planned()
        while not plans:
            visits, plans = self._planned()
        cast, resources = self._cast(clinic, id, visits, plans)
        how = writing(self.random, self.random.choice(TEAMS))
        refers, staff = self._references(clinic, cast, how)
        yield from staff
        yield from resources
        for position, plan in enumerate(plans):
            made = self.maker.written(self.random, str(self.made + 1), plan, cast, how, refers, ADDRESSES)
            made.shared = True
            answers = self._break(made, visits, position)
            if visits.across is not None and position == len(plans) - 1:
                answers = self._across(made, visits)
            if not answers and not visits.faults and visits.across is None:
                self._of_another_kind(made)
            yield from self._written(made, answers)
        if visits.order_fault is not None or chance(self.random, ORDER_SHARE):
            yield from self._order(id, visits, cast, plans[-1].days[-1])

    def _of_another_kind(self, made: Made) -> None:
        """Make some claims those of a hospital, or requests for authorization."""
        kind = self.random.choice(get_args(kinds.Kind))
        if chance(self.random, OTHER_KINDS) and kinds.can_be(made, kind):
            kinds.make(made, kind)

    def _written(self, made: Made, answers: Sequence[Answer]) -> Iterator[Json | KnownFault]:
        yield from made.before
        yield made.claim
        yield from made.own
        self.made += 1 + len(made.before)
        self.broken += bool(answers)
        for answer in answers:
            yield KnownFault(made.name, answer.rule, (answer.element,))

    # --- what is billed -------------------------------------------------------------------------------------------

    def _planned(self) -> tuple[Visits, list[Plan]]:
        """The visits of a patient and what their claims bill; no plans where what was drawn cannot be billed."""
        visits = self._visits()
        plans: list[Plan] = []
        for position, days in enumerate(visits.days):
            plan = self.maker.planner.plan(
                self.random, visits.setting.payer, visits.setting.profession, days, visits.shapes[position],
                visits.therapy_used,
            )  # fmt: skip
            if plan is None:
                if visits.across is not None or not plans:
                    return visits, []
                break
            plans.append(plan)
        if visits.across == "referral-visits-exhausted" and not self._needs_referral(plans[-1]):
            return visits, []
        return visits, plans

    def _visits(self) -> Visits:
        random, left = self.random, self.claims - self.made
        count = min(random.randint(1, MOST_CLAIMS), left)
        flagged = [position for position in range(count) if chance(random, self.errors)]
        faults = claim_faults()
        drawn = random.randint(0, len(faults) + len(ACROSS_CLAIMS) - 1) if flagged else None
        if drawn is not None and drawn >= len(faults):
            across = self._across_visits(ACROSS_CLAIMS[drawn - len(faults)], left)
            if across is not None:
                return across
            drawn = random.randint(0, len(faults) - 1)
        fault = None if drawn is None else faults[drawn]
        setting = random.choice(self._by_payer[random.choice(self.market.payers)])
        order_fault = random.choice(order_faults()) if chance(random, ORDER_SHARE * self.errors) else None
        meant = fault or order_fault
        if meant is not None:
            setting = random.choice(self._settings_for(meant))
        tries = {position: random.choice(faults) for position in flagged[1:]}
        if fault is not None:
            tries[flagged[0]] = fault
        shapes = [tries[position].shape if position in tries else ANY for position in range(count)]
        days = self._days(setting, [shape.days or (1 if chance(random, 0.75) else 2) for shape in shapes])
        used = any(shape.therapy_used for shape in shapes)
        therapy = self.maker.therapy_used(random, setting, days[0], Shape(therapy_used=used))
        return Visits(setting, days, shapes, tries, therapy_used=therapy, order_fault=order_fault)

    def _days(self, setting: Setting, counts: Sequence[int]) -> list[list[date]]:
        """Days for claims of so many visits each, in their order, and within what the payer pays in a year."""
        random = self.random
        limits = [limit.visits for limit in setting.policy.yearly_visits]
        gap = random.choice((2, 3, 7))
        day = min(setting.day + timedelta(days=random.randint(0, 40)), LAST_DAY - timedelta(days=gap * sum(counts)))
        found: list[list[date]] = []
        total = 0
        for count in counts:
            total += count
            if total > min(limits, default=total):
                break
            found.append([day + timedelta(days=gap * step) for step in range(count)])
            day += timedelta(days=gap * count)
        return found

    def _settings_for(self, fault: Fault | OrderFault) -> list[Setting]:
        if fault.name not in self._suited:
            self._suited[fault.name] = [setting for setting in self.market.settings if fault.suits(setting)]
        return self._suited[fault.name] or list(self.market.settings)

    # --- faults -------------------------------------------------------------------------------------------------

    def _break(self, made: Made, visits: Visits, position: int) -> list[Answer]:
        """Break a claim by the fault that was meant for it, or else by another that it lets itself be broken by."""
        if position not in visits.faults:
            return []
        fault = visits.faults[position]
        for _ in range(MOST_TRIES):
            room = self.claims - self.made > len(visits.days) - position  # for one claim more than are planned
            possible = fault.rule != "duplicate-claim" or room
            if possible and fault.suits(visits.setting):
                answers = fault.breaks(made, self.market, self.random)
                if answers:
                    return answers
            fault = self.random.choice(claim_faults())
        return []

    def _across_visits(self, across: str, left: int) -> Visits | None:
        """Visits of which the last is one too many; ``None`` where there are not claims enough left for that."""
        random = self.random
        if across == "yearly-visits-exceeded":
            return self._beyond_the_year(left)
        if left < 2:
            return None
        count = random.randint(2, min(MOST_CLAIMS, left))
        if across == "referral-visits-exhausted":
            asking = [f for f in claim_faults() if f.rule == "referral-missing"]
            setting = random.choice(self._settings_for(asking[0]))
            days = self._days(setting, [1] * count)
            return Visits(setting, days, [ANY] * len(days), {}, across, visits_ordered=len(days) - 1)
        setting = random.choice(self._by_payer[random.choice(self.market.payers)])
        days = self._days(setting, [1] * count)
        if days[0][0].year != days[-1][0].year or len(days) < 2:
            return None
        code = random.choice(setting.codes)
        shapes = [Shape(codes=(code,), only=True)] * len(days)
        return Visits(setting, days, shapes, {}, across, visits_allowed=len(days) - 1)

    def _beyond_the_year(self, left: int) -> Visits | None:
        """Visits beyond the number that the payer's policy allows in a year, three to a claim."""
        random = self.random
        limited = [
            (setting, limit) for payer in self.market.payers for setting in self._by_payer[payer]
            for limit in setting.policy.yearly_visits
            if setting.day.month == 1 and any(limit.covers_code(code) for code in setting.codes)
        ]  # fmt: skip
        if not limited:
            return None
        setting, limit = random.choice(limited)
        whole, rest = divmod(limit.visits, 3)
        counts = [3] * whole + [rest] * bool(rest) + [1]
        if len(counts) > left:
            return None
        day = setting.day + timedelta(days=random.randint(0, 20))
        every = [day + timedelta(days=3 * step) for step in range(sum(counts))]
        days = [[every.pop(0) for _ in range(count)] for count in counts]
        code = next(code for code in setting.codes if limit.covers_code(code))
        shapes = [Shape(codes=(code,), only=True)] * len(days)
        return Visits(setting, days, shapes, {}, "yearly-visits-exceeded")

    def _across(self, made: Made, visits: Visits) -> list[Answer]:
        """What the last claim of a patient is to be found with."""
        if visits.across == "referral-visits-exhausted":
            return [Answer("referral-visits-exhausted", "Claim.referral")]
        return [Answer("visit-limit-exceeded", "Claim.item[0]")]

    def _needs_referral(self, plan: Plan) -> bool:
        return bool(self.maker.referral_asked([plan]))

    # --- who and what it stands on -----------------------------------------------------------------------------------

    def _cast(self, clinic: Clinic, id: str, visits: Visits, plans: Sequence[Plan]) -> tuple[Cast, list[Json]]:
        """The patient's cast, and those of its resources that have not been written yet."""
        random, plan = self.random, plans[-1]
        days = [day for each in plans for day in each.days]
        subject = parties.patient(random, id)
        name = random.choice(self.market.names(plan.payer))
        resources = [subject]
        if name not in self._payors:
            self._payors[name] = self.maker.payor(random, f"payor-{len(self._payors) + 1}", name, ADDRESSES)
            organization = self._payors[name][0]
            resources += [] if organization is None else [organization]
        therapist, fresh = self._therapist(clinic, plan.profession, role=False)
        resources += fresh
        coverage = parties.coverage(random, id, ADDRESSES.of(subject), name, self._payors[name][1], days[0], days[-1])
        cast = Cast(
            payer=plan.payer, profession=plan.profession, patient=subject, coverage=coverage,
            clinic=clinic.organization, practitioner=therapist,
        )  # fmt: skip
        resources.append(coverage)
        if self.maker.referral_asked(plans) or chance(random, 0.1):
            self.maker.refer(random, cast, id, plans, days, ADDRESSES, visits=visits.visits_ordered)
            resources += [each for each in (cast.referral, *cast.beside) if each is not None]
        item = None
        if visits.therapy_used is not None:
            occupational = plan.profession.startswith("occupational")
            item = parties.therapy_benefit("AD" if occupational else "PT", visits.therapy_used)
        elif visits.visits_allowed is not None:
            item = parties.visits_benefit(visits.visits_allowed)
        if item is not None:
            cast.benefits = parties.eligibility(id, ADDRESSES.of(subject), ADDRESSES.of(coverage), days[0], item)
            resources.append(cast.benefits)
        return cast, resources

    def _therapist(self, clinic: Clinic, profession: str, *, role: bool) -> tuple[Json, list[Json]]:
        """Somebody of the clinic's staff (or their role there), and what of them has not been written yet."""
        number = self.random.randint(1, THERAPISTS_PER_PROFESSION)
        return self._member(clinic, profession, number, role=role)

    def _member(self, clinic: Clinic, profession: str, number: int, *, role: bool) -> tuple[Json, list[Json]]:
        key = (profession, number, role)
        if key in clinic.staff:
            return clinic.staff[key], []
        name = f"{clinic.number}-{profession}-{number}"
        if role:
            person, fresh = self._member(clinic, profession, number, role=False)
            made = parties.role(self.random, name, ADDRESSES.of(person), ADDRESSES.of(clinic.organization), profession)
        else:
            place = list(repertoire.TAXONOMIES).index(profession) * 10 + number
            made, fresh = (
                parties.practitioner(self.random, name, 110_000_000 + clinic.number * 200 + place, profession),
                [],
            )
        clinic.staff[key] = made
        return made, [*fresh, made]

    def _references(self, clinic: Clinic, cast: Cast, how: Writing) -> tuple[References, list[Json]]:
        number = int(cast.practitioner["id"].rsplit("-", 1)[1])
        rendering = cast.practitioner
        staff: list[Json] = []
        if how.team == "role":
            rendering, staff = self._member(clinic, cast.profession, number, role=True)
        others = []
        if how.team == "several":
            other, staff = self._member(clinic, "physician", 1, role=False)
            others = [{"reference": ADDRESSES.of(other)}]
        refers = References(
            patient={"reference": ADDRESSES.of(cast.patient)},
            biller={"reference": ADDRESSES.of(cast.clinic)},
            rendering={"reference": ADDRESSES.of(rendering)},
            coverages=[{"reference": ADDRESSES.of(cast.coverage)}],
            others=others,
            referral=None if cast.referral is None else {"reference": ADDRESSES.of(cast.referral)},
            addresses=ADDRESSES,
        )
        return refers, staff

    # --- orders ---------------------------------------------------------------------------------------------------------

    def _order(self, id: str, visits: Visits, cast: Cast, last: date) -> Iterator[Json | KnownFault]:
        """A draft order for what is to come, now and then a broken one."""
        day = min(last + timedelta(days=1), LAST_DAY)
        made = order_for(
            self.market, self.random, f"{id}-order", visits.setting, day, cast.patient, cast.coverage,
            cast.practitioner, ADDRESSES,
        )  # fmt: skip
        if made is None:
            return
        broken = visits.order_fault
        answers = None if broken is None else broken.breaks(made, self.market, self.random)
        yield made.order
        yield from made.beside
        for answer in answers or ():
            yield KnownFault(made.name, answer.rule, (answer.element,))
