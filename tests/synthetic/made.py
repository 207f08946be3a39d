"""Strategies of made-up claims and orders, and the reviews of them."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st

from fhir_massage import Report
from fhir_massage.facts.book import shipped
from fhir_massage.read.read import encode, parse
from fhir_massage.synthetic.faults import Answer, Fault, OrderFault, claim_faults, order_faults
from fhir_massage.synthetic.made import Made
from fhir_massage.synthetic.maker import Maker
from fhir_massage.synthetic.market import Setting
from fhir_massage.synthetic.orders import MadeOrder, make_order
from tests.claims import Json, reviewed

DEEP = os.environ.get("FHIR_MASSAGE_DEEP") == "1"
ENOUGH_TRIES = 12
MAKER = Maker(shipped())


def examples(normal: int, deep: int) -> settings:
    """So many examples, the same ones in every run."""
    return settings(
        max_examples=deep if DEEP else normal,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )


@cache
def suited(fault: Fault | OrderFault) -> list[Setting]:
    """The settings in which a fault can be done."""
    return [setting for setting in MAKER.market.settings if fault.suits(setting)]


@st.composite
def correct_claims(draw: st.DrawFn) -> Made:
    """A correct claim with its document, every choice of which Hypothesis makes and shrinks."""
    made = MAKER.claim(draw(st.randoms(use_true_random=False)))
    assume(made is not None)
    assert made is not None
    return made


@st.composite
def correct_orders(draw: st.DrawFn) -> MadeOrder:
    """A correct order with its document."""
    made = make_order(MAKER, draw(st.randoms(use_true_random=False)))
    assume(made is not None)
    assert made is not None
    return made


class Broken:
    """A claim or order before and after a fault: the resource as it was, its document, and what is to be found."""

    def __init__(
        self, fault: Fault | OrderFault, original: Json, made: Made | MadeOrder, answers: list[Answer]
    ) -> None:
        self.fault = fault
        self.original = original
        self.name = made.name
        self.broken = as_read(made.claim if isinstance(made, Made) else made.order)
        self.document = encode(made.bundle())
        self.answers = sorted((made.name, answer.rule, answer.element) for answer in answers)

    def __repr__(self) -> str:
        return f"{self.fault.name}: {self.answers} in {self.document.decode()}"


@st.composite
def broken(draw: st.DrawFn) -> Broken:
    """A claim or order broken in one of the known ways, each as often as another."""
    fault = draw(st.sampled_from([*claim_faults(), *order_faults()]))
    choices = draw(st.randoms(use_true_random=True))
    found = break_one(fault, choices)
    assume(found is not None)
    assert found is not None
    return found


def break_one(fault: Fault | OrderFault, choices: Any) -> Broken | None:
    """Something correct that lets itself be broken in that way; ``None`` where none came up."""
    for _ in range(ENOUGH_TRIES):
        setting = choices.choice(suited(fault))
        if isinstance(fault, Fault):
            claim = MAKER.claim(choices, setting, fault.shape)
            if claim is None:
                continue
            original, made = as_read(claim.claim), claim
            answers = fault.breaks(claim, MAKER.market, choices)
            if answers:
                return Broken(fault, original, made, answers)
        else:
            order = make_order(MAKER, choices, setting)
            if order is None:
                continue
            original = as_read(order.order)
            answers = fault.breaks(order, MAKER.market, choices)
            if answers:
                return Broken(fault, original, order, answers)
    return None


def as_read(resource: Json) -> Json:
    """A resource as it comes out of its JSON."""
    content: Json = parse(encode(resource))
    return content


def said(content: bytes | Json) -> list[tuple[str, str, str]]:
    """The errors and warnings of a review: resource, rule and element."""
    return graves(reviewed(content))


def graves(report: Report) -> list[tuple[str, str, str]]:
    """The errors and warnings of a report: resource, rule and element."""
    return sorted((f.resource, f.rule, f.expression[0]) for f in report.findings if f.severity != "information")
