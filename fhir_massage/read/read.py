"""Reading what arrived: JSON to resources, each with its place, bad ones set aside with the reason."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

import msgspec
import orjson

from fhir_massage.errors import TooLarge, Unreadable
from fhir_massage.read import elements
from fhir_massage.read.named import as_utf8, syntax_error
from fhir_massage.read.versions import foreign_version, version_of_type
from fhir_massage.read.x12.claim import read_claims
from fhir_massage.read.x12.places import ClaimPlaces
from fhir_massage.read.x12.split import is_x12

#: The largest document that is read, in bytes. Bulk input is read line by line.
LARGEST_DOCUMENT = 64 * 1024 * 1024
DEEPEST_NESTING = 100

Path = tuple[str | int, ...]
E = TypeVar("E", bound=elements.Element)

_typed = msgspec.json.Decoder(elements.AnyResource)  # type: ignore[type-abstract, unused-ignore]
_untyped = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


class Document:
    """One JSON document as it came, and its content with decimals kept as written."""

    def __init__(self, content: bytes | Mapping[str, Any]) -> None:
        self._bytes = content if isinstance(content, bytes) else None
        self._json: Any = None if isinstance(content, bytes) else content

    def json(self) -> Any:
        """The content as dicts and lists, which are not to be changed."""
        if self._json is None and self._bytes is not None:
            self._json = _untyped.decode(self._bytes)
        return self._json

    @property
    def content(self) -> bytes | None:
        """The bytes as they came; ``None`` where it came already decoded."""
        return self._bytes

    def at(self, path: Path) -> Any:
        """The part of the content at a path."""
        part = self.json()
        for key in path:
            part = part[key]
        return part


class Entry:
    """One resource that came: its struct, its place in the document, and its own JSON on demand."""

    __slots__ = ("_json", "container", "document", "full_url", "kind", "path", "place", "resource")

    def __init__(
        self,
        resource: elements.Resource,
        document: Document,
        path: Path,
        place: str,
        full_url: str | None = None,
        container: Entry | None = None,
    ) -> None:
        self.resource = resource
        self.kind = elements.kind(resource)
        self.document = document
        self.path = path
        self.place = place
        self.full_url = full_url
        self.container = container
        self._json: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """How the resource is named in findings: ``Claim/c1``, else its full address, else its place."""
        if self.resource.id:
            return f"{self.kind}/{self.resource.id}"
        return self.full_url or self.place

    def json(self) -> dict[str, Any]:
        """The resource as it came, unknown elements and written decimals included. Not to be changed."""
        if self._json is None:
            self._json = self.document.at(self.path)
        return self._json


class Arrival:
    """Everything that came along in one go, and what of it could not be read."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.unread: list[Unreadable] = []
        #: ``Type/id`` of what is referred to and could not be asked for: whether it exists is not known.
        self.unfetched: set[str] = set()
        #: Where claims and their elements stood in X12, by the claim's name.
        self.x12: dict[str, ClaimPlaces] = {}

    def documents(self) -> list[Document]:
        """The documents that the entries came in, each once."""
        return list({id(entry.document): entry.document for entry in self.entries}.values())

    def extend(self, other: Arrival) -> None:
        """Take in what else came."""
        self.entries += other.entries
        self.unread += other.unread
        self.unfetched |= other.unfetched
        self.x12 |= other.x12


def encode(content: object) -> bytes:
    """JSON for any content that was read here, with decimals as they were written."""
    return _encoder.encode(content)


def read(content: bytes | str | Mapping[str, Any]) -> Arrival:
    """Read one document: a resource, Bundle, Parameters, CDS Hooks request, or X12 interchange of claims.

    In a Bundle, Parameters or request, a resource that cannot be read is set aside in ``unread`` and
    the others are kept. Raises ``Unreadable`` where nothing can be read, ``TooLarge`` where there is
    more than is read here.
    """
    if isinstance(content, str):
        content = content.encode("utf-8", "surrogatepass")
    if isinstance(content, bytes):
        return _read_bytes(content)
    document = Document(content)
    return _read_parts(document, content, bad=())


def parse(content: bytes) -> Any:
    """Any JSON, with decimals as written; of X12 its claims. Raises ``Unreadable`` with line and column."""
    content = as_utf8(content)
    if is_x12(content):
        return read_claims(content).bundle
    return _parse(content, Document(content))


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of an array in a resource's own JSON; none where it is no array."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def refuse_duplicate_keys(content: bytes) -> None:
    """Raise ``Unreadable`` where a key of JSON that parses stands twice in its object, which hides a value."""
    _refuse_duplicates(tuple(_duplicate_keys(content)), (), "")


def read_lines(lines: Iterable[bytes], file: str | None = None) -> Iterator[Arrival]:
    """Read NDJSON. Each Bundle or request is an arrival of its own; single resources come together last.

    A line that cannot be read is set aside with its number, and loses no other. Places begin with the ``file``,
    where one is named, and the number of the line.
    """
    before = f"{file}: " if file else ""
    together = Arrival()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            arrival = read(line)
        except Unreadable as error:
            together.unread.append(_within(error, f"{before}line {number}"))
            continue
        arrival.unread[:] = [_within(error, f"{before}line {number}") for error in arrival.unread]
        for entry in arrival.entries:
            entry.place = f"{before}line {number}: {entry.place}"
        if arrival.entries and not arrival.entries[0].path:  # one resource, with or without contained ones
            together.extend(arrival)
        else:
            yield arrival
    if together.entries or together.unread:
        yield together


def is_json_lines(content: bytes) -> bool:
    """Whether the content is NDJSON: more than one line, and the first is a whole JSON object."""
    first, newline, rest = content.lstrip().partition(b"\n")
    if not newline or not rest.strip() or not first.startswith(b"{"):
        return False
    try:
        msgspec.json.decode(first, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return rest.lstrip().startswith(b"{") and not _whole(content)
    return True


def replaced(entry: Entry, content: dict[str, Any]) -> list[Entry]:
    """The entry with other content, and what that contains. Raises ``Unreadable``."""
    arrival = Arrival()
    document = Document(content)
    _collect_apart(arrival, content, document, (), entry.place, entry.full_url)
    return arrival.entries


def part(content: object, kind: type[E], place: str) -> E:
    """A part of a resource, given its JSON. Raises ``Unreadable``."""
    try:
        read: E = _decoder(kind).decode(encode(content))
    except msgspec.ValidationError as error:
        raise _wrong_type(error, place) from None
    return read


@cache
def _decoder(kind: type[E]) -> msgspec.json.Decoder[E]:
    return msgspec.json.Decoder(kind)


def _whole(content: bytes) -> bool:
    try:
        msgspec.json.decode(content, type=msgspec.Raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return True


def _within(error: Unreadable, line: str) -> Unreadable:
    place = f"{line}: {error.place}" if error.place else line
    return Unreadable(error.reason, place=place, line=None, column=error.column)


def _read_bytes(content: bytes) -> Arrival:
    if len(content) > LARGEST_DOCUMENT:
        raise TooLarge(f"the document has {len(content)} bytes; at most {LARGEST_DOCUMENT} are read")
    content = as_utf8(content)
    if is_x12(content):
        return _read_x12(content)
    document = Document(content)
    resource = _read_at_once(content)
    if resource is None:
        whole = _parse(content, document)
        return _read_parts(document, whole, bad=_duplicate_keys(content))
    arrival = Arrival()
    _collect(arrival, resource, document, (), elements.kind(resource), None)
    return arrival


def _read_x12(content: bytes) -> Arrival:
    """The claims of an interchange as though they came in a Bundle, with where they stood."""
    claims = read_claims(content)
    document = Document(claims.bundle)
    arrival = _read_parts(document, claims.bundle, bad=())
    arrival.unread += claims.unread
    arrival.x12 = claims.places
    return arrival


def _read_at_once(content: bytes) -> elements.Resource | None:
    """The resource, where nothing is wrong with it; else ``None``, and it is to be read part by part."""
    try:
        resource: elements.Resource = _typed.decode(content)
        return None if _may_repeat_a_key(content) else resource
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError, TypeError):
        return None


def _parse(content: bytes, document: Document) -> Any:
    try:
        return document.json()
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise syntax_error(content) from None


def _too_deep() -> TooLarge:
    return TooLarge(f"nested deeper than {DEEPEST_NESTING} levels")


# --- The quick way: everything was decoded in one go ---------------------------------------------


def _collect(
    arrival: Arrival,
    resource: elements.Resource,
    document: Document,
    path: Path,
    place: str,
    full_url: str | None,
    container: Entry | None = None,
) -> None:
    if isinstance(resource, elements.Bundle):
        for index, part in enumerate(resource.entry):
            if part.resource is not None:
                _collect(
                    arrival,
                    part.resource,
                    document,
                    (*path, "entry", index, "resource"),
                    f"{place}.entry[{index}].resource",
                    part.full_url,
                )
        return
    if isinstance(resource, elements.Parameters):
        _collect_parameters(arrival, resource.parameter, document, (*path, "parameter"), f"{place}.parameter")
        return
    version = foreign_version(resource)
    if version is not None:
        arrival.unread.append(Unreadable(f"this is a claim of FHIR {version}; FHIR R4 is read here", place=place))
        return
    entry = Entry(resource, document, path, place, full_url, container)
    arrival.entries.append(entry)
    for index, inner in enumerate(resource.contained):
        inner_path = (*path, "contained", index)
        _collect(arrival, inner, document, inner_path, f"{place}.contained[{index}]", None, entry)


def _collect_parameters(
    arrival: Arrival, parameters: list[elements.Parameter], document: Document, path: Path, place: str
) -> None:
    for index, parameter in enumerate(parameters):
        if parameter.resource is not None:
            inner_path = (*path, index, "resource")
            _collect(arrival, parameter.resource, document, inner_path, f"{place}[{index}].resource", None)
        _collect_parameters(arrival, parameter.part, document, (*path, index, "part"), f"{place}[{index}].part")


# --- The careful way: part by part, so that one bad part loses no other ----------------------------


def _read_parts(document: Document, content: Any, bad: Iterable[Path]) -> Arrival:
    bad = tuple(bad)
    arrival = Arrival()
    if not isinstance(content, Mapping):
        raise Unreadable(f"expected a JSON object, got {_json_type(content)}", line=1, column=1)
    if "hook" in content and "resourceType" not in content:
        _refuse_duplicates(bad, ("prefetch", "context"), "")
        for key in ("context", "prefetch"):
            _parts_of_request(arrival, document, content.get(key), (key,), key, bad)
        return arrival
    kind = content.get("resourceType")
    if kind == "Bundle":
        _refuse_duplicates(bad, ("entry",), "Bundle")
        _parts_of_bundle(arrival, document, content, (), "Bundle", bad)
    elif kind == "Parameters":
        _refuse_duplicates(bad, ("parameter",), "Parameters")
        _parts_of_parameters(arrival, document, content.get("parameter"), ("parameter",), "Parameters.parameter", bad)
    else:
        _refuse_duplicates(bad, (), str(kind))
        _collect_apart(arrival, content, document, (), str(kind or ""), None)
    return arrival


def _parts_of_request(
    arrival: Arrival, document: Document, content: Any, path: Path, place: str, bad: tuple[Path, ...]
) -> None:
    if isinstance(content, Mapping) and isinstance(content.get("resourceType"), str):
        _part(arrival, document, content, path, place, None, bad)
    elif isinstance(content, Mapping):
        for key, value in content.items():
            _parts_of_request(arrival, document, value, (*path, key), f"{place}.{key}", bad)
    elif isinstance(content, list):
        for index, value in enumerate(content):
            _parts_of_request(arrival, document, value, (*path, index), f"{place}[{index}]", bad)


def _parts_of_bundle(
    arrival: Arrival, document: Document, bundle: Mapping[str, Any], path: Path, place: str, bad: tuple[Path, ...]
) -> None:
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise Unreadable(f"expected an array, got {_json_type(entries)}", place=f"{place}.entry")
    for index, entry in enumerate(entries):
        here = f"{place}.entry[{index}]"
        if not isinstance(entry, Mapping):
            arrival.unread.append(Unreadable(f"expected an object, got {_json_type(entry)}", place=here))
            continue
        resource = entry.get("resource")
        if resource is None:
            continue
        full_url = entry.get("fullUrl")
        inner = (*path, "entry", index, "resource")
        _part(
            arrival,
            document,
            resource,
            inner,
            f"{here}.resource",
            full_url if isinstance(full_url, str) else None,
            bad,
        )


def _parts_of_parameters(
    arrival: Arrival, document: Document, parameters: Any, path: Path, place: str, bad: tuple[Path, ...]
) -> None:
    if not isinstance(parameters, list):
        raise Unreadable(f"expected an array, got {_json_type(parameters)}", place=place)
    for index, parameter in enumerate(parameters):
        if not isinstance(parameter, Mapping):
            reason = f"expected an object, got {_json_type(parameter)}"
            arrival.unread.append(Unreadable(reason, place=f"{place}[{index}]"))
            continue
        if "resource" in parameter:
            inner = (*path, index, "resource")
            _part(arrival, document, parameter["resource"], inner, f"{place}[{index}].resource", None, bad)
        if "part" in parameter:
            _parts_of_parameters(
                arrival, document, parameter["part"], (*path, index, "part"), f"{place}[{index}].part", bad
            )


def _part(
    arrival: Arrival,
    document: Document,
    content: Any,
    path: Path,
    place: str,
    full_url: str | None,
    bad: tuple[Path, ...],
) -> None:
    if len(path) > DEEPEST_NESTING:
        raise _too_deep()
    try:
        if not isinstance(content, Mapping):
            raise Unreadable(f"expected an object, got {_json_type(content)}", place=place)
        if content.get("resourceType") == "Bundle":
            _parts_of_bundle(arrival, document, content, path, place, bad)
            return
        for duplicate in bad:
            if duplicate[: len(path)] == path:
                raise _duplicate(duplicate[len(path) :], place)
        _collect_apart(arrival, content, document, path, place, full_url)
    except Unreadable as error:
        arrival.unread.append(error)


def _collect_apart(
    arrival: Arrival, content: Mapping[str, Any], document: Document, path: Path, place: str, full_url: str | None
) -> None:
    """Collect a resource, and what it contains each by itself, so that one that cannot be read loses no other."""
    contained = content.get("contained")
    if not isinstance(contained, list) or not contained:
        _collect(arrival, _convert(content, place), document, path, place, full_url)
        return
    alone = _convert({key: value for key, value in content.items() if key != "contained"}, place)
    before = len(arrival.entries)
    _collect(arrival, alone, document, path, place, full_url)
    if len(arrival.entries) == before:
        return
    entry = arrival.entries[before]
    for index, inner in enumerate(contained):
        here = f"{entry.place}.contained[{index}]"
        try:
            if not isinstance(inner, Mapping):
                raise Unreadable(f"expected an object, got {_json_type(inner)}", place=here)
            _collect(arrival, _convert(inner, here), document, (*path, "contained", index), here, None, entry)
        except Unreadable as error:
            arrival.unread.append(error)


def _convert(content: Mapping[str, Any], place: str) -> elements.Resource:
    kind = content.get("resourceType")
    if not isinstance(kind, str):
        raise Unreadable("resourceType is missing: this is no FHIR resource", place=place or None)
    if kind not in _KNOWN_TYPES:
        raise Unreadable(_unknown_type(kind), place=f"{place}.resourceType")
    try:
        # Decimals are for what goes out; rules read plain numbers, which the bytes give back.
        return _typed_of(content)
    except RecursionError:
        raise _too_deep() from None
    except msgspec.ValidationError as error:
        raise _wrong_type(error, place) from None
    except (msgspec.MsgspecError, TypeError):
        raise Unreadable("it holds something that is not JSON", place=place) from None


def _typed_of(content: Mapping[str, Any]) -> elements.Resource:
    """The struct of a resource. FHIR puts ``null`` beside what has only extensions; it is passed over."""
    try:
        resource: elements.Resource = _typed.decode(encode(content))
    except msgspec.ValidationError:
        resource = _typed.decode(encode(_without_nulls(content)))
    return resource


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value if inner is not None]
    return value


def _unknown_type(kind: str) -> str:
    """Why a type is not read. One that no version has may be anything, a name too, and is not repeated."""
    version = version_of_type(kind)
    if version is None:
        return "resourceType is no resource of FHIR R4"
    return f"{kind} is a resource of FHIR {version}; FHIR R4 is read here"


_KNOWN_TYPES = frozenset(kind.__name__ for kind in elements.READ) | frozenset(elements.OTHER_TYPES)
_JSON_TYPES = {
    "str": "a string",
    "int": "an integer",
    "int | float": "a number",
    "float": "a number",
    "bool": "true or false",
    "array": "an array",
    "object": "an object",
    "null": "null",
}


def _wrong_type(error: msgspec.ValidationError, place: str) -> Unreadable:
    """msgspec's ``Expected `int`, got `str` - at `$.item[0].sequence```, in words and as FHIRPath."""
    reason, _, where = str(error).partition(" - at ")
    path = where.strip("`").removeprefix("$")
    expected = re.fullmatch(r"Expected `(.+)`, got `(.+)`", reason)
    if expected is not None:
        wanted = " or ".join(
            _JSON_TYPES.get(part, f"a {part}") for part in _alternatives(expected[1]) if part != "null"
        )
        reason = f"expected {wanted}, got {_JSON_TYPES.get(expected[2], expected[2])}"
    elif "resourceType" in where:
        reason = "resourceType is no resource of FHIR R4"
    return Unreadable(reason, place=f"{place}{path}")


def _alternatives(types: str) -> list[str]:
    if types.startswith("int | float"):
        return ["int | float"]
    return types.split(" | ")


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, Mapping):
        return "an object"
    return "a number"


# --- Duplicate keys -----------------------------------------------------------------------------


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as its pairs, so that a repeated key is still seen."""


def _may_repeat_a_key(content: bytes) -> bool:
    """Whether a key may stand twice in its object. Raises ``ValueError`` for what is not JSON throughout.

    Written out again, a document that lost a key has fewer colons than it came with. That is quick to
    see, and exact as long as no colon came escaped.
    """
    written = orjson.dumps(orjson.loads(content))
    return written.count(b":") != content.count(b":") or b"\\u003" in content


def _duplicate_keys(content: bytes) -> list[Path]:
    """The paths of keys that stand twice in their object. JSON decoders silently keep the last one."""
    found: list[Path] = []
    try:
        if not _may_repeat_a_key(content):
            return []
    except (ValueError, TypeError):
        pass  # deeper, or with larger numbers, than is quickly looked through
    try:
        _walk_pairs(json.loads(content, object_pairs_hook=_Pairs), (), found)
    except RecursionError:
        raise _too_deep() from None
    return found


def _walk_pairs(value: Any, path: Path, found: list[Path]) -> None:
    if isinstance(value, _Pairs):
        seen = set()
        for key, inner in value:
            if key in seen:
                found.append((*path, key))
            seen.add(key)
            _walk_pairs(inner, (*path, key), found)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _walk_pairs(inner, (*path, index), found)


def _refuse_duplicates(bad: tuple[Path, ...], parts: tuple[str, ...], place: str) -> None:
    """Raise for a repeated key that belongs to no single part."""
    for path in bad:
        if len(path) == 1 or path[0] not in parts:
            raise _duplicate(path, place)


def _duplicate(path: Path, place: str) -> Unreadable:
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return Unreadable("the key stands twice in its object", place=f"{place}{steps}".lstrip("."))
