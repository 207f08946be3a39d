"""Cards as an EHR draws them: read from any service's answer, whatever it holds, and never failing on it."""

from __future__ import annotations

from typing import Any

import msgspec

Json = dict[str, Any]
_INDICATORS = ("info", "warning", "critical")


class Suggestion(msgspec.Struct, frozen=True):
    """A suggestion: its place in the card, its label, what its actions do, and whether it is recommended."""

    place: int
    label: str
    actions: tuple[str, ...]
    recommended: bool


class DrawnCard(msgspec.Struct, frozen=True, kw_only=True):
    """A card. ``detail`` is Markdown; ``links`` are label and address of those that may be followed."""

    place: int
    uuid: str
    summary: str
    detail: str
    indicator: str
    source: str
    source_url: str
    suggestions: tuple[Suggestion, ...]
    at_most_one: bool
    links: tuple[tuple[str, str], ...]
    reasons: tuple[tuple[str, str], ...]


def drawn_cards(answer: Any) -> list[DrawnCard]:
    """The cards of an answer, the gravest first as they came."""
    cards = answer.get("cards") if isinstance(answer, dict) else None
    return [_card(place, card) for place, card in enumerate(_objects(cards))]


def system_actions(answer: Any) -> list[str]:
    """What the EHR is to do without asking, in words."""
    return [_action(action) for action in _objects(answer.get("systemActions") if isinstance(answer, dict) else None)]


def _card(place: int, card: Json) -> DrawnCard:
    source = card.get("source") if isinstance(card.get("source"), dict) else {}
    assert isinstance(source, dict)
    indicator = _text(card.get("indicator"))
    return DrawnCard(
        place=place,
        uuid=_text(card.get("uuid")),
        summary=_text(card.get("summary")),
        detail=_text(card.get("detail")),
        indicator=indicator if indicator in _INDICATORS else "info",
        source=_text(source.get("label")),
        source_url=_web(source.get("url")),
        suggestions=tuple(
            Suggestion(
                number,
                _text(each.get("label")),
                tuple(_action(action) for action in _objects(each.get("actions"))),
                each.get("isRecommended") is True,
            )
            for number, each in enumerate(_objects(card.get("suggestions")))
        ),
        at_most_one=card.get("selectionBehavior") == "at-most-one",
        links=tuple(
            (_text(link.get("label")), _web(link.get("url")))
            for link in _objects(card.get("links"))
            if _web(link.get("url"))
        ),
        reasons=tuple(
            (_text(reason.get("code")), _text(reason.get("display")))
            for reason in _objects(card.get("overrideReasons"))
        ),
    )


def _action(action: Json) -> str:
    resource = action.get("resource")
    named = f"{resource.get('resourceType')}/{resource.get('id', 'new')}" if isinstance(resource, dict) else ""
    return f"{_text(action.get('type'))} {named}: {_text(action.get('description'))}".strip()


def _objects(value: Any) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _web(value: Any) -> str:
    return value if isinstance(value, str) and value.startswith("https://") else ""
