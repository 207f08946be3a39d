"""The letter of medical necessity: what the order says is in it, and what it does not say is a blank."""

from __future__ import annotations

import base64
import itertools

import pytest
from fhir.resources.R4B.documentreference import DocumentReference

from fhir_massage.case.seen import OrderCase
from fhir_massage.present.card import cards
from fhir_massage.rules.order import letter
from tests.claims import Json, order, reviewed, the, varied


def _letter(bundle: Json) -> letter.Letter:
    case = reviewed(bundle).cases["ServiceRequest/o1"]
    assert isinstance(case, OrderCase)
    return letter.draft(case)


def _with_period(request: Json) -> None:
    request["occurrencePeriod"] = {"start": "2026-11-10", "end": "2027-02-10"}
    request["reasonCode"][0]["text"] = "Chronic neck pain"


def test_a_full_order_leaves_only_the_persons_to_fill_in() -> None:
    drafted = _letter(varied(order("97124", payer="hsa-fsa"), _with_period, "ServiceRequest"))
    assert drafted.gaps == letter.OF_THE_PERSON
    assert "- Condition: Chronic neck pain; M54.2" in drafted.markdown
    assert "- Treatment: 97124 (massage therapy)" in drafted.markdown
    assert "- Number of sessions: 8" in drafted.markdown
    assert "- Period: 2026-11-10 to 2027-02-10" in drafted.markdown


def test_what_the_order_does_not_say_is_a_blank() -> None:
    drafted = _letter(order(None, text="Massage", payer="self-pay", reasons=(), conditions=(), visits=None))
    assert drafted.gaps == (letter.CONDITION, letter.SESSIONS, letter.PERIOD, *letter.OF_THE_PERSON)
    assert "- Treatment: Massage" in drafted.markdown
    assert drafted.markdown.count("__________") == 5


def test_a_reason_by_reference_is_named_by_its_condition() -> None:
    bundle = varied(order(payer="hsa-fsa", reasons=()), lambda c: c["code"].update(text="Neck pain"), "Condition")

    def referred(request: Json) -> None:
        request["reasonReference"] = [{"reference": "http://ehr.example.org/fhir/Condition/condition1"}]

    assert "- Condition: Neck pain; M54.2" in _letter(varied(bundle, referred, "ServiceRequest")).markdown


def test_the_document_is_fhir_and_holds_the_text() -> None:
    drafted = _letter(order(payer="hsa-fsa"))
    document = DocumentReference.model_validate(drafted.document_reference)
    assert document.docStatus == "preliminary"
    held = drafted.document_reference["content"][0]["attachment"]["data"]
    assert base64.b64decode(held).decode() == drafted.markdown
    assert drafted.document_reference["subject"] == {"reference": "Patient/p1"}
    assert drafted.document_reference["context"]["related"] == [{"reference": "ServiceRequest/o1"}]


@pytest.mark.parametrize("payer", ["hsa-fsa", "self-pay"])
def test_the_card_shows_the_draft_and_files_it(payer: str) -> None:
    numbers = itertools.count()
    (card,) = cards(reviewed(order("97124", payer=payer)), lambda: f"id-{next(numbers)}")
    assert "# Letter of medical necessity" in card["detail"]
    assert f"Period: __________ ({letter.PERIOD})" in card["detail"], "a gap is named where it stands"
    assert all(f"__________ ({gap})" in card["detail"] for gap in letter.OF_THE_PERSON)
    (action,) = [action for suggestion in card["suggestions"] for action in suggestion["actions"]]
    assert action["type"] == "create"
    document = DocumentReference.model_validate(action["resource"])
    assert document.content[0].attachment.contentType == "text/markdown; charset=utf-8"


@pytest.mark.parametrize(
    ("measure", "period"),
    [
        ({"occurrencePeriod": {"end": "2027-02-10"}}, "until 2027-02-10"),
        ({"occurrenceTiming": {"repeat": {"boundsPeriod": {"start": "2026-11-10"}}}}, "from 2026-11-10"),
        ({"occurrenceTiming": {"repeat": {"boundsDuration": {"value": 6, "code": "wk"}}}}, "6 wk"),
        ({"quantityQuantity": {"value": 6, "unit": "weeks"}}, "6 weeks"),
        ({"occurrenceTiming": {"repeat": {"count": 6}}}, None),
    ],
)
def test_the_period_is_read_however_the_order_says_it(measure: Json, period: str | None) -> None:
    drafted = _letter(varied(order(payer="hsa-fsa"), lambda o: o.update(measure), "ServiceRequest"))
    assert (letter.PERIOD in drafted.gaps) is (period is None)
    assert f"- Period: {period or f'__________ ({letter.PERIOD})'}" in drafted.markdown


def test_the_document_does_not_point_into_the_order() -> None:
    bundle = varied(order(payer="self-pay"), lambda o: o.update(subject={"reference": "#me"}), "ServiceRequest")
    assert "subject" not in _letter(bundle).document_reference


@pytest.mark.parametrize("payer", ["hsa-fsa", "self-pay"])
def test_the_finding_carries_the_draft_and_its_source(payer: str) -> None:
    found = the(reviewed(order(payer=payer)), "letter-of-medical-necessity")
    assert found.severity == "information"
    assert found.corrections == ()
    assert found.draft is not None
    assert found.draft.startswith("# Letter of medical necessity")
    assert found.document is not None
    assert found.document["resourceType"] == "DocumentReference"
    assert any("Publication 502" in cited.title for cited in found.citations)
    assert "does not give the period of the sessions" in found.message


def test_other_payers_ask_for_no_letter() -> None:
    assert reviewed(order(payer="commercial")).findings == ()


def test_no_name_of_the_patient_is_put_in() -> None:
    found = the(reviewed(order(payer="hsa-fsa")), "letter-of-medical-necessity")
    assert "Example" not in (found.draft or "") + found.message
