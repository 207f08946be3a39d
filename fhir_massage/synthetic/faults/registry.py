"""The faults by name, and what each promises."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from fhir_massage.synthetic.choices import Choices
from fhir_massage.synthetic.made import Made
from fhir_massage.synthetic.market import Market, Setting
from fhir_massage.synthetic.orders import MadeOrder
from fhir_massage.synthetic.plan import ANY, Shape


class Answer(msgspec.Struct, frozen=True):
    """What a review has to find: the rule, and the element that it names."""

    rule: str
    element: str


#: Breaks what was made, in place; ``None`` (and nothing done) where it cannot be broken in this way.
ClaimBreak = Callable[[Made, Market, Choices], list[str] | list[Answer] | None]
OrderBreak = Callable[[MadeOrder, Market, Choices], list[str] | None]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A way to break a correct claim.

    ``suits`` says in which settings it can be done at all, ``shape`` what the claim has to be like.
    ``restored``: the certain correction, if there is one, gives back the claim as it was.
    """

    rule: str
    name: str
    suits: Callable[[Setting], bool]
    shape: Shape
    restored: bool
    apply: ClaimBreak

    def breaks(self, made: Made, market: Market, choices: Choices) -> list[Answer] | None:
        """Break the claim in place, and tell what is to be found; ``None`` where it cannot be done."""
        return _answers(self.rule, self.apply(made, market, choices))


class OrderFault(msgspec.Struct, frozen=True, kw_only=True):
    """A way to break a correct order."""

    rule: str
    name: str
    suits: Callable[[Setting], bool]
    apply: OrderBreak

    def breaks(self, made: MadeOrder, market: Market, choices: Choices) -> list[Answer] | None:
        """Break the order in place, and tell what is to be found; ``None`` where it cannot be done."""
        return _answers(self.rule, self.apply(made, market, choices))


_claim_faults: list[Fault] = []
_order_faults: list[OrderFault] = []


def _everywhere(_: Setting) -> bool:
    return True


def fault(
    rule: str, *, suits: Callable[[Setting], bool] = _everywhere, shape: Shape = ANY, restored: bool = True
) -> Callable[[ClaimBreak], ClaimBreak]:
    """Register a function as a way to make ``rule`` speak."""

    def register(apply: ClaimBreak) -> ClaimBreak:
        name: str = getattr(apply, "__name__", rule)
        _claim_faults.append(Fault(rule=rule, name=name, suits=suits, shape=shape, restored=restored, apply=apply))
        return apply

    return register


def order_fault(rule: str, *, suits: Callable[[Setting], bool] = _everywhere) -> Callable[[OrderBreak], OrderBreak]:
    """Register a function as a way to make the order rule ``rule`` speak."""

    def register(apply: OrderBreak) -> OrderBreak:
        name: str = getattr(apply, "__name__", rule)
        _order_faults.append(OrderFault(rule=rule, name=name, suits=suits, apply=apply))
        return apply

    return register


def claim_faults() -> tuple[Fault, ...]:
    """Every way to break a claim."""
    return tuple(_claim_faults)


def order_faults() -> tuple[OrderFault, ...]:
    """Every way to break an order."""
    return tuple(_order_faults)


def _answers(rule: str, found: list[str] | list[Answer] | None) -> list[Answer] | None:
    if not found:
        return None
    return [each if isinstance(each, Answer) else Answer(rule, each) for each in found]
