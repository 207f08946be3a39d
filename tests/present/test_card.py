"""Cards: one a topic and resource, whole resources in their suggestions, and none without cause."""

from __future__ import annotations

import itertools
from typing import Any

from fhir_massage.present.card import cards
from tests.claims import claim, line, order, reviewed


def cards_of(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    numbers = itertools.count()
    return cards(reviewed(bundle), lambda: f"id-{next(numbers)}")


def test_findings_of_one_topic_share_a_card() -> None:
    wrong = claim(line("97140", units=1, minutes=15, pointers=()), payer="medicare-part-b")
    (card,) = cards_of(wrong)
    said = {finding["rule"] for finding in card["extension"]["fhir-massage.findings"]}
    assert said == {"therapy-modifier-missing", "diagnosis-pointer-missing"}
    assert card["summary"].endswith("(and 1 more)")
    assert len({each["uuid"] for each in (card, *card["suggestions"])}) == 1 + len(card["suggestions"])


def test_notes_that_ask_for_nothing_make_no_card() -> None:
    correct = claim(line("97124", units=1, minutes=None), payer="commercial", profession="massage-therapist")
    assert {finding.severity for finding in reviewed(correct).findings} == {"information"}
    assert cards_of(correct) == []


def test_text_of_a_claim_is_no_markup() -> None:
    hostile = claim(line("97140", units=3, minutes=15, modifiers=("GP",)), payer="medicare-part-b")
    hostile["entry"][0]["resource"]["item"][0]["modifier"].append({"coding": [{"code": "<b>*x*"}]})
    details = "".join(card["detail"] for card in cards_of(hostile))
    assert "<B>" not in details.replace("\\<", "")


def test_a_letter_comes_as_a_document_to_file() -> None:
    made = cards_of(order("97124", payer="self-pay"))
    letters = [c for c in made if c["extension"]["fhir-massage.finding"]["rule"] == "letter-of-medical-necessity"]
    (card,) = letters
    (action,) = [a for s in card["suggestions"] for a in s["actions"] if a["type"] == "create"]
    assert action["resource"]["resourceType"] == "DocumentReference"
