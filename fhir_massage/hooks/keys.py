"""The public keys of the clients that are trusted: JWK Sets at the addresses or in the files of the settings."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import msgspec
import requests
from urllib3.exceptions import HTTPError

from fhir_massage.errors import FhirMassageError
from fhir_massage.sockets import OpenSockets, cut_off_after, watched

#: Seconds for which a key set counts as fresh, and for which it is not asked for again though a key is unknown.
FRESH = 300.0
AGAIN = 30.0
LARGEST_SET = 256 * 1024
#: Seconds for one fetch from its first byte to its last, and for which a call whose key is not at hand waits for it.
SECONDS = 3.0
WAIT = 2.0
#: Calls that wait for one set at a time, where nothing else is said.
MOST_WAITING = 8
SMALLEST_RSA = 2048

Fetch = Callable[[str], bytes]
Clock = Callable[[], float]
Places = threading.Semaphore


class NoKeys(FhirMassageError):
    """A key set cannot be had from where the settings say it is."""


class KeySet:
    """One issuer's key set: kept for a while, and looked at again where a key is asked for that it lacks.

    One thread looks at a time, and no call waits for it whose key is at hand. A client that turns its keys over is
    thus known at once, while a caller who makes up key ids cannot have the set fetched more than once in ``AGAIN``
    seconds. Keys that were had stay in use while the address does not answer.

    A call whose key is not at hand waits for ``WAIT`` seconds at most, and only where ``places`` has one for it.
    """

    def __init__(self, source: str, clock: Clock, fetch: Fetch | None = None, places: Places | None = None) -> None:
        self.source = source
        self._clock = clock
        self._fetch = fetch or fetch_keys
        self._places = places or threading.BoundedSemaphore(MOST_WAITING)
        self._keys: dict[str, jwt.PyJWK] = {}
        self._failed: NoKeys | None = None
        self._looked: float | None = None
        self._looking: threading.Event | None = None
        self._lock = threading.Lock()  # held for moments only, never while anything is waited for

    def key(self, kid: str) -> jwt.PyJWK | None:
        """The key of that id. Raises ``NoKeys`` where the set has never been had."""
        looking = self.look(kid)
        if kid not in self._keys and looking is not None:
            self._wait(looking)
        if not self._keys and self._failed is not None:
            raise self._failed
        return self._keys.get(kid)

    def look(self, kid: str | None = None) -> threading.Event | None:
        """Begin to look at the set, where it is time to, and go on: what is set once it has been looked at.

        ``None`` where nobody looks.
        """
        with self._lock:
            if self._looking is None and self._is_time(kid):
                self._looking = threading.Event()
                threading.Thread(target=self._look, args=(self._looking,), name="keys", daemon=True).start()
            return self._looking

    def _is_time(self, kid: str | None) -> bool:
        age = None if self._looked is None else self._clock() - self._looked
        lacking = kid is not None and kid not in self._keys
        return age is None or age >= FRESH or (age >= AGAIN and (lacking or self._failed is not None))

    def _wait(self, looking: threading.Event) -> None:
        if self._places.acquire(blocking=False):
            try:
                looking.wait(WAIT)
            finally:
                self._places.release()

    def _look(self, looking: threading.Event) -> None:
        keys, failed = self._keys, None
        try:
            keys = usable(self._fetch(self.source))
        except NoKeys as error:
            failed = error
        except Exception:  # whatever a set holds or its address does: the next look is not for this to prevent
            failed = NoKeys("a key set cannot be used")
        with self._lock:
            self._keys, self._failed = keys, failed
            self._looked, self._looking = self._clock(), None
        looking.set()


def fetch_keys(source: str, seconds: float = SECONDS) -> bytes:
    """The JWK Set at an address, or in a file. Raises ``NoKeys``, also where it takes longer than that.

    No redirect is followed: the settings name the address that is trusted.
    """
    if "://" not in source:
        return _of_file(source)
    try:
        with cut_off_after(seconds) as opened:
            return _of_address(source, opened, seconds)
    except (requests.RequestException, HTTPError, OSError, ValueError):
        raise NoKeys("the address of a key set does not answer") from None


def _of_file(source: str) -> bytes:
    try:
        with Path(source).open("rb") as file:
            content = file.read(LARGEST_SET + 1)
    except OSError as error:
        raise NoKeys(f"the file of a key set cannot be read: {error.strerror}") from None
    if len(content) > LARGEST_SET:
        raise NoKeys(f"the file of a key set has more than {LARGEST_SET} bytes")
    return content


def _of_address(source: str, opened: OpenSockets, seconds: float) -> bytes:
    headers = {"Accept": "application/json"}
    with (
        watched(opened) as session,
        session.get(source, timeout=seconds, stream=True, allow_redirects=False, headers=headers) as answer,
    ):
        content = answer.raw.read(LARGEST_SET + 1, decode_content=True)
    if opened.ended:
        raise NoKeys("the address of a key set does not answer in time")
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
