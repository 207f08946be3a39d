"""Plain charts as shapes: where each bar stands and how long it is, for a page to draw."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class Bar(msgspec.Struct, frozen=True):
    """One bar: its label, the text of its value, its place, and the lengths of the whole and of its part."""

    label: str
    text: str
    place: float
    whole: float
    part: float


def bars(rows: Sequence[tuple[str, float, float, str]], length: float, step: float) -> list[Bar]:
    """Bars for (label, whole, part, text), the longest of them of that length, one each ``step``."""
    most = max((whole for _, whole, _, _ in rows), default=0.0)
    scale = length / most if most else 0.0
    return [
        Bar(label, text, place * step, round(whole * scale, 2), round(part * scale, 2))
        for place, (label, whole, part, text) in enumerate(rows)
    ]
