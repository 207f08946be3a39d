"""Payers that ask for authorization only after a number of visits: Washington's L&I after six of massage."""

from __future__ import annotations

import copy
from datetime import date, timedelta

import pytest

from tests.claims import DAY, Json, claim, line, order, resource, reviewed

LNI = "Washington State Department of Labor & Industries"


def of_lni(content: Json) -> Json:
    """The same, with L&I as the payer."""
    resource(content, "Coverage")["payor"] = [{"display": LNI}]
    return content


def massage(
    visit: int, *, referral: bool = True, authorization: str | None = None, profession: str = "massage-therapist"
) -> Json:
    """A claim of one visit, with those before it, a week apart, beside it."""
    content = of_lni(
        claim(
            line("97124"),
            payer="workers-compensation",
            profession=profession,
            referral=referral,
            authorization=authorization,
        )
    )
    this = resource(content, "Claim")
    if not referral:
        referrer = {"identifier": {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1987654328"}}
        this["careTeam"].append({"sequence": 2, "provider": referrer, "role": {"coding": [{"code": "referring"}]}})
    for number in range(1, visit):
        earlier = copy.deepcopy(this)
        day = (date.fromisoformat(DAY) - timedelta(weeks=visit - number)).isoformat()
        earlier |= {"id": f"earlier-{number}", "created": day}
        earlier["insurance"][0]["preAuthRef"] = ["an earlier one"]
        for item in earlier["item"]:
            item["servicedDate"] = day
        content["entry"].append({"resource": earlier})
    if referral:
        resource(content, "ServiceRequest")["quantityQuantity"] = {"value": 12}
    return content


def asked(content: Json) -> list[str]:
    """How gravely the claim under test is asked for an authorization."""
    found = reviewed(content).findings
    return [each.severity for each in found if each.rule == "authorization-missing" and each.resource == "Claim/c1"]


@pytest.mark.parametrize(("visit", "severities"), [(1, []), (6, []), (7, ["error"]), (8, ["error"])])
def test_massage_beyond_six_visits_wants_an_authorization(visit: int, severities: list[str]) -> None:
    assert asked(massage(visit)) == severities


def test_the_number_of_the_authorization_answers_it() -> None:
    assert asked(massage(8, authorization="AB12345")) == []


def test_physical_therapists_have_other_limits() -> None:
    assert asked(massage(8, profession="physical-therapist")) == []


def test_without_an_order_the_earlier_visits_may_be_of_another_injury() -> None:
    assert asked(massage(8, referral=False)) == ["warning"]


def test_visits_under_another_order_do_not_count() -> None:
    content = massage(8)
    for entry in content["entry"]:
        if entry["resource"]["id"].startswith("earlier-"):
            entry["resource"]["referral"] = {"reference": "ServiceRequest/of-another-injury"}
    assert asked(content) == []


@pytest.mark.parametrize(("visits", "found"), [(6, False), (7, True)])
def test_an_order_for_more_visits_is_told_beforehand(visits: int, found: bool) -> None:
    content = of_lni(order("97124", payer="workers-compensation", performer="massage-therapist", visits=visits))
    rules = [each.rule for each in reviewed(content).findings]
    assert ("order-authorization-needed" in rules) is found
