"""Text that can be kept and sent on: what no database or encoding takes is found before it gets there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fhir_massage.errors import Unreadable


def is_plain(content: Any) -> bool:
    """Whether no text in JSON content, keys among them, holds a control character or half a surrogate pair."""
    return not any(_is_odd(character) for text in _texts(content) for character in text)


def refuse_what_cannot_be_kept(content: bytes, parsed: Any) -> None:
    """Raise ``Unreadable`` where JSON holds a text with U+0000, which databases do not take.

    Other control characters can be kept, and half a surrogate pair does not parse.
    """
    # The escape is the only way to write it in JSON, and few documents hold it.
    if b"\\u0000" in content and any("\0" in text for text in _texts(parsed)):
        raise Unreadable("a text holds a character that cannot be kept (U+0000)")


def _is_odd(character: str) -> bool:
    code = ord(character)
    return code < 0x20 or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000


def _texts(content: Any) -> Iterator[str]:
    """Every text in JSON content, in no order, however deep it is nested."""
    left = [content]
    while left:
        each = left.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, Mapping):
            left += [*each.keys(), *each.values()]
        elif isinstance(each, list):
            left += each
