"""Making one correct claim or order with everything that it refers to."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from fhir_massage.facts.book import Facts
from fhir_massage.facts.policy import ReferralAsked
from fhir_massage.synthetic import parties
from fhir_massage.synthetic.choices import Choices, chance
from fhir_massage.synthetic.claim import (
    TEAMS,
    ClaimWriter,
    References,
    Team,
    Writing,
    created_after,
    names_others,
    writing,
)
from fhir_massage.synthetic.made import Cast, Made
from fhir_massage.synthetic.market import LAST_DAY, Market, PayerName, Setting
from fhir_massage.synthetic.parties import Addresses, Json, Style
from fhir_massage.synthetic.plan import ANY, Plan, Planner, Shape

STYLES: tuple[Style, ...] = ("relative", "absolute", "versioned", "uuid")
#: Payers of accidents and injuries, whose claims tell of one.
ACCIDENTS = {"workers-compensation": "WPA", "auto": "MVA"}
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


class Maker:
    """Makes claims that are as they should be, by the facts."""

    def __init__(self, facts: Facts) -> None:
        self.market = Market(facts)
        self.planner = Planner(self.market)
        self.writer = ClaimWriter(self.market)

    def claim(self, choices: Choices, setting: Setting | None = None, shape: Shape = ANY) -> Made | None:
        """One correct claim with its document; ``None`` where what was drawn cannot be billed."""
        chosen = setting or self.draw_setting(choices)
        with_history = not shape.contained and chance(choices, 0.25)
        days = drawn_days(choices, chosen.day, (shape.days or choices.choice((1, 1, 1, 2, 3))) + with_history)
        used = self.therapy_used(choices, chosen, days, shape)
        own_days = days[1:] if with_history else days
        plan = self.planner.plan(choices, chosen.payer, chosen.profession, own_days, shape, used)
        if plan is None:
            return None
        earlier = None
        if with_history:
            earlier = self.planner.plan(choices, chosen.payer, chosen.profession, days[:1], therapy_used=used)
        plans = [plan] if earlier is None else [earlier, plan]
        addresses = Addresses(choices.choice(STYLES))
        cast = self._cast(choices, plans, addresses, used)
        wanted = [each for each in TEAMS if each != "biller"] if names_others(plan) else TEAMS
        team = choices.choice(wanted)
        how = writing(choices, team)
        shared = earlier is not None
        contains = not shared if shape.contained is None else shape.contained
        refers = self._references(choices, cast, plans, team, addresses, logical=not shared and chance(choices, 0.05))
        inside = self._contained(choices, cast, refers) if contains and chance(choices, 0.4) else []
        made = self.written(choices, "c1", plan, cast, how, refers, addresses)
        made.shared = shared
        if inside:
            made.claim["contained"] = inside
        if earlier is not None:
            self._put_before(choices, made, earlier, how, refers)
        elif not inside and chance(choices, 0.1):
            _replace(made)
        return made

    def draw_setting(self, choices: Choices) -> Setting:
        """Some payer, profession and quarter; each payer as often as another."""
        payer = choices.choice(self.market.payers)
        return choices.choice([setting for setting in self.market.settings if setting.payer == payer])

    def written(
        self, choices: Choices, id: str, plan: Plan, cast: Cast, how: Writing, refers: References, addresses: Addresses
    ) -> Made:
        """The claim of a plan, written so."""
        created = created_after(choices, self.market, plan)
        claim, procedures = self.writer.write(choices, id, plan, how, refers, created)
        asked = any(
            self.market.policy(plan.payer, s.day).may_ask_authorization(s.code, plan.profession) for s in plan.services
        )
        if asked or chance(choices, 0.1):
            claim["insurance"][0]["preAuthRef"] = [f"A{choices.randint(10**6, 10**7)}"]
        accident = ACCIDENTS.get(plan.policy.payer_class)
        if accident is not None and chance(choices, 0.5):
            day = plan.days[0] - timedelta(days=choices.randint(3, 90))
            claim["accident"] = {"date": day.isoformat(), "type": parties.concept(accident, ACT_CODE)}
        return Made(claim=claim, plan=plan, cast=cast, addresses=addresses, own=list(procedures))

    def referral_asked(self, plans: Sequence[Plan]) -> list[ReferralAsked]:
        """What the payer asks of the referral, line by line."""
        found = [
            self.market.policy(plan.payer, service.day).referral(service.code, plan.profession)
            for plan in plans
            for service in plan.services
        ]
        return [asked for asked in found if asked is not None]

    def therapy_used(self, choices: Choices, setting: Setting, days: Sequence[date], shape: Shape) -> Decimal | None:
        """The dollars of therapy that the payer says were used this year; ``None`` where it says nothing."""
        flag = setting.policy.threshold_modifier
        if flag is None or not flag.value or not (shape.therapy_used or chance(choices, 0.3)):
            return None
        if shape.therapy_used or chance(choices, 0.5):
            return Decimal(choices.randint(260_000, 400_000)) / 100
        return Decimal(choices.randint(0, 200_000)) / 100

    # --- who and what it stands on ------------------------------------------------------------------------------

    def _cast(self, choices: Choices, plans: Sequence[Plan], addresses: Addresses, used: Decimal | None) -> Cast:
        plan = plans[-1]
        days = sorted({day for each in plans for day in each.days})
        subject = parties.patient(choices, "p1")
        clinic = parties.clinic(choices, "clinic", choices.randint(10**8, 2 * 10**8 - 1))
        number = choices.randint(10**8, 2 * 10**8 - 1)
        name = choices.choice(self.market.names(plan.payer))
        payor, reference = self.payor(choices, "payor", name, addresses)
        cast = Cast(
            payer=plan.payer,
            profession=plan.profession,
            patient=subject,
            coverage=parties.coverage(choices, "cov", addresses.of(subject), name, reference, days[0], days[-1]),
            clinic=clinic,
            practitioner=parties.practitioner(choices, "therapist", number, None),
            payor=payor,
        )
        asked = self.referral_asked(plans)
        if asked or chance(choices, 0.2):
            self.refer(choices, cast, "referral", plans, days, addresses)
        if used is not None:
            discipline = "AD" if plan.profession.startswith("occupational") else "PT"
            cast.benefits = parties.eligibility(
                "benefits", addresses.of(subject), addresses.of(cast.coverage), days[0],
                parties.therapy_benefit(discipline, used),  # type: ignore[arg-type]
            )  # fmt: skip
        elif chance(choices, 0.1):
            allowed = len(days) + choices.randint(0, 5)
            spent = None if chance(choices, 0.5) else choices.randint(0, allowed - len(days))
            cast.benefits = parties.eligibility(
                "benefits", addresses.of(subject), addresses.of(cast.coverage), days[0],
                parties.visits_benefit(allowed, spent),
            )  # fmt: skip
        if chance(choices, 0.15):
            cast.second_coverage = parties.coverage(
                choices,
                "cov2",
                addresses.of(subject),
                PayerName(),
                {"display": "Second Benefit Fund"},
                days[0],
                days[-1],
            )
        return cast

    def payor(self, choices: Choices, id: str, name: PayerName, addresses: Addresses) -> tuple[Json | None, Json]:
        """The payor's organization, and the coverage's reference to it: by address, by name, or by identifier."""
        shown = parties.payor_name(choices, name)
        if name.identifier and chance(choices, 0.5):
            return None, {"identifier": parties.payor_identifier(name.identifier)}
        if not name.identifier and chance(choices, 0.3):
            return None, {"display": shown}
        organization = parties.payor(id, name, shown)
        return organization, {"reference": addresses.of(organization)}

    def refer(
        self,
        choices: Choices,
        cast: Cast,
        id: str,
        plans: Sequence[Plan],
        days: Sequence[date],
        addresses: Addresses,
        visits: int | None = None,
    ) -> None:
        """Give the patient a referral for all the plans, and somebody who wrote it."""
        asked = self.referral_asked(plans)
        codes = list(dict.fromkeys(service.code for plan in plans for service in plan.services))
        profession = parties.requester_profession(choices, asked) if asked else "physician"
        number = choices.randint(10**8, 2 * 10**8 - 1)
        requester = parties.practitioner(choices, f"{id}-by", number, profession)
        reference: Json = {"reference": addresses.of(requester)}
        how = choices.randint(0, 3)
        if how == 0:
            reference = {"reference": f"#{requester['id']}"}
        elif how == 1:
            reference = {"display": "Dr. Referring"}
        cast.referral = parties.referral(
            choices,
            id,
            addresses.of(cast.patient),
            reference,
            asked,
            days,
            codes,
            plans[-1].complaints[0],
            visits=visits,
        )
        if how == 0:
            cast.referral["contained"] = [requester]
        elif how > 1:
            cast.beside.append(requester)

    def _references(
        self, choices: Choices, cast: Cast, plans: Sequence[Plan], team: Team, addresses: Addresses, *, logical: bool
    ) -> References:
        """The claim's references, and the records that tell the profession where the claim itself does not."""
        person = cast.practitioner
        rendering: Json = {"reference": addresses.of(person)}
        if team == "identifier":
            rendering = {"identifier": person["identifier"][0]}
        elif team == "role" or (team == "biller" and chance(choices, 0.5)):
            cast.role = parties.role(
                choices, "role", addresses.of(person), addresses.of(cast.clinic), plans[-1].profession
            )
            rendering = {"reference": addresses.of(cast.role)}
        elif team in ("record", "biller"):
            person["qualification"] = [{"code": parties.taxonomy(choices, plans[-1].profession)}]
        others = []
        if team == "several":
            number = choices.randint(10**8, 2 * 10**8 - 1)
            other = parties.practitioner(choices, "supervisor", number, "physician")
            cast.beside.append(other)
            others = [{"reference": addresses.of(other)}]
        coverages = [{"reference": addresses.of(cast.coverage)}]
        if cast.second_coverage is not None:
            coverages.append({"reference": addresses.of(cast.second_coverage)})
        patient: Json = {"reference": addresses.of(cast.patient)}
        if logical:
            patient = {"identifier": cast.patient["identifier"][0]}
        return References(
            patient=patient,
            biller={"reference": addresses.of(cast.clinic)},
            rendering=rendering,
            coverages=coverages,
            others=others,
            referral=None if cast.referral is None else {"reference": addresses.of(cast.referral)},
            addresses=addresses,
        )

    def _contained(self, choices: Choices, cast: Cast, refers: References) -> list[Json]:
        """Resources that stand within the claim instead of beside it."""
        inside: list[Json] = []
        if cast.benefits is None and chance(choices, 0.4):
            refers.coverages[0] = {"reference": f"#{cast.coverage['id']}"}
            inside.append(cast.coverage)
        if cast.referral is not None and "contained" not in cast.referral and chance(choices, 0.5):
            refers.referral = {"reference": f"#{cast.referral['id']}"}
            inside.append(cast.referral)
        if cast.role is None and "reference" in refers.rendering and chance(choices, 0.4):
            refers.rendering = {"reference": f"#{cast.practitioner['id']}"}
            inside.append(cast.practitioner)
        return inside

    # --- what was billed before -----------------------------------------------------------------------------------

    def _put_before(self, choices: Choices, made: Made, earlier: Plan, how: Writing, refers: References) -> None:
        """The claim of an earlier visit, or the payer's answer to one."""
        before = self.written(choices, "c0", earlier, made.cast, how, refers, made.addresses)
        made.own += before.own
        made.before = [before.claim if chance(choices, 0.6) else _answered(before.claim)]


def drawn_days(choices: Choices, first: date, count: int) -> list[date]:
    """Days of visits, a few apart, in the quarter that begins on ``first``."""
    day = min(first + timedelta(days=choices.randint(0, 60)), LAST_DAY - timedelta(days=7 * count))
    days = []
    for _ in range(count):
        days.append(day)
        day += timedelta(days=choices.choice((1, 2, 3, 7)))
    return days


def _answered(claim: Json) -> Json:
    """The explanation of benefits of a claim that did not come along."""
    kept = ("patient", "provider", "referral", "careTeam", "billablePeriod", "item", "created", "type", "use")
    return {
        "resourceType": "ExplanationOfBenefit",
        "id": f"{claim['id']}-answered",
        "status": "active",
        "insurer": {"display": "Payer"},
        "outcome": "complete",
        "insurance": [{"focal": True, "coverage": claim["insurance"][0]["coverage"]}],
        **{key: copy.deepcopy(claim[key]) for key in kept if key in claim},
    }


def _replace(made: Made) -> None:
    """Let the claim replace one just like it, which came before."""
    old = copy.deepcopy(made.claim)
    old["id"] = "c0"
    made.before = [old]
    relationship = parties.concept("prior", "http://terminology.hl7.org/CodeSystem/ex-relatedclaimrelationship")
    made.claim["related"] = [{"claim": {"reference": made.addresses.of(old)}, "relationship": relationship}]
    made.shared = True
