"""Cards of any CDS service as text: what a clinician would see, with the suggestions numbered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

Json = dict[str, Any]
_STYLES = {"critical": "bold red", "warning": "yellow", "info": "cyan"}
_WIDEST = 110


def suggestions(cards: Sequence[Json]) -> list[tuple[Json, Json]]:
    """Every suggestion with its card, in the order in which they are numbered from one."""
    return [(card, each) for card in cards for each in card.get("suggestions") or [] if isinstance(each, dict)]


def show_cards(cards: Sequence[Json], console: Console) -> None:
    """Write the cards to the console, gravest colours first by their indicator, each in a frame."""
    console.width = min(console.width, _WIDEST)
    if not cards:
        console.print("No cards: the service has nothing to say.")
    number = 0
    for card in cards:
        indicator = plain(card.get("indicator"))
        source = card.get("source") if isinstance(card.get("source"), dict) else {}
        title = Text(f"{indicator} · {plain((source or {}).get('label'))}", style=_STYLES.get(indicator, ""))
        console.print(Panel(Text(plain(card.get("summary")), style="bold"), title=title, title_align="left"))
        if card.get("detail"):
            console.print(Padding(Markdown(plain(card["detail"]), hyperlinks=False), (0, 2)))
        for each in card.get("suggestions") or []:
            number += 1
            _show_suggestion(number, each, console)
        for link in card.get("links") or []:
            console.print(Text(f"  → {plain(link.get('label'))}: {plain(link.get('url'))}"), soft_wrap=True)
        reasons = [plain(each.get("display")) for each in card.get("overrideReasons") or []]
        if reasons:
            console.print(Text(f"  Dismiss because: {'; '.join(reasons)}", style="dim"))


def _show_suggestion(number: int, suggestion: Json, console: Console) -> None:
    recommended = " (recommended)" if suggestion.get("isRecommended") else ""
    console.print(Text(f"  [{number}] {plain(suggestion.get('label'))}{recommended}", style="green"))
    for action in suggestion.get("actions") or []:
        console.print(Text(f"      {plain(action.get('type'))}: {plain(action.get('description'))}", style="dim"))


def plain(value: object) -> str:
    """Text of another's making, without what a terminal would take for a command."""
    text = "" if value is None else str(value)
    return "".join(character for character in text if character.isprintable() or character in "\n\t")
