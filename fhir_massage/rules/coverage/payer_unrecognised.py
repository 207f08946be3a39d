"""The payer could not be told from the coverage."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Found
from fhir_massage.rules.parts import Services
from fhir_massage.rules.registry import services_rule
from fhir_massage.rules.tools import listed


@services_rule(
    "payer-unrecognised",
    family="coverage",
    severity="information",
    title="The payer could not be told from the coverage",
    topic="insurance",
)
def payer_unrecognised(case: Services) -> Iterator[Found]:
    """Say that the payer's policy could not be applied.

    What it checks
    A coverage whose payer is known neither by its identifier or the words in its name, nor by the name or type
    of the plan. Only rules that hold for every payer are applied to its claims.

    Why it is denied
    It is not denied.

    What to do
    Give the plan's type (Source of Payment Typology) in the coverage, or add a policy of your own for
    this payer.

    Source
    NAHDO and PHDSC, Source of Payment Typology, by which plans are classed.
    """
    slot = case.billed
    if case.coverage is not None and case.payer_class is None and (slot is None or slot.kind != "drug"):
        yield Found(case.coverage.element, f"{_why(case)}; only rules that hold for every payer were applied.")


def _why(case: Services) -> str:
    """Why the payer is not known: its name leaves it open between some, or is of an insurer of several kinds."""
    between = case.facts.payers_between(case.payer_name, case.today)
    if between:
        return (
            f"The payer's name may mean {listed(list(between), 'or')}, and the type of the coverage does not tell which"
        )
    words = case.facts.payor_in_words(case.payer_name, case.today)
    if words is not None and words.kind == "insurer" and not words.payer:
        return "The payer sells plans of several kinds, and neither its name nor the type of the coverage tells which"
    return "Neither the payer's name and identifier nor the type of the coverage tells which payer this is"
