"""Faults of who rendered."""

from __future__ import annotations

from fhir_massage.synthetic import parties
from fhir_massage.synthetic.choices import Choices
from fhir_massage.synthetic.faults.registry import Answer, fault
from fhir_massage.synthetic.faults.tools import asks_alike, lines, policy_of, refused
from fhir_massage.synthetic.made import Made
from fhir_massage.synthetic.market import Market, Setting
from fhir_massage.synthetic.repertoire import TAXONOMIES, npi

#: An assistant's services need modifiers of their own, so nobody is turned into one.
OTHERS = tuple(profession for profession in TAXONOMIES if not profession.endswith("assistant"))


def _refused_professions(made: Made, market: Market) -> list[str]:
    """The professions that the payer does not pay for some line, and of which it asks nothing else."""
    return [
        profession for profession in OTHERS
        if asks_alike(made, market, profession)
        and any(refused(market, policy_of(made, market, s), s.code, profession, s.day) for s in made.plan.services)
        and not any(
            (covered := policy_of(made, market, s).covered(s.code, profession)) is not None and covered.answer == "no"
            for s in made.plan.services
        )
    ]  # fmt: skip


def _rendered_by(made: Made, market: Market, choices: Choices, profession: str) -> list[tuple[int, str]]:
    """Say that somebody of another profession rendered; each refused line with the element that names them."""
    made.claim["careTeam"][0]["qualification"] = parties.taxonomy(choices, profession)
    return [
        (index, f"Claim.item[{index}]" + (".careTeamSequence" if "careTeamSequence" in item else ""))
        for index, item, s in lines(made)
        if refused(market, policy_of(made, market, s), s.code, profession, s.day)
    ]


def _refuses(setting: Setting) -> bool:
    return any(entry.answer == "no" for entry in setting.policy.payable_entries)


@fault("provider-not-payable", suits=_refuses)
def a_profession_that_is_not_paid(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Say that somebody rendered whom the payer does not pay for it."""
    found = _refused_professions(made, market) if "careTeam" in made.claim else []
    # Somebody whom the payer enrolls may send such a service for the denial, which is another fault.
    found = [profession for profession in found if not _enrolls(made, market, profession)]
    if not found:
        return None
    elements = _rendered_by(made, market, choices, choices.choice(found))
    return [element for _, element in elements]


def _notices(setting: Setting) -> bool:
    return setting.policy.noncovered_modifier is not None


@fault("noncovered-modifier-missing", suits=_notices)
def not_paid_and_not_said(made: Made, market: Market, choices: Choices) -> list[Answer] | None:
    """Send what the payer never pays this profession for, and do not say that it is sent for the denial."""
    found = _refused_professions(made, market) if "careTeam" in made.claim else []
    found = [p for p in found if _never_paid(made, market, p) and _enrolls(made, market, p)]
    if not found or not all(_says_so(made, market, index) for index, _, _ in lines(made)):
        return None
    elements = _rendered_by(made, market, choices, choices.choice(found))
    return [Answer("provider-not-payable", element) for _, element in elements] + [
        Answer("noncovered-modifier-missing", f"Claim.item[{index}].modifier") for index, _ in elements
    ]


def _enrolls(made: Made, market: Market, profession: str) -> bool:
    """Whether the payer pays the profession for anything."""
    return any(
        entry.answer != "no" and not {profession, "*"}.isdisjoint(entry.professions)
        for service in made.plan.services
        for entry in policy_of(made, market, service).payable_entries
    )


def _never_paid(made: Made, market: Market, profession: str) -> bool:
    """Whether the payer's own policy refuses every line, and not only the bounds of the profession."""
    entries = [policy_of(made, market, s).payable(s.code, profession) for s in made.plan.services]
    return all(entry is not None and entry.answer == "no" for entry in entries)


def _says_so(made: Made, market: Market, index: int) -> bool:
    flag = policy_of(made, market, made.plan.services[index]).noncovered_modifier
    return flag is not None and flag.value


@fault("provider-unknown")
def nothing_tells_the_profession(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Take the profession off the claim and off the record of who rendered."""
    if not asks_alike(made, market, None):
        return None
    hanging = any(policy_of(made, market, s).depends_on_profession(s.code) for s in made.plan.services)
    member = made.claim["careTeam"][0] if "careTeam" in made.claim else None
    place = member["provider"] if member else made.claim["provider"]
    if not hanging or made.contained("Practitioner") is not None:
        return None
    if "reference" in place:
        person = parties.practitioner(choices, made.fresh_id(), 10**8, None)
        person["identifier"] = made.cast.practitioner["identifier"]
        place["reference"] = made.add(person)["reference"]
    if member:
        member.pop("qualification", None)
    return ["Claim.careTeam[0].provider" if member else "Claim.provider"]


@fault("npi-invalid")
def a_number_that_is_no_npi(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Give a number as NPI that fails its check digit, or is too short, or begins with 3."""
    good = npi(choices.randint(10**8, 2 * 10**8 - 1))
    wrong = choices.choice((f"{good[:9]}{(int(good[9]) + 1) % 10}", good[:9], f"3{good[1:]}", f"{good[:9]}A"))
    member = "careTeam" in made.claim
    place = made.claim["careTeam"][0]["provider"] if member else made.claim["provider"]
    place["identifier"] = {"system": parties.NPI, "value": wrong}
    return ["Claim.careTeam[0].provider" if member else "Claim.provider"]


@fault("referring-provider-missing", suits=lambda s: s.policy.referring_provider is not None)
def nobody_who_certified(made: Made, market: Market, choices: Choices) -> list[str] | None:
    """Leave off who certified the plan of care."""
    team = made.claim.get("careTeam", [])
    kept = [member for member in team if member.get("role", {}).get("coding", [{}])[0].get("code") != "referring"]
    if len(kept) == len(team) or "referral" in made.claim:
        return None
    made.claim["careTeam"] = kept
    return ["Claim.careTeam"]
