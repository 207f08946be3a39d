"""The letter of medical necessity that an account for health spending, or a tax return, asks for."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from fhir_massage.case.seen import OrderCase
from fhir_massage.read.quantity import measure
from fhir_massage.read.references import tail
from fhir_massage.rules.tools import named, number

Json = dict[str, Any]
TITLE = "Letter of medical necessity"
#: What only the prescriber can write, in the words of the blank line that asks for it.
OF_THE_PERSON = ("the patient's name and date of birth", "the prescriber's name, license, signature and the date")
CONDITION = "the condition that is treated"
SESSIONS = "the number of sessions"
PERIOD = "the period of the sessions"


class Letter(msgspec.Struct, frozen=True):
    """A drafted letter: its text in Markdown, what is still to be filled in, and its FHIR R4 DocumentReference."""

    markdown: str
    gaps: tuple[str, ...]
    document_reference: Json


def draft(case: OrderCase) -> Letter:
    """The letter for an order, with every statement that the order does not make left as a blank.

    It names no patient: a person who signs fills that in.
    """
    request = case.read_json()
    condition, sessions, period = _condition(case, request), _sessions(case), _period(request)
    gaps = [gap for gap, known in ((CONDITION, condition), (SESSIONS, sessions), (PERIOD, period)) if known is None]
    markdown = "\n".join(
        [
            f"# {TITLE}",
            "",
            _line("Patient", None, OF_THE_PERSON[0]),
            _line("Condition", condition, CONDITION),
            f"- Treatment: {_treatment(case)}",
            _line("Number of sessions", sessions, SESSIONS),
            _line("Period", period, PERIOD),
            "",
            "The treatment named above is medically necessary to treat the condition named above. "
            "It is not for general health or relaxation.",
            "",
            _line("Prescriber", None, OF_THE_PERSON[1]),
            "",
        ]
    )
    return Letter(markdown, (*gaps, *OF_THE_PERSON), _document(case, request, markdown))


def _line(label: str, known: str | None, gap: str) -> str:
    return f"- {label}: {known if known is not None else f'__________ ({gap})'}"


def _treatment(case: OrderCase) -> str:
    if case.procedure is not None:
        return named(case.facts, case.procedure, case.day)
    return case.words[0] if case.words else "massage or manual therapy"


def _condition(case: OrderCase, request: Mapping[str, Any]) -> str | None:
    said = dict.fromkeys([*_reasons_in_words(case, request), *(case.reasons)])
    return "; ".join(said) or None


def _reasons_in_words(case: OrderCase, request: Mapping[str, Any]) -> Iterator[str]:
    """The reasons' own words; a coded reason without any is named by its code."""
    for concept in request.get("reasonCode", []):
        words = [concept.get("text"), *(coding.get("display") for coding in concept.get("coding", []))]
        text = next((word for word in words if word), None)
        if text is not None:
            yield text
    words_of = {condition.reference: condition.words for condition in case.conditions}
    for reference in request.get("reasonReference", []):
        address = reference.get("reference") or ""
        text = reference.get("display") or words_of.get(address) or words_of.get(tail(address))
        if text:
            yield text


def _sessions(case: OrderCase) -> str | None:
    return None if case.visits is None else number(case.visits)


def _period(request: Mapping[str, Any]) -> str | None:
    repeat = (request.get("occurrenceTiming") or {}).get("repeat") or {}
    period = request.get("occurrencePeriod") or repeat.get("boundsPeriod") or {}
    start, end = period.get("start"), period.get("end")
    if start and end:
        return f"{start} to {end}"
    if start or end:
        return f"from {start}" if start else f"until {end}"
    lasts = repeat.get("boundsDuration") or request.get("quantityQuantity") or {}
    if measure(lasts.get("code"), lasts.get("unit")) == "span":
        return f"{lasts.get('value')} {lasts.get('unit') or lasts.get('code')}"
    return None


def _document(case: OrderCase, request: Mapping[str, Any], markdown: str) -> Json:
    """The letter as a document of the patient, not yet signed."""
    document: Json = {
        "resourceType": "DocumentReference",
        "status": "current",
        "docStatus": "preliminary",
        "type": {"text": TITLE},
        "description": f"{TITLE}, draft to be completed and signed",
        "content": [
            {
                "attachment": {
                    "contentType": "text/markdown; charset=utf-8",
                    "language": "en",
                    "data": base64.b64encode(markdown.encode()).decode(),
                    "title": TITLE,
                    "creation": case.today.isoformat(),
                }
            }
        ],
    }
    subject = request.get("subject") or {}
    if subject and not str(subject.get("reference", "")).startswith("#"):  # what the order contains stays with it
        document["subject"] = subject
    if request.get("id"):
        document["context"] = {"related": [{"reference": f"ServiceRequest/{request['id']}"}]}
    return document
