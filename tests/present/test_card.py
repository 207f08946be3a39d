"""Cards: one a topic and resource, whole resources in their suggestions, and none without cause."""

from __future__ import annotations

import itertools
import uuid
from typing import Any

import pytest

from fhir_massage.present.card import cards
from tests.claims import claim, line, order, reviewed
from tests.crd import check_card


def cards_of(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    numbers = itertools.count()
    return cards(reviewed(bundle), lambda: str(uuid.UUID(int=next(numbers))))


SEVERAL = claim(
    line("97140", units=3, minutes=22, modifiers=("GP",)),
    line("97110", units=5, minutes=33, modifiers=("GP",)),
    payer="medicare-part-b",
)


@pytest.mark.conforms("resp-1", "resp-2", "hooks-37")
def test_no_claim_is_a_matter_of_life_and_death() -> None:
    (card,) = cards_of(SEVERAL)
    assert (card["extension"]["fhir-massage.finding"]["severity"], card["indicator"]) == ("error", "warning")
    assert {each["indicator"] for each in cards_of(order("97140", visits=None, reasons=()))} == {"info"}


@pytest.mark.conforms("hooks-40", "hooks-48", "resp-53")
def test_what_is_certain_can_be_taken_together_and_only_that_is_recommended() -> None:
    (card,) = cards_of(SEVERAL)
    check_card(card)
    recommended = [each for each in card["suggestions"] if each.get("isRecommended")]
    assert recommended == card["suggestions"][:1]
    together = recommended[0]["actions"][0]["resource"]
    assert [item["quantity"]["value"] for item in together["item"]] == [2, 2]
    assert card["selectionBehavior"] == "at-most-one"
    assert len(card["suggestions"]) == 3


@pytest.mark.conforms("resp-6", "resp-8", "resp-9")
def test_the_gravest_comes_first_and_says_what_to_do() -> None:
    first, *_ = cards_of(order("97140", payer="medicare-part-b", performer="massage-therapist", visits=None))
    finding = first["extension"]["fhir-massage.finding"]
    assert finding["rule"] == "order-performer-not-payable"
    assert first["summary"] == finding["message"]
    assert first["detail"].startswith(f"**{finding['message']}**")


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
