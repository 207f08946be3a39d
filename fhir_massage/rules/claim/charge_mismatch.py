"""Charges do not add up."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from fhir_massage.case.seen import Number
from fhir_massage.edit.changes import CENT
from fhir_massage.edit.finding import Correction, Denial, Found
from fhir_massage.rules.parts import ChargedLine, Charges
from fhir_massage.rules.registry import charges_rule
from fhir_massage.rules.tools import change, confirmed, counted, named


@charges_rule(
    "charge-mismatch",
    family="claim",
    severity="error",
    title="Charges do not add up",
    denial=Denial("CO", "16"),
)
def charge_mismatch(claim: Charges) -> Iterator[Found]:
    """Do the sums of the claim.

    What it checks
    A line's net charge against its units times its unit price (times its factor), and the claim's total
    against the sum of its lines. Where the total is right and a line is wrong, only the line is told of.

    Why it is denied
    A claim whose charges do not add up is sent back before it is looked at (CO-16).

    What to do
    Correct what is wrong of the three, the price, the units or the charge, and make the total the sum.

    Source
    CMS, Medicare Learning Network, web-based training on the CMS-1500, items 24F and 28; HL7, FHIR R4,
    Claim.item.net and Claim.total.
    """
    nets = [line.net for line in claim.lines]
    right = list(nets)
    for line in claim.lines:
        if _adds_up(line.net, line.units, line.unit_price, line.factor) or _has_details(claim, line):
            continue
        assert line.net is not None and line.units is not None and line.unit_price is not None
        product = _made(line.units, line.unit_price, line.factor)
        right[line.index] = product
        yield Found(
            f"{line.element}.net",
            f"{named(claim.facts, line.code, line.day)}: {_dollars(line.net)} is charged, while "
            f"{_sum_in_words(line)} make {_dollars(product)}.",
            tuple(_ways_out(claim, line, product)),
            at_risk=line.net,
        )
    if claim.total is None:
        return
    sums = [_sum(nets), _sum(right)] if right != nets else [_sum(nets)]
    if None in sums or _cents(claim.total) in sums:
        return
    total = tuple(change(claim).total_of_nets())
    yield Found(
        "Claim.total",
        f"The total is {_dollars(claim.total)}, while the lines add up to {_dollars(sums[0] or Decimal(0))}.",
        (Correction(f"Make the total {_dollars(sums[0] or Decimal(0))}", total),) if total else (),
    )


def _ways_out(claim: Charges, line: ChargedLine, product: Decimal) -> Iterator[Correction]:
    """The net, the price or the units changed: any of the three may be the wrong one."""
    assert line.net is not None and line.units is not None and line.unit_price is not None
    yield confirmed(
        f"Charge {_dollars(product)}",
        change(claim).net(line.index, product),
        "that the units and the price are right, and the charge is not",
    )
    by_units = Decimal(str(line.units)) * (Decimal(1) if line.factor is None else line.factor)
    price = _cents(line.net / by_units) if by_units else None
    if price is not None and _cents(price * by_units) == _cents(line.net):
        yield confirmed(
            f"Price a unit at {_dollars(price)}",
            change(claim).price(line.index, price),
            "that the units and the charge are right, and the price is not",
        )
    one = _made(1, line.unit_price, line.factor)
    units = line.net / one if one else Decimal(0)
    if units >= 1 and units == int(units):
        yield confirmed(
            f"Bill {counted(int(units), 'unit')}",
            change(claim).units(line.index, int(units)),
            "that the price and the charge are right, and the units are not",
        )


@lru_cache(maxsize=4096)
def _adds_up(net: Decimal | None, units: Number | None, unit_price: Decimal | None, factor: Decimal | None) -> bool:
    """Whether the units make the net charge, or it is not known what they make."""
    if net is None or units is None or units <= 0 or unit_price is None:
        return True
    return _made(units, unit_price, factor) == _cents(net)


@lru_cache(maxsize=4096)
def _made(units: Number, unit_price: Decimal, factor: Decimal | None) -> Decimal:
    product = Decimal(str(units)) * unit_price
    return _cents(product if factor is None else product * factor)


def _has_details(claim: Charges, line: ChargedLine) -> bool:
    """Whether the line has lines of its own, which make up its charge."""
    return bool(claim.read_json()["item"][line.index].get("detail"))


def _sum(nets: list[Decimal | None]) -> Decimal | None:
    if not nets or None in nets:
        return None
    return sum(map(_cents, nets), Decimal(0))


@lru_cache(maxsize=4096)
def _cents(dollars: Decimal) -> Decimal:
    return dollars.quantize(CENT, ROUND_HALF_UP)


def _dollars(amount: Decimal) -> str:
    return f"${_cents(amount):,}"


def _sum_in_words(line: ChargedLine) -> str:
    factor = "" if line.factor is None else f" times {line.factor.normalize():f}"
    return f"{counted(line.units or 0, 'unit')} at {_dollars(line.unit_price or Decimal(0))}{factor}"
