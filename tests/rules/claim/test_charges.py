"""Charges: a net is its product, a total its sum, and one mistake is told of once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.claims import Json, claim, corrected, grave, line, reviewed, the, varied, with_claim


def _charged(*nets: float, total: float | None, **of_first: Any) -> Json:
    """Two units at 58.00 (116.00) and one at 40.00, charged as given."""

    def change(claim: Json) -> None:
        for item, net in zip(claim["item"], nets, strict=True):
            item["net"]["value"] = net
        claim["item"][0].update(of_first)
        if total is None:
            del claim["total"]
        else:
            claim["total"]["value"] = total

    return varied(claim(line("97140", units=2, minutes=30), line("97110", price="40.00")), change)


def test_right_charges_are_met_with_silence() -> None:
    assert grave(reviewed(_charged(116, 40, total=156))) == []


def test_the_units_may_be_the_wrong_one() -> None:
    found = the(reviewed(_charged(58, 40, total=98)), "charge-mismatch")
    assert [c.label for c in found.corrections] == ["Charge $116.00", "Price a unit at $29.00", "Bill 1 unit"]
    assert not any(c.certain for c in found.corrections)


def test_a_wrong_net_is_told_of_and_the_total_follows() -> None:
    report = reviewed(_charged(100, 40, total=140))
    found = the(report, "charge-mismatch")
    assert found.expression == ("Claim.item[0].net",)
    assert "$100.00 is charged, while 2 units at $58.00 make $116.00" in found.message
    assert [(c.label, c.certain) for c in found.corrections] == [
        ("Charge $116.00", False),
        ("Price a unit at $50.00", False),
    ], "which of price, units and charge is wrong nobody can tell"
    assert report.corrected == {}
    mended = report.corrected_by(found, found.corrections[0])
    assert mended["item"][0]["net"]["value"] == Decimal("116.00")
    assert mended["total"]["value"] == Decimal("156.00")


def test_a_right_total_stays_when_a_net_is_wrong() -> None:
    report = reviewed(_charged(100, 40, total=156))
    found = the(report, "charge-mismatch")
    assert found.expression == ("Claim.item[0].net",)
    assert report.corrected_by(found, found.corrections[0])["total"]["value"] == 156


def test_a_wrong_total_is_told_of_alone() -> None:
    report = reviewed(_charged(116, 40, total=165))
    found = the(report, "charge-mismatch")
    assert found.expression == ("Claim.total",)
    assert found.message == "The total is $165.00, while the lines add up to $156.00."
    assert corrected(report)["total"]["value"] == Decimal("156.00")


def test_both_wrong_are_both_told_of_and_end_right() -> None:
    bundle = _charged(100, 40, total=999)
    report = reviewed(bundle)
    assert [f.expression[0] for f in report.findings if f.rule == "charge-mismatch"] == [
        "Claim.item[0].net",
        "Claim.total",
    ]
    assert corrected(report)["total"]["value"] == Decimal("140.00"), "the net is for a person to settle"
    net = next(f for f in report.findings if f.expression == ("Claim.item[0].net",))
    settled = reviewed(with_claim(bundle, report.corrected_by(net, net.corrections[0])))
    mended = settled.corrected.get("Claim/c1") or settled.original("Claim/c1")
    assert mended["item"][0]["net"]["value"] == Decimal("116.00")
    assert mended["total"]["value"] == Decimal("156.00")
    assert grave(reviewed(with_claim(bundle, mended))) == []


def test_the_factor_counts() -> None:
    assert grave(reviewed(_charged(58, 40, total=98, factor=0.5))) == []
    assert the(reviewed(_charged(116, 40, total=156, factor=0.5)), "charge-mismatch").message.endswith(
        "2 units at $58.00 times 0.5 make $58.00."
    )


@pytest.mark.parametrize("net", [33.33, 33.333])
def test_cents_decide(net: float) -> None:
    def third(claim: Json) -> None:
        claim["item"][0]["unitPrice"]["value"] = 33.333
        claim["item"][0]["net"]["value"] = net
        claim["total"]["value"] = 33.33

    assert grave(reviewed(varied(claim(), third))) == []


def test_nothing_is_said_where_something_is_unknown() -> None:
    no_price = varied(claim(), lambda c: c["item"][0].pop("unitPrice"))
    no_net = varied(claim(line("97140"), line("97110")), lambda c: c["item"][0].pop("net"))
    assert grave(reviewed(no_price)) == grave(reviewed(no_net)) == []
    assert grave(reviewed(_charged(116, 40, total=None))) == []


def test_a_quantity_in_minutes_makes_no_product() -> None:
    bundle = _charged(116, 40, total=156, quantity={"value": 30, "unit": "min", "code": "min"})
    assert "charge-mismatch" not in grave(reviewed(bundle))


def test_a_line_of_details_is_their_sum() -> None:
    bundle = _charged(100, 40, total=140, detail=[{"sequence": 1, "productOrService": {"text": "part"}}])
    assert grave(reviewed(bundle)) == []
