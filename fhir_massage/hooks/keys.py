"""The public keys of the clients that are trusted: JWK Sets at the addresses or in the files of the settings."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import msgspec
import requests

from fhir_massage.errors import FhirMassageError

#: Seconds for which a key set counts as fresh, and for which it is not asked for again though a key is unknown.
FRESH = 300.0
AGAIN = 30.0
LARGEST_SET = 256 * 1024
SECONDS = 3.0
SMALLEST_RSA = 2048

Fetch = Callable[[str], bytes]
Clock = Callable[[], float]


class NoKeys(FhirMassageError):
    """A key set cannot be had from where the settings say it is."""


class KeySet:
    """One issuer's key set: kept for a while, and looked at again where a key is asked for that it lacks.

    A client that turns its keys over is thus known at once, while a caller who makes up key ids cannot
    have the set fetched more than once in ``AGAIN`` seconds. Keys that were had stay in use while the
    address does not answer.
    """

    def __init__(self, source: str, clock: Clock, fetch: Fetch | None = None) -> None:
        self.source = source
        self._clock = clock
        self._fetch = fetch or fetch_keys
        self._keys: dict[str, jwt.PyJWK] = {}
        self._looked: float | None = None
        self._lock = threading.Lock()

    def key(self, kid: str) -> jwt.PyJWK | None:
        """The key of that id. Raises ``NoKeys`` where the set has never been had."""
        with self._lock:
            age = None if self._looked is None else self._clock() - self._looked
            if age is None or age >= FRESH or (kid not in self._keys and age >= AGAIN):
                self._look()
            return self._keys.get(kid)

    def _look(self) -> None:
        had = self._looked is not None and self._keys
        self._looked = self._clock()
        try:
            self._keys = usable(self._fetch(self.source))
        except NoKeys:
            if not had:
                raise


def fetch_keys(source: str) -> bytes:
    """The JWK Set at an address, or in a file. Raises ``NoKeys``.

    No redirect is followed: the settings name the address that is trusted.
    """
    if "://" not in source:
        try:
            return Path(source).read_bytes()
        except OSError as error:
            raise NoKeys(f"the file of a key set cannot be read: {error.strerror}") from None
    try:
        with requests.get(
            source, timeout=SECONDS, stream=True, allow_redirects=False, headers={"Accept": "application/json"}
        ) as answer:
            content = answer.raw.read(LARGEST_SET + 1, decode_content=True)
    except (requests.RequestException, OSError):
        raise NoKeys("the address of a key set does not answer") from None
    if answer.status_code != 200 or len(content) > LARGEST_SET:
        raise NoKeys(f"the address of a key set answers {answer.status_code} with {len(content)} bytes")
    return bytes(content)


def usable(content: bytes) -> dict[str, jwt.PyJWK]:
    """The public signing keys of a JWK Set by their ids. Keys of other kinds are passed over."""
    try:
        given = msgspec.json.decode(content, type=dict[str, Any]).get("keys")
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise NoKeys("a key set is not JSON") from None
    if not isinstance(given, list):
        raise NoKeys("a key set has no 'keys'")
    found: dict[str, jwt.PyJWK] = {}
    for each in given:
        if isinstance(each, dict) and isinstance(each.get("kid"), str) and each.get("use", "sig") == "sig":
            key = _key(each)
            if key is not None:
                found.setdefault(each["kid"], key)
    return found


def _key(given: dict[str, Any]) -> jwt.PyJWK | None:
    if given.get("kty") not in ("EC", "RSA") or "d" in given:  # a key that everyone has proves nothing
        return None
    try:
        key = jwt.PyJWK(given)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    return None if given["kty"] == "RSA" and key.key.key_size < SMALLEST_RSA else key
