"""A claim made from a form: valid FHIR, and read as what was said, for every payer and profession."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from fhir_massage.case.seen import ClaimCase
from fhir_massage.edit.build import TAXONOMY, Draft, DraftLine, bundle
from fhir_massage.facts.book import shipped
from fhir_massage.read.read import encode
from fhir_massage.read.structure import departures
from tests.claims import reviewed

FACTS = shipped()
DAY = date(2026, 11, 2)


def built(payer: str = "commercial", profession: str = "physical-therapist") -> tuple[dict[str, object], ClaimCase]:
    draft = Draft(
        payer=payer,
        profession=profession,
        day=DAY,
        diagnoses=("M54.2",),
        lines=(DraftLine(code="97140", modifiers=("GP",), units=2, minutes=30, price=Decimal("58"), region="neck"),),
        referral=True,
        visits=8,
        authorization="A1",
    )
    content = msgspec.json.decode(encode(bundle(draft, FACTS, date(2026, 11, 3))))
    report = reviewed(content)
    (case,) = report.cases.values()
    assert isinstance(case, ClaimCase)
    return content, case


def test_it_is_valid_fhir_and_says_what_the_form_said() -> None:
    content, case = built()
    assert departures("Bundle", content) == []
    for entry in content["entry"]:  # type: ignore[attr-defined]
        assert departures(entry["resource"]["resourceType"], entry["resource"]) == []
    (line,) = case.lines
    assert (line.code, line.units, line.minutes, line.modifiers) == ("97140", 2, 30, ("GP",))
    assert line.regions == {"cervical"}
    assert line.charge == Decimal("116.00")
    assert case.authorization == "A1"
    assert case.referral is not None
    assert case.referral.visits == 8


@pytest.mark.parametrize("payer", sorted(FACTS.policies))
def test_the_payer_is_recognised(payer: str) -> None:
    _, case = built(payer=payer)
    assert case.payer == payer


@pytest.mark.parametrize("profession", sorted(TAXONOMY))
def test_the_profession_is_recognised(profession: str) -> None:
    _, case = built(profession=profession)
    assert case.lines[0].provider.profession == profession
