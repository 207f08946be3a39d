"""Edits that put a claim right, with everything that follows from them: net charges and the total.

Each function takes the Claim's own JSON and returns the edits, which may stand alone.
Money is in dollars.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Any

from fhir_massage.edit.finding import Edit
from fhir_massage.read.codes import is_modifier, is_modifier_text
from fhir_massage.read.quantity import measure

Json = dict[str, Any]
CENT = Decimal("0.01")


class Charged:
    """What each line of a claim charges as it stands, in dollars; worked out once for all changes to it."""

    def __init__(self, claim: Mapping[str, Any]) -> None:
        self._claim = claim

    @cached_property
    def lines(self) -> list[Decimal | None]:
        """Each line's charge; ``None`` where it is not known."""
        return [_charge(item) for item in self._claim.get("item", [])]

    @cached_property
    def unknown(self) -> frozenset[int]:
        """The lines whose charge is not known."""
        return frozenset([i for i, charge in enumerate(self.lines) if charge is None])

    @cached_property
    def total(self) -> Decimal:
        """What all lines charge together, as far as that is known."""
        return self.of(range(len(self.lines)))

    def of(self, places: Iterable[int]) -> Decimal:
        """What the lines at these places charge together, as far as that is known."""
        return sum([charge for i in places if (charge := self.lines[i]) is not None], Decimal(0))


class ClaimChange:
    """Collects changes to one claim's lines, and works out the amounts that follow."""

    def __init__(self, claim: Mapping[str, Any], charged: Charged | None = None) -> None:
        """``charged`` is what the claim's lines charge, where that was worked out before."""
        self._claim = claim
        self._charged = charged or Charged(claim)
        self._items: list[Json] = list(claim.get("item", []))
        self._edits: list[Edit] = []
        self._removed: set[int] = set()
        self._charges: dict[int, Decimal] = {}
        self._given_modifiers: set[int] = set()

    def units(self, index: int, units: int) -> ClaimChange:
        """Give a line that many whole units; its net charge follows."""
        item = self._items[index]
        before = (item.get("quantity") or {}).get("value")
        quantity = {key: value for key, value in (item.get("quantity") or {}).items() if key in ("id", "extension")}
        counted = measure((item.get("quantity") or {}).get("code"), (item.get("quantity") or {}).get("unit")) == "count"
        if counted and before is not None:
            self._edits.append(Edit("replace", f"/item/{index}/quantity/value", units))
        else:
            self._edits.append(Edit("add", f"/item/{index}/quantity", {**quantity, "value": units}))
        net = _net_of(item, units, before if counted else None)
        if net is not None:
            self.net(index, net)
        elif "net" not in item and (charge := product(item, units)) is not None:
            self._charges[index] = charge
        return self

    def net(self, index: int, net: Decimal) -> ClaimChange:
        """Give a line this net charge in dollars."""
        if money(self._items[index].get("net")) != net:
            self._charges[index] = net
            if "net" in self._items[index]:
                self._edits.append(Edit("add", f"/item/{index}/net/value", net))
            else:
                self._edits.append(Edit("add", f"/item/{index}/net", self._dollars(index, net)))
        return self

    def price(self, index: int, price: Decimal) -> ClaimChange:
        """Give a line this price of a unit in dollars."""
        self._edits.append(Edit("add", f"/item/{index}/unitPrice/value", price))
        return self

    def remove(self, index: int) -> ClaimChange:
        """Take a line off the claim."""
        self._removed.add(index)
        return self

    def add_modifier(self, index: int, modifier: str) -> ClaimChange:
        """Put a modifier after those that a line has."""
        concept = {"coding": [{**self._modifier_system(), "code": modifier}]}
        if self._items[index].get("modifier") or index in self._given_modifiers:
            self._edits.append(Edit("add", f"/item/{index}/modifier/-", concept))
        else:
            self._edits.append(Edit("add", f"/item/{index}/modifier", [concept]))
        self._given_modifiers.add(index)
        return self

    def drop_modifier(self, index: int, position: int) -> ClaimChange:
        """Take the modifier at a position (among all the line's modifiers) off a line."""
        place = self._modifier_place(index, position)
        if place is None:
            return self._cannot(index)
        number, coding = place
        concepts = self._items[index]["modifier"]
        if coding is not None and _has_several_codes(concepts[number]["coding"]):
            self._edits.append(Edit("remove", f"/item/{index}/modifier/{number}/coding/{coding}"))
        elif len(concepts) > 1:
            self._edits.append(Edit("remove", f"/item/{index}/modifier/{number}"))
        else:
            self._edits.append(Edit("remove", f"/item/{index}/modifier"))
        return self

    def change_modifier(self, index: int, position: int, modifier: str) -> ClaimChange:
        """Put another modifier in the place of the one at a position (among all the line's modifiers)."""
        found = self._modifier_place(index, position)
        if found is None:
            return self._cannot(index)
        number, coding = found
        if coding is None:
            concept = {"coding": [{**self._modifier_system(), "code": modifier}]}
            self._edits.append(Edit("replace", f"/item/{index}/modifier/{number}", concept))
            return self
        place = f"/item/{index}/modifier/{number}/coding/{coding}"
        self._edits.append(Edit("replace", f"{place}/code", modifier))
        if "display" in self._items[index]["modifier"][number]["coding"][coding]:
            self._edits.append(Edit("remove", f"{place}/display"))
        return self

    def _modifier_place(self, index: int, position: int) -> tuple[int, int | None] | None:
        """Which modifier element of a line, and which of its codings, holds the modifier at a position.

        No coding where the element has words alone; ``None`` for a modifier that is glued to the code.
        """
        places = modifier_places(self._items[index])
        return places[position] if position < len(places) else None

    def _cannot(self, index: int) -> ClaimChange:
        """Make this a change that does not apply, so that no correction is offered: the code itself is to be split."""
        self._edits.append(Edit("test", f"/item/{index}/productOrService", None))
        return self

    def put(self, index: int, path: str, value: Any) -> ClaimChange:
        """Set an element of a line; ``path`` is a JSON Pointer within the line."""
        self._edits.append(Edit("add", f"/item/{index}{path}", value))
        return self

    def drop(self, index: int, path: str) -> ClaimChange:
        """Take an element off a line; ``path`` is a JSON Pointer within the line."""
        self._edits.append(Edit("remove", f"/item/{index}{path}"))
        return self

    def edits(self) -> tuple[Edit, ...]:
        """Every edit, lines removed last and from the end, then the total that follows."""
        edits = list(self._edits)
        if self._removed and len(self._removed) == len(self._items):
            edits.append(Edit("remove", "/item"))
        else:
            edits += [Edit("remove", f"/item/{index}") for index in sorted(self._removed, reverse=True)]
        total = self._total()
        if total is not None:
            edits.append(Edit("replace", "/total/value", total))
        return tuple(edits)

    def total_of_nets(self) -> list[Edit]:
        """The edit that makes the total the sum of the lines' charges, where it is not; else none."""
        before = money(self._claim.get("total"))
        if before is None or self._charged.unknown or self._charged.total == before:
            return []
        return [Edit("replace", "/total/value", _cents(self._charged.total))]

    def _total(self) -> Decimal | None:
        """The new total in dollars, where there is one and it changes."""
        if not self._charges and not self._removed:
            return None
        before = money(self._claim.get("total"))
        if before is None:
            return None
        charged, touched = self._charged, {*self._charges, *self._removed}
        new = {i: net for i, net in self._charges.items() if i not in self._removed}
        if charged.unknown <= touched:
            after = charged.total - charged.of(touched) + sum(new.values(), Decimal(0))
        else:
            after = before - charged.of(touched)
            after += sum((net for i, net in new.items() if i not in charged.unknown), Decimal(0))
        return None if after == before else _cents(after)

    def _dollars(self, index: int, net: Decimal) -> Json:
        currency = (self._items[index].get("unitPrice") or {}).get("currency")
        return {"value": net, **({"currency": currency} if currency else {})}

    def _modifier_system(self) -> Json:
        """The system that the claim's other modifiers name, so that a new one looks like them."""
        for item in self._items:
            for concept in item.get("modifier", []):
                for coding in concept.get("coding", []):
                    if coding.get("system"):
                        return {"system": coding["system"]}
        return {}


def _has_several_codes(codings: Iterable[Mapping[str, Any]]) -> bool:
    return len({str(coding["code"]).strip().upper() for coding in codings if coding.get("code")}) > 1


def modifier_places(item: Mapping[str, Any]) -> list[tuple[int, int | None]]:
    """Where each modifier of a line stands: its element, and its coding there (``None`` where it has words alone).

    They come in the order in which a line's modifiers are read; one that is glued to the code is none of them, and a
    code that one element repeats stands where it does first.
    """
    places: list[tuple[int, int | None]] = []
    for number, concept in enumerate(item.get("modifier", [])):
        coded = [(place, each) for place, each in enumerate(concept.get("coding", [])) if each.get("code")]
        first: dict[str, int] = {}
        for place, each in coded:
            if is_modifier(each.get("system"), each["code"]):
                first.setdefault(each["code"].strip().upper(), place)
        places += [(number, place) for place in first.values()]
        if not coded and is_modifier_text(concept.get("text")):
            places.append((number, None))
    return places


def money(amount: Any) -> Decimal | None:
    """The dollars of a FHIR Money."""
    if not isinstance(amount, Mapping) or amount.get("value") is None:
        return None
    value = amount["value"]
    return value if isinstance(value, Decimal) else Decimal(str(value))


def product(item: Mapping[str, Any], units: int | float | Decimal) -> Decimal | None:
    """Units × unit price × factor of a line, in dollars and whole cents."""
    price = money(item.get("unitPrice"))
    if price is None:
        return None
    factor = item.get("factor")
    return _cents(Decimal(str(units)) * price * (Decimal(1) if factor is None else Decimal(str(factor))))


def _charge(item: Mapping[str, Any]) -> Decimal | None:
    """What a line charges: its net, else its units × unit price × factor."""
    if "net" in item:
        return money(item["net"])
    quantity = item.get("quantity") or {}
    if quantity.get("value") is None or measure(quantity.get("code"), quantity.get("unit")) != "count":
        return None
    return product(item, quantity["value"])


def _net_of(item: Mapping[str, Any], units: int, before: Any) -> Decimal | None:
    """The net charge for new units: by the unit price, else in proportion to the old units."""
    if "net" not in item:
        return None
    priced = product(item, units)
    if priced is not None:
        return priced
    net = money(item["net"])
    if net is None or before is None or Decimal(str(before)) <= 0:
        return None
    return _cents(net * units / Decimal(str(before)))


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)
