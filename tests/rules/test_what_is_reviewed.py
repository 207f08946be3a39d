"""What is reviewed: which claims, and which orders (the rule book's paragraph of that name)."""

from __future__ import annotations

import pytest

from tests.claims import Json, bundle, claim, line, order, resource, reviewed, varied

DRAFT = resource(order(), "ServiceRequest")


@pytest.mark.parametrize("use", ["claim", "preauthorization", "predetermination", None])
def test_a_claim_whatever_its_use(use: str | None) -> None:
    content = varied(claim(line("97140")), lambda c: c.update(use=use) if use else c.pop("use"))
    assert reviewed(content).claims == ("Claim/c1",)


@pytest.mark.parametrize(
    ("status", "is_reviewed"), [("active", True), ("draft", True), ("cancelled", False), ("entered-in-error", False)]
)
def test_a_claim_that_stands(status: str, is_reviewed: bool) -> None:
    content = varied(claim(line("97140")), lambda c: c.update(status=status))
    assert bool(reviewed(content).claims) is is_reviewed


@pytest.mark.parametrize("status", ["draft", "active", "on-hold"])
def test_an_order_by_itself(status: str) -> None:
    assert reviewed({**DRAFT, "status": status}).orders == ("ServiceRequest/o1",)


@pytest.mark.parametrize("status", ["draft", "active", "completed"])
def test_any_order_of_a_bundle_without_a_claim(status: str) -> None:
    assert reviewed(bundle({**DRAFT, "status": status})).orders == ("ServiceRequest/o1",)


@pytest.mark.parametrize(("status", "is_reviewed"), [("draft", True), ("active", False), ("completed", False)])
def test_beside_a_claim_a_draft_alone(status: str, is_reviewed: bool) -> None:
    content = claim(line("97140"))
    content["entry"].append({"resource": {**DRAFT, "status": status}})
    assert bool(reviewed(content).orders) is is_reviewed


def test_a_claims_referral_is_no_order_under_review() -> None:
    content = claim(line("97124"), profession="massage-therapist")
    resource(content, "ServiceRequest").update(status="draft", code={"text": "Massage"})
    assert reviewed(content).orders == ()


def hooked(drafts: list[Json], prefetch: list[Json]) -> Json:
    """A hook request with these drafts and this prefetch."""
    return {
        "hook": "order-sign",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/1", "patientId": "p1", "draftOrders": bundle(*drafts)},
        "prefetch": {"record": bundle(*prefetch)},
    }


def test_of_a_hook_the_drafts_and_not_what_was_ordered_before() -> None:
    report = reviewed(hooked([DRAFT], [{**DRAFT, "id": "before", "status": "active"}]))
    assert report.orders == ("ServiceRequest/o1",)


def test_a_claim_rides_in_the_prefetch_too() -> None:
    assert reviewed(hooked([], [resource(claim(line("97140")), "Claim")])).claims == ("Claim/c1",)


def test_of_several_claims_each() -> None:
    content = claim(line("97140"))
    content["entry"].append({"resource": {**resource(content, "Claim"), "id": "c2", "created": "2026-11-04"}})
    report = reviewed(content)
    assert report.claims == ("Claim/c1", "Claim/c2")
    assert [(f.resource, f.rule) for f in report.findings if f.severity == "error"] == [("Claim/c2", "duplicate-claim")]


def test_a_claim_that_asks_beforehand_is_no_visit() -> None:
    content = claim(line("97124"), profession="massage-therapist")
    resource(content, "ServiceRequest")["quantityQuantity"]["value"] = 1
    asked = {**resource(content, "Claim"), "id": "c0", "use": "preauthorization", "created": "2026-10-20"}
    for item in (asked["item"][0],):
        asked["item"] = [{**item, "servicedDate": "2026-10-26"}]
    content["entry"].append({"resource": asked})
    found = [(f.resource, f.rule) for f in reviewed(content).findings if f.severity == "error"]
    assert ("Claim/c1", "referral-visits-exhausted") not in found


@pytest.mark.parametrize("kind", ["oral", "pharmacy", "vision"])
def test_a_claim_of_a_type_that_is_never_ours_gets_nothing(kind: str) -> None:
    content = varied(claim(line("97140")), lambda claim: claim.update(type={"coding": [{"code": kind}]}))
    report = reviewed(content)
    assert report.out_of_scope == ("Claim/c1",)
    assert report.claims == () and report.findings == ()


@pytest.mark.parametrize("code", ["99213", "J1885", "D1110"])
def test_a_claim_without_a_line_of_ours_gets_nothing(code: str) -> None:
    report = reviewed(claim(line(code)))
    assert report.out_of_scope == ("Claim/c1",) and report.findings == ()


def test_a_claim_without_lines_is_not_ours() -> None:
    content = varied(claim(line("97140")), lambda claim: claim.pop("item"))
    assert reviewed(content).out_of_scope == ("Claim/c1",)


@pytest.mark.parametrize("code", ["97010", "97799", "98943", "98925", "97814", "20561", "G0283"])
def test_one_line_of_ours_makes_the_claim_ours(code: str) -> None:
    report = reviewed(claim(line("99213"), line(code)))
    assert report.claims == ("Claim/c1",) and report.out_of_scope == ()
