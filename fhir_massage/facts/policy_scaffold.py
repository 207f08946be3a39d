"""A policy file to begin with: every key explained in comments, from the place where the keys are declared."""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from datetime import date
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from fhir_massage.facts.policy import ENTRY_KEYS, KEY_WORDS, Entry, PolicyFile
from fhir_massage.facts.rows import Row

_WIDTH = 100
_NOT_IN_IDS = re.compile(r"[^a-z0-9]+")
_SOURCE = "handbook"
#: What stands for a value in the examples, where its type alone would say too little.
_SAMPLES: dict[str, object] = {"code": "97014", "accepted": "G0283", "prefixes": ["M54"], "group": "CO"}
_OF_EVERY_ENTRY = ("effective", "source", "section", "checked")


def payer_id(name: str) -> str:
    """The id of a payer of that name: lower case, with hyphens (``evergreen-mutual``). Empty where nothing is left."""
    return _NOT_IN_IDS.sub("-", name.lower()).strip("-")


def scaffold(name: str, today: date) -> str:
    """A policy file (TOML) for a payer of that name. It says nothing yet: every key stands in it as a comment."""
    payer = payer_id(name)
    title = name if name != payer else payer.replace("-", " ").title()
    parts = [_head(payer, title), *(_key(key, today) for key in ENTRY_KEYS)]
    return "\n\n".join(parts) + "\n"


def _head(payer: str, title: str) -> str:
    return "\n".join(
        (
            *_comment(
                f"The policy of {title}. It says only what differs from the policy that it extends. Every key stands "
                "below as a comment: take the # away from those that you need, and write what the payer says. Then: "
                f"fhir-massage policy check {payer}.toml"
            ),
            "",
            "# The payer's id, how messages call it, its class, and whose entries hold where this file says nothing.",
            f"payer = {_toml(payer)}",
            f"title = {_toml(title)}",
            'class = "commercial"',
            'extends = "commercial"',
            "",
            "# How claims name this payer: the payor organization's name, or its payer id. One block each.",
            "[[payors]]",
            f"name = {_toml(title.lower())}",
            "",
            "# [[payors]]",
            '# identifier = "12345"',
            "",
            "# The documents that the entries cite, each under an id of its own.",
            f"[sources.{_SOURCE}]",
            f"owner = {_toml(title)}",
            'title = "Provider handbook"',
            'published = ""',
            'url = ""',
            "",
            "# What every entry says:",
            *_comment(_words_of(Row)),
            "#",
            *_comment(_words_of(Entry)),
            *(f"#   {_allowed(name, kind)}" for name, kind in _hints(Entry).items() if name in _own(Entry, Row)),
        )
    )


def _key(key: str, today: date) -> str:
    kind = kind_of(key)
    title = KEY_WORDS.get(key)
    lines = [f"# --- {key} ---", *_comment(title or _words_of(kind)), f"# [[{key}]]"]
    lines += [f"# {line}" for line in _values(kind, today)]
    return "\n".join(lines)


def kind_of(key: str) -> type[Entry]:
    """The kind of entry that stands under a key of a policy."""
    kind: type[Entry] = get_args(get_type_hints(PolicyFile)[key])[0]
    return kind


def _values(kind: type[Entry], today: date) -> Iterator[str]:
    hints = _hints(kind)
    for field in msgspec.structs.fields(kind):
        if field.name in _own(kind, Entry):
            note = _choices(hints[field.name]) or _kind_in_words(hints[field.name])
            optional = "" if field.required else ", may be left out"
            yield f"{field.name} = {_toml(_sample(field.name, hints[field.name]))}  # {note}{optional}"
    common = {
        "effective": today.isoformat(),
        "source": _toml(_SOURCE),
        "section": '"1.1"',
        "checked": today.isoformat(),
    }
    yield from (f"{name} = {common[name]}" for name in _OF_EVERY_ENTRY)


def _own(kind: type[Row], base: type[Row]) -> tuple[str, ...]:
    """The fields that a kind of entry adds."""
    return tuple(name for name in kind.__struct_fields__ if name not in base.__struct_fields__)


def _hints(kind: type[Row]) -> dict[str, Any]:
    return get_type_hints(kind)


def _allowed(name: str, kind: Any) -> str:
    return f"{name}: {_choices(kind) or _kind_in_words(kind)}, may be left out"


def _choices(kind: Any) -> str:
    return " or ".join(json.dumps(value) for value in get_args(kind)) if get_origin(kind) is Literal else ""


def _kind_in_words(kind: Any) -> str:
    if get_origin(kind) is tuple:
        return "a list of texts"
    words = {bool: "true or false", int: "a whole number", str: "a text"}
    return next((words[each] for each in (kind, *get_args(kind)) if each in words), "a value")


def _sample(name: str, kind: Any) -> object:
    if name in _SAMPLES:
        return _SAMPLES[name]
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    if get_origin(kind) is tuple:
        return []
    kinds = [each for each in get_args(kind) if each is not NoneType] or [kind]
    return {bool: True, int: 30}.get(kinds[0], "")


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)  # texts, numbers, truth and lists of texts are written alike in TOML


def _words_of(kind: type) -> str:
    return (inspect.getdoc(kind) or "").replace("``", "")


def _comment(words: str) -> list[str]:
    paragraphs = words.split("\n\n")
    return [f"# {line}" for each in paragraphs for line in textwrap.wrap(" ".join(each.split()), _WIDTH)]
