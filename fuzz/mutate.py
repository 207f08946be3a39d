"""Changes that hurt a message: to its structure, to its text, and to the way in which it is sent."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import msgspec

from fuzz.messages import Message

Path = tuple[str | int, ...]
Change = Callable[[Random, Any], Any]

#: The largest body that a change makes. The service's own limit has its own test.
LARGEST = 300_000

HOSTILE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 1.5, -0.0, 1e308, 10**30, -(10**400), 2**63, "", " ", "x", "x" * 5000, "9" * 400),
    *("\u0000", "a\u0000b", "\ud800", "\u202e", "é" * 70, "🦴", "%00", "\r\nSet-Cookie: a=b", "<script>alert(1)</script>"),
    *("{{context.patientId}}", "{{7*7}}", "${jndi:ldap://x}", "' or 1=1 --", "../../etc/passwd", "\\", '"', "*", "#"),
    *("NaN", "Infinity", "1e999", "-1", "1,5", "１２", "97140 ", "97140", "97124", "0", "GP", "59", "XS", "US", "USD"),
    *("0000-00-00", "0001-01-01", "9999-12-31", "2026-02-30", "2026-13-01", "2026", "2026-11", "20261102", "2026-11-02T25:00:00Z"),
    *("2026-11-02T00:00:00+99:99", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-W45-1", "-2026-11-02"),
    *("#", "#x", "Claim/", "/", "Patient/p1", "urn:uuid:", "http://", "http://[", "https://x:99999/y", "file:///etc/passwd"),
    *([], {}, [None], [{}], [[]], [[[]]], {"a": 1}, {"": ""}, {"__class__": 1}, {"reference": "#"}, {"reference": 3}),
    *({"resourceType": "Claim"}, {"resourceType": "Bundle", "entry": [{}]}, {"resourceType": "Nonsense"}, {"resourceType": None}),
    *({"value": "1"}, {"value": -1}, {"value": 1e300}, {"coding": [{}]}, {"start": "2026-11-02"}, {"end": "1900-01-01"}),
)  # fmt: skip


class Sent(msgspec.Struct, frozen=True):
    """A request as it is sent, and what was done to its message."""

    method: str
    path: str
    body: bytes
    headers: dict[str, str]
    form: bool
    changes: tuple[str, ...]
    #: Where the last change put something of the wrong type, which FHIR has nowhere.
    mistyped: Path | None = None


def mutated(random: Random, good: Sequence[Message]) -> Sent:
    """One of the messages with one to four changes."""
    message = random.choice(good)
    content: Any = copy.deepcopy(message.content)
    done: list[str] = []
    mistyped: Path | None = None
    if random.random() < 0.15:
        content, mistyped = _mistype(random, content)
        done.append("mistype")
    else:
        for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
            change = random.choice(STRUCTURE)
            if change is _splice:
                content = _splice(random, content, random.choice(good).content)
            else:
                content = change(random, content)
            done.append(change.__name__.strip("_"))
    body = _written(random, content)
    if mistyped is None and random.random() < 0.2:
        change_text = random.choice(TEXT)
        body = change_text(random, body)
        done.append(change_text.__name__.strip("_"))
    method, path, headers = "POST", message.path, {"Content-Type": "application/json"}
    if mistyped is None and random.random() < 0.05:
        method, path, headers = _misdirected(random, path, good)
        done.append("misdirected")
    body = body[:LARGEST]
    if message.form:  # a form carries text
        body = body.decode("utf-8", "replace").encode()
    return Sent(method, path, body, headers, message.form, tuple(done), mistyped)


def places(content: Any) -> list[tuple[Any, Any]]:
    """Every place in a document but the whole, as its parent and its key."""
    found: list[tuple[Any, Any]] = []
    parents = [content]
    while parents:
        parent = parents.pop()
        for key in parent if isinstance(parent, dict) else range(len(parent)) if isinstance(parent, list) else ():
            found.append((parent, key))
            if isinstance(parent[key], dict | list):
                parents.append(parent[key])
    return found


def paths(value: Any, path: Path = ()) -> list[Path]:
    """Every place in a document but the whole, as its path."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [inner for key, part in parts for inner in ((*path, key), *paths(part, (*path, key)))]


def at(content: Any, path: Path) -> Any:
    """The part of a document at a path."""
    for key in path:
        content = content[key]
    return content


# --- structure ------------------------------------------------------------------------------------------


def _place(random: Random, content: Any) -> tuple[Any, Any] | None:
    """The parent and the key of some place."""
    found = places(content)
    return random.choice(found) if found else None


def _replace(random: Random, content: Any) -> Any:
    if (place := _place(random, content)) is None:
        return copy.deepcopy(random.choice(HOSTILE))
    parent, key = place
    parent[key] = copy.deepcopy(random.choice(HOSTILE))
    return content


def _drop(random: Random, content: Any) -> Any:
    if (place := _place(random, content)) is not None:
        parent, key = place
        del parent[key]
    return content


def _rename(random: Random, content: Any) -> Any:
    place = _place(random, content)
    if place is not None and isinstance(place[0], dict):
        parent, key = place
        parent[random.choice((f"_{key}", key.upper(), f"{key} ", "", "resourceType", "id", "extension"))] = parent.pop(
            key
        )
    return content


def _repeat(random: Random, content: Any) -> Any:
    """An element of an array many times over."""
    lists = [parent[key] for parent, key in places(content) if isinstance(parent[key], list) and parent[key]]
    if lists:
        part = random.choice(lists)
        one = random.choice(part)
        room = max(1, LARGEST // 2 // max(1, len(json.dumps(one))))
        part.extend([one] * min(room, random.choice((1, 2, 10, 100, 1000))))
    return content


def _swap(random: Random, content: Any) -> Any:
    """Two places change their contents."""
    one, other = _place(random, content), _place(random, content)
    if one is not None and other is not None:
        first, second = one[0][one[1]], other[0][other[1]]
        one[0][one[1]], other[0][other[1]] = copy.deepcopy(second), copy.deepcopy(first)
    return content


def _splice(random: Random, content: Any, other: Any) -> Any:
    """A part of another message takes the place of a part."""
    place, theirs = _place(random, content), _place(random, other)
    if place is not None and theirs is not None:
        place[0][place[1]] = copy.deepcopy(theirs[0][theirs[1]])
    return content


def _deepen(random: Random, content: Any) -> Any:
    place = _place(random, content)
    if place is None:
        return content
    parent, key = place
    value = parent[key]
    for _ in range(random.choice((2, 10, 60, 120))):
        value = [value] if random.random() < 0.5 else {"extension": [value] if random.random() < 0.5 else value}
    parent[key] = value
    return content


def _cross(random: Random, content: Any) -> Any:
    """All references and ids of a document become few, so that they mean themselves, each other or nothing."""
    named = random.choice((["Claim/c1"], ["#a", "#b"], ["Patient/p1", "Coverage/cov", "urn:uuid:x"]))
    for parent, key in places(content):
        if key in ("reference", "fullUrl", "id") and isinstance(parent[key], str):
            parent[key] = random.choice(named)
    return content


def _mistype(random: Random, content: Any) -> tuple[Any, Path | None]:
    """Something of a resource takes a value whose type FHIR has nowhere: an object for a value, a value for an object."""
    found = [path for path in paths(content) if isinstance(path[-1], str) and at(content, path) is not None]
    if not found:
        return content, None
    path = random.choice(found)
    parent = at(content, path[:-1])
    parent[path[-1]] = 7 if isinstance(parent[path[-1]], dict | list) else {"unexpected": [True]}
    return content, path


STRUCTURE: tuple[Any, ...] = (
    _replace,
    _replace,
    _replace,
    _drop,
    _drop,
    _rename,
    _repeat,
    _swap,
    _splice,
    _deepen,
    _cross,
)


# --- text -----------------------------------------------------------------------------------------------


def _written(random: Random, content: Any) -> bytes:
    escaped = json.dumps(content, ensure_ascii=random.random() < 0.7)
    return escaped.encode("utf-8", "surrogatepass")


def _cut(random: Random, body: bytes) -> bytes:
    return body[: random.randrange(len(body) + 1)]


def _flip(random: Random, body: bytes) -> bytes:
    changed = bytearray(body)
    for _ in range(random.choice((1, 1, 2, 8))):
        if changed:
            changed[random.randrange(len(changed))] = random.randrange(256)
    return bytes(changed)


def _insert(random: Random, body: bytes) -> bytes:
    position = random.randrange(len(body) + 1)
    junk = random.choice(
        (b"\x00", b"\xff", b"\xed\xa0\x80", b",", b'"', b"{", b"[" * 2000, b"/**/", b"\\u0000", b"\n" * 9)
    )
    return body[:position] + junk + body[position:]


def _double(random: Random, body: bytes) -> bytes:
    """A key stands twice in its object: the second hides the first."""
    places = [index for index, byte in enumerate(body) if byte == ord("{") and body[index + 1 : index + 2] == b'"']
    if not places:
        return body
    position = random.choice(places) + 1
    key = body[position : body.find(b'"', position + 1) + 1]
    return body[:position] + key + b': "hidden", ' + body[position:]


def _number(random: Random, body: bytes) -> bytes:
    """Some value becomes what is no number of JSON, or one that is too large."""
    position = body.find(b": ", random.randrange(len(body) + 1))
    junk = random.choice(
        (b"NaN", b"-Infinity", b"1e99999", b"01", b"9" * 5000, b"1.", b"0x1", b"1" + b"0" * 400 + b".5")
    )
    end = min((found for found in (body.find(mark, position) for mark in (b",", b"}")) if found > 0), default=len(body))
    return body if position < 0 else body[: position + 2] + junk + body[end:]


def _encoded(random: Random, body: bytes) -> bytes:
    return body.decode("utf-8", "replace").encode(random.choice(("utf-16", "utf-8-sig", "utf-32", "utf-7")))


def _appended(random: Random, body: bytes) -> bytes:
    return body + random.choice((b"x", b"\x00", body[:2000], b"\n{}", b"]", b"}"))


def _emptied(random: Random, body: bytes) -> bytes:
    return random.choice((b"", b" ", b"null", b"[]", b"{}", b"3", b'""', b"[" * 5000, b"\xef\xbb\xbf", b'{"a":' * 5000))


TEXT = (_cut, _flip, _insert, _double, _number, _encoded, _appended, _emptied)


# --- the way it is sent -----------------------------------------------------------------------------------

_KINDS = (
    "text/plain",
    "",
    "application/fhir+json; charset=utf-16",
    "application/json; charset=x",
    "multipart/form-data",
)
_METHODS = ("POST", "POST", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "GET", "HEAD")
_ENDS = ("", "/", "/feedback", "/%00", "/../fhir", "?on=x", "?example=../../etc/passwd", "/é", "/" + "a" * 3000)
_DOORS = ("/answers?code=97140&payer=tricare&profession=x", "/answers?code=%00&payer=%ff&profession=&on=0000-00-00",
          "/fhir/Patient/$validate", "/fhir/%00/$validate", "/cds-services/x", "/metrics", "/readyz", "/static/../app.py",
          "/?example=%2e%2e%2fclaims", "/answers?code=97140&payer=auto&profession=chiropractor&on=9999-12-31")  # fmt: skip


def _misdirected(random: Random, path: str, good: Sequence[Message]) -> tuple[str, str, dict[str, str]]:
    """Another method, address or header than the message's own."""
    to = random.choice((path, random.choice(good).path, *_DOORS)) + random.choice(("", "", random.choice(_ENDS)))
    to = f"/{to.lstrip('/')}"  # two slashes would name a host, which is no matter of the service's
    headers = {"Content-Type": random.choice(("application/json", "application/fhir+json", *_KINDS))}
    extra = random.choice(
        (
            {},
            {"Accept": "text/html"},
            {"Accept": "\x7f;q=x"},
            {"X-Request-Id": "a" * 70},
            {"Origin": "null"},
            {"Content-Encoding": "gzip"},
            {"Authorization": "Bearer " + "x" * 3000},
            {"Accept": "application/xml", "Accept-Language": "*" * 500},
        )
    )
    return random.choice(_METHODS), to, {**headers, **extra}
