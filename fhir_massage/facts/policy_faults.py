"""Everything that is wrong with a policy file, not only the first: each by file, key and reason."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import msgspec

from fhir_massage.errors import BadFact
from fhir_massage.facts.policy import ENTRY_KEYS, EVERYTHING, Entry, PolicyFile
from fhir_massage.facts.policy_scaffold import kind_of
from fhir_massage.facts.rows import LONG_BEFORE, UNKNOWN

_AT = re.compile(r"\(at (line \d+, column \d+|end of document)\)")
_WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    str: "a text in quotation marks",
    date: "a day such as 2026-01-31, without quotation marks",
}
_WHOLE_FILE = "(file)"


class Known(msgspec.Struct, frozen=True):
    """What a policy may refer to: documents, payers with the policy that each extends, classes and professions."""

    sources: frozenset[str]
    extends: Mapping[str, str | None]
    classes: frozenset[str]
    professions: frozenset[str]


def faults(file: Path, known: Known) -> list[BadFact]:
    """Everything that keeps the file from being used; empty where nothing does.

    Raises ``OSError`` where the file cannot be opened.
    """
    try:
        content = tomllib.loads(file.read_bytes().decode("utf-8"))
    except UnicodeDecodeError:
        return [BadFact(file.name, _WHOLE_FILE, "it is not a text in UTF-8; save it so")]
    except tomllib.TOMLDecodeError as error:
        return [BadFact(file.name, _WHOLE_FILE, _not_toml(str(error)))]
    found = [*_of_struct(content, PolicyFile, ""), *_of_references(content, known)]
    return [BadFact(file.name, key or _WHOLE_FILE, reason) for key, reason in found]


def extended_by(file: Path) -> tuple[str, str | None] | None:
    """A file's payer and the policy that it extends; ``None`` where the file does not say its payer."""
    try:
        content = tomllib.loads(file.read_bytes().decode("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None
    payer, extends = content.get("payer"), content.get("extends")
    return (payer, extends if isinstance(extends, str) else None) if isinstance(payer, str) else None


def _not_toml(said: str) -> str:
    at = _AT.search(said)
    where = f" at {at[1]}" if at else ""
    return f"it cannot be read{where}: a line is `key = value`, [name] or [[name]]; texts stand in quotation marks"


# --- the shape ------------------------------------------------------------------------------------------------

Fault = tuple[str, str]


def _of_struct(value: dict[str, Any], kind: type[msgspec.Struct], place: str) -> Iterator[Fault]:
    """What is wrong with a block: keys that it lacks, that there are none of, and values of another kind."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name, field in fields.items():
        if name in value:
            yield from _of_value(value[name], field.type, f"{place}.{name}" if place else name)
        elif field.required:
            yield place, f"it lacks {name}"
    for name in value:
        if name not in fields:
            yield place, f"there is no key {name} here; there are {', '.join(fields)}"


def _of_value(value: Any, kind: Any, place: str) -> Iterator[Fault]:
    if get_origin(kind) is tuple and _is_block(get_args(kind)[0]):
        name = place.rpartition(".")[2]
        if not isinstance(value, list):
            yield place, f"write it as [[{name}]], with its keys below"
            return
        for index, each in enumerate(value):
            yield from _of_block(each, get_args(kind)[0], f"{place}[{index}]")
    elif get_origin(kind) is dict and _is_block(get_args(kind)[1]):
        if not isinstance(value, dict):
            yield place, f"write it as [{place}.ID], with its keys below"
            return
        for key, each in value.items():
            yield from _of_block(each, get_args(kind)[1], f"{place}.{key}")
    elif not _fits(value, kind, place):
        yield place, f"it must be {_in_words(kind)}"


def _of_block(value: Any, kind: type[msgspec.Struct], place: str) -> Iterator[Fault]:
    if isinstance(value, dict):
        yield from _of_struct(value, kind, place)
    else:
        yield place, "it must be a block with keys of its own"


def _is_block(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _fits(value: Any, kind: Any, place: str) -> bool:
    if value == UNKNOWN and place.endswith(".effective"):
        return True
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def _in_words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(f'"{each}"' for each in get_args(kind))
    if get_origin(kind) is tuple:
        return 'a list of texts, such as ["97124", "97140"]'
    kinds = [each for each in get_args(kind) if each is not NoneType] or [kind]
    return _WORDS.get(kinds[0], "written in another way; see `fhir-massage policy new`")


# --- what it refers to ----------------------------------------------------------------------------------------


def _of_references(content: dict[str, Any], known: Known) -> Iterator[Fault]:
    yield from _of_head(content, known)
    own = content.get("sources")
    sources = known.sources | (set(own) if isinstance(own, dict) else set())
    for key in ENTRY_KEYS:
        blocks = content.get(key)
        whole: list[tuple[int, Entry]] = []
        for index, block in enumerate(blocks if isinstance(blocks, list) else ()):
            if isinstance(block, dict):
                yield from _of_entry(block, f"{key}[{index}]", sources, known)
                entry = _entry(block, kind_of(key))
                whole += [] if entry is None else [(index, entry)]
        yield from _never_heard(key, whole)


def _of_head(content: dict[str, Any], known: Known) -> Iterator[Fault]:
    payer, of_class, extends = (content.get(name) for name in ("payer", "class", "extends"))
    if isinstance(of_class, str) and of_class not in known.classes:
        yield "class", f"there is no class '{of_class}'; there are {', '.join(sorted(known.classes))}"
    if not isinstance(extends, str):
        return
    if extends not in known.extends and extends != payer:
        yield "extends", f"there is no policy of a payer '{extends}'; there are {', '.join(sorted(known.extends))}"
        return
    seen: list[str | None] = [payer if isinstance(payer, str) else None]
    following: str | None = extends
    while following is not None and following not in seen:
        seen.append(following)
        following = known.extends.get(following)
    if following is not None:
        yield "extends", f"it goes round in a circle by {following}"


def _of_entry(block: dict[str, Any], place: str, sources: Collection[str], known: Known) -> Iterator[Fault]:
    source, section = block.get("source"), block.get("section")
    if isinstance(source, str) and source not in sources:
        yield f"{place}.source", f"there is no document '{source}'; name it under [sources.{source or 'ID'}]"
    if isinstance(section, str) and not section.strip():
        yield f"{place}.section", "it is empty; say where in the document it stands"
    effective, end = block.get("effective"), block.get("end")
    if type(effective) is date and type(end) is date and end < effective:
        yield f"{place}.end", f"it ends on {end}, before it takes effect on {effective}"
    for name in ("professions", "referrers"):
        named = block.get(name)
        for each in named if isinstance(named, list) else ():
            if isinstance(each, str) and each != EVERYTHING and each not in known.professions:
                yield (
                    f"{place}.{name}",
                    f"there is no profession '{each}'; there are {', '.join(sorted(known.professions))}",
                )


def _entry(block: dict[str, Any], kind: type[Entry]) -> Entry | None:
    """The entry, where its block is whole."""
    dated = block | ({"effective": LONG_BEFORE} if block.get("effective") == UNKNOWN else {})
    try:
        return msgspec.convert(dated, kind)
    except msgspec.ValidationError:
        return None


def _never_heard(key: str, entries: list[tuple[int, Entry]]) -> Iterator[Fault]:
    """The entries that an earlier one of the same subject and days keeps from being heard."""
    for place, (index, entry) in enumerate(entries):
        before = [each for _, each in entries[:place] if each.subject == entry.subject and each.overlaps(entry)]
        if before:
            day = max(before[0].effective, entry.effective)
            since = "for every day" if day == LONG_BEFORE else f"from {day} on"
            yield f"{key}[{index}]", f"another entry speaks of the same {since}; end the earlier one"
