"""How many requests one client may make in a minute, all workers together, where the settings set a limit."""

from __future__ import annotations

import fcntl
import hashlib
import ipaddress
import math
import mmap
import secrets
import struct
import tempfile
import threading
import time
from collections.abc import Callable

from flask import request
from werkzeug.exceptions import TooManyRequests

from fhir_massage.web.answer import service

#: What watches the service, and is never held up.
UNCOUNTED = frozenset({"/healthz", "/readyz", "/metrics"})
_MINUTE = 60
_SLOTS = 65_536
_SLOT = struct.Struct("II")  # the minute, and the requests in it


class RateLimit:
    """Counts each client's requests by the minute, in memory that workers share when they are forked.

    Each client has one of 65,536 places, by a hash that nobody outside can aim; two that meet in one count together.
    The lock is the system's, which lets go of it when a worker is killed.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.time) -> None:
        self._most = most
        self._clock = clock
        self._counts = mmap.mmap(-1, _SLOTS * _SLOT.size)
        self._key = secrets.token_bytes(16)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (held as long as the service runs, for its lock)
        self._within = threading.Lock()

    def wait(self, client: str) -> int:
        """Count a request: 0 where it may be answered, else the seconds until the next one may."""
        now = self._clock()
        minute = int(now // _MINUTE)
        digest = hashlib.blake2b(client.encode(), key=self._key, digest_size=4).digest()
        place = int.from_bytes(digest) % _SLOTS * _SLOT.size
        with self._within:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                before, count = _SLOT.unpack_from(self._counts, place)
                count = count + 1 if before == minute else 1
                if count <= self._most:
                    _SLOT.pack_into(self._counts, place, minute, count)
                    return 0
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)
        return max(1, math.ceil((minute + 1) * _MINUTE - now))


def keep_to_limit() -> None:
    """Before a request is looked at: 429 to a client that has made as many in this minute as it may."""
    limit = service().limit
    if limit is None or request.path in UNCOUNTED:
        return
    seconds = limit.wait(_client(request.remote_addr or ""))
    if seconds:
        raise TooManyRequests(retry_after=seconds)


def _client(address: str) -> str:
    """Whom an address belongs to: of IPv6, a whole network (/64) is one client's."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)
