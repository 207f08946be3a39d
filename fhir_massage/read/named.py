"""What arrived in place of JSON, and why text is no JSON, in the words of those who sent it."""

from __future__ import annotations

import json

from fhir_massage.errors import Unreadable

UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
#: Python's words for what is wrong with JSON, in ours.
_WORDS = {
    "Expecting value": "a value is missing, or is none",
    "Expecting ',' delimiter": "a comma, or the closing bracket, is missing",
    "Expecting ':' delimiter": "a colon is missing after a name",
    "Expecting property name enclosed in double quotes": "a name in double quotes is missing",
    "Illegal trailing comma before end of object": "there is a comma before the closing bracket",
    "Illegal trailing comma before end of array": "there is a comma before the closing bracket",
    "Unterminated string starting at": "a text has no closing quote",
    "Invalid control character at": "a text holds a line break or another control character",
    "Invalid \\escape": "a backslash stands before a character that it cannot",
    "Invalid \\uXXXX escape": "an escaped character is incomplete",
    "Extra data": "there is more after its end",
}


def as_utf8(content: bytes) -> bytes:
    """The text without its byte-order mark, which a reader may pass over (RFC 8259). Raises ``Unreadable`` for UTF-16."""
    if content.startswith(_UTF16_MARKS):
        raise Unreadable("the text is UTF-16; FHIR JSON is UTF-8: save it as that")
    return content.removeprefix(UTF8_MARK)


def in_place_of_json(content: bytes) -> str | None:
    """What it is that is no JSON, and what to do with it; ``None`` for what is not known."""
    start = content.lstrip()[:512]
    if not start:
        return "there is nothing in it"
    if start[:3].upper() == b"ISA" and len(start) > 3 and not start[3:4].isalnum():
        return (
            "this is an X12 file, which is not read here: review it by fhir-massage check, or make it FHIR by convert"
        )
    if start.startswith(b"%PDF"):
        return "this is a PDF; FHIR JSON is read here: export the claim itself, not its print"
    if start.startswith(b"PK\x03\x04"):
        return "this is a zip file or a workbook; unpack it, and send the FHIR JSON in it"
    if start.startswith(b"<"):
        return _of_markup(start)
    return None


def _of_markup(start: bytes) -> str:
    if b"http://hl7.org/fhir" in start:
        return "this is FHIR XML; FHIR JSON is read here: ask for it with Accept: application/fhir+json"
    if b"<html" in start.lower() or b"<!doctype html" in start.lower():
        return "this is a web page; FHIR JSON is read here: the server may want you to sign in first"
    return "this is XML; FHIR JSON is read here"


def lines_of_json(content: bytes) -> int:
    """How many lines of NDJSON it is; nought where it is none."""
    lines = [line for line in content.splitlines() if line.strip()]
    return len(lines) if len(lines) > 1 and all(line.lstrip().startswith(b"{") for line in lines) else 0


def syntax_error(content: bytes) -> Unreadable:
    """Why the bytes are not JSON, with line and column."""
    named = in_place_of_json(content)
    if named is not None:
        return Unreadable(
            named if named != "there is nothing in it" else "not JSON: there is nothing in it", line=1, column=1
        )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        return Unreadable("the text is not UTF-8", line=line, column=error.start - (before.rfind(b"\n") + 1) + 1)
    try:
        json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        count = lines_of_json(content)
        if error.msg == "Extra data" and count:
            return Unreadable(
                f"this is NDJSON, {count} resources in as many lines; one document is read here: send one of them, or "
                "review the file by fhir-massage check or audit"
            )
        return Unreadable(
            f"not JSON: {_WORDS.get(error.msg, 'it breaks off or goes wrong here')}",
            line=error.lineno,
            column=error.colno,
        )
    except ValueError as error:
        return Unreadable(f"not JSON: {error}")
    return Unreadable("not JSON: a number is too large, or a character is not allowed")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")
