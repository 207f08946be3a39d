"""Splitting an X12 interchange into segments by the separators that its own ISA names, with their byte positions."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from fhir_massage.errors import Unreadable

_MARK = "\xef\xbb\xbf"  # the UTF-8 byte-order mark, byte by byte
_BETWEEN = " \t\r\n\x00\x1a"
_LINE_ENDS = "\r\n"
_ISA_ELEMENTS = 16


class Separators(msgspec.Struct, frozen=True):
    """What parts elements, components and segments in one interchange."""

    element: str
    component: str
    segment: str


class Segment(msgspec.Struct, frozen=True):
    """One segment. ``start`` and ``end`` are its bytes in the document, without its terminator."""

    name: str
    elements: tuple[str, ...]
    separators: Separators
    start: int
    end: int
    ended: bool = True

    def at(self, number: int) -> str:
        """Element ``number`` as people count them (SV101 is 1); empty where absent."""
        return self.elements[number - 1].strip() if 0 < number <= len(self.elements) else ""

    def parts(self, number: int) -> list[str]:
        """The components of an element."""
        value = self.at(number)
        return [part.strip() for part in value.split(self.separators.component)] if value else []

    def part(self, number: int, component: int) -> str:
        """Component ``component``, counted from one, of an element; empty where absent."""
        parts = self.parts(number)
        return parts[component - 1] if component <= len(parts) else ""


def is_x12(content: bytes) -> bool:
    """Whether the content is an X12 interchange, by its ISA."""
    start = content[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()[:4]
    return len(start) == 4 and start[:3].upper() == b"ISA" and _parts(chr(start[3]))


def segments(content: bytes) -> Iterator[Segment]:
    """Every segment in order. Raises ``Unreadable`` for an ISA that is cut off or names no separators."""
    text = content.decode("latin-1")  # a character for each byte, so that positions are those of the bytes
    position = len(_MARK) if text.startswith(_MARK) else 0
    separators: Separators | None = None
    while True:
        while position < len(text) and text[position] in _BETWEEN:
            position += 1
        if position >= len(text):
            return
        if text[position : position + 3].upper() == "ISA" and _parts(text[position + 3 : position + 4]):
            separators = _separators(text, position)
        if separators is None:
            raise Unreadable("the interchange does not begin with ISA", place="segment 1")
        end = text.find(separators.segment, position)
        ended = end >= 0
        end = end if ended else len(text)
        yield _segment(text[position:end], separators, position, end, ended=ended)
        position = end + 1


def _segment(raw: str, separators: Separators, start: int, end: int, *, ended: bool) -> Segment:
    # Some systems wrap at a fixed width: such line ends are no part of a value.
    name, *elements = [_value(part) for part in raw.split(separators.element)]
    return Segment(name.strip().upper(), tuple(elements), separators, start, end, ended)


def _value(raw: str) -> str:
    plain = raw.replace("\r", "").replace("\n", "")
    try:
        return plain.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return plain


def _separators(text: str, position: int) -> Separators:
    element = text[position + 3]
    place = position + 3
    for _ in range(_ISA_ELEMENTS - 1):
        place = text.find(element, place + 1, position + 400)
        if place < 0:
            raise Unreadable("the ISA is cut off: it has fewer than 16 elements", place="ISA, segment 1")
    place += 1
    while text[place : place + 1] in tuple(_LINE_ENDS):
        place += 1
    component, segment = text[place : place + 1], text[place + 1 : place + 2]
    if not segment or not (_parts(segment) or segment in _LINE_ENDS) or segment in (element, component):
        raise Unreadable(
            "the ISA does not end in a component separator and a segment terminator", place="ISA, segment 1"
        )
    return Separators(element, component, segment)


def _parts(character: str) -> bool:
    """Whether a character can be a separator."""
    return bool(character) and not character.isalnum() and character != " "
