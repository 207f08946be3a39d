"""What is ordered, from whom, and which performers are refused."""

from __future__ import annotations

from fhir_massage.case.seen import OrderCase
from fhir_massage.rules.tools import listed, named

#: The two services that an order in general words may mean.
SERVICES = ("97124", "97140")
#: Those who may be asked to render, in the order in which they are offered. An assistant takes no orders.
OFFERED = (
    "physical-therapist",
    "occupational-therapist",
    "massage-therapist",
    "chiropractor",
    "acupuncturist",
    "athletic-trainer",
    "advanced-practice",
)
#: Payers that ask for a letter of medical necessity.
LETTER_FOR = frozenset({"hsa-fsa", "self-pay"})


def services_of(case: OrderCase) -> tuple[str, ...]:
    """The procedure code ordered; where none is said, both that may be meant: what holds must hold for each."""
    return SERVICES if case.procedure is None else (case.procedure,)


def service_in_words(case: OrderCase) -> str:
    return listed([named(case.facts, code, case.day) for code in services_of(case)], "or")


def performing(case: OrderCase) -> str | None:
    """The profession that is asked to render, where the order names just one."""
    found = {performer.profession for performer in case.performers if performer.profession is not None}
    return found.pop() if len(found) == 1 else None
