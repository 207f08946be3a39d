"""Having a page or a file from CMS, or from a mirror that the user names: limited in size, time and place."""

from __future__ import annotations

import ipaddress
import time
from typing import BinaryIO
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from fhir_massage.facts.published import NotBrought
from fhir_massage.sockets import OpenSockets, cut_off_after, watched

#: Seconds for one page or file from its first byte to its last, and for any silence in between.
SECONDS = 300.0
SILENCE = 30.0
#: CMS's parts of PTP edits are of 17 to 20 MB.
LARGEST_FILE = 256 * 1024**2
LARGEST_PAGE = 5 * 1024**2
_REDIRECTS = 5
_CHUNK = 256 * 1024
_ELSEWHERE = (301, 302, 303, 307, 308)
_PORTS = {"http": 80, "https": 443}


class Home:
    """The place that the user named, or CMS where none was named: files come from there and from CMS alone."""

    def __init__(self, address: str | None = None) -> None:
        """Raises ``NotBrought`` for what is no address of a web server, or one that is not https or this machine."""
        self._named = None if address is None else _parts(address)
        if self._named is not None and self._named.scheme == "http" and not self.is_this_machine:
            raise NotBrought(f"{address}: the address is not https; give one that is, or a folder")

    @property
    def is_this_machine(self) -> bool:
        """Whether it is on this machine."""
        host = "" if self._named is None else self._named.hostname or ""
        try:
            return host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    def allows(self, address: str) -> bool:
        """Whether something may be had from an address: https at CMS, or what the user named."""
        try:
            parts = _parts(address)
        except NotBrought:
            return False
        if parts.scheme == "https" and _port(parts) == 443 and f".{parts.hostname}".endswith(".cms.gov"):
            return True
        named = self._named
        if named is None or parts.hostname != named.hostname:
            return False
        return (parts.scheme, _port(parts)) == (named.scheme, _port(named)) or (
            parts.scheme == "https" and _port(parts) == 443
        )


def _parts(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        known = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known or any(ord(character) <= 32 for character in address) or "\\" in address:
        raise NotBrought(f"{address}: this is no address of a web server")
    if parts.username is not None or parts.password is not None:
        raise NotBrought("the address holds a user name or password, which are not sent; give one without")
    return parts


def _port(parts: SplitResult) -> int:
    return parts.port or _PORTS[parts.scheme]


def download(address: str, into: BinaryIO, home: Home, *, largest: int, seconds: float) -> str:
    """Write what is at an address into a file, and return where it was in the end.

    Redirects are followed to where ``home`` allows. Raises ``NotBrought``, and then what was written is not whole.
    """
    ends = time.monotonic() + seconds
    try:
        with cut_off_after(seconds) as opened, watched(opened) as session:
            session.trust_env = not home.is_this_machine  # a proxy of the site does not lead to this machine
            return _follow(session, address, into, home, largest, ends, opened)
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        if time.monotonic() >= ends or isinstance(error, requests.Timeout):
            raise NotBrought(f"{address}: it did not come in time; try again later") from None
        raise NotBrought(f"{address}: {_why(error)}") from None


def _why(error: Exception) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return "the server's certificate is not one that is trusted"
    if isinstance(error, requests.exceptions.ConnectionError):
        return "the server cannot be reached, or broke off; see whether this machine may reach it"
    return "it broke off; try again"


def _follow(
    session: requests.Session,
    address: str,
    into: BinaryIO,
    home: Home,
    largest: int,
    ends: float,
    opened: OpenSockets,
) -> str:
    first = address
    for _ in range(_REDIRECTS + 1):
        if not home.allows(address):
            raise NotBrought(f"{first}: it leads to {address}, which is neither CMS nor the address that was given")
        headers = {"User-Agent": "fhir-massage", "Accept-Encoding": "identity"}
        waits = max(0.1, min(SILENCE, ends - time.monotonic()))
        with session.get(address, timeout=waits, stream=True, allow_redirects=False, headers=headers) as answer:
            if answer.status_code in _ELSEWHERE:
                address = urljoin(address, answer.headers.get("Location", ""))
                continue
            if answer.status_code != 200:
                raise NotBrought(f"{first}: {_refused(answer.status_code)}")
            _write(answer, into, first, largest, ends, opened)
            return address
    raise NotBrought(f"{first}: it leads from one address to the next without end")


def _refused(status: int) -> str:
    if status in (404, 410):
        return f"it is not there ({status}); the page may have changed meanwhile: try again"
    return f"the server does not give it ({status}); try again later"


def _write(
    answer: requests.Response, into: BinaryIO, address: str, largest: int, ends: float, opened: OpenSockets
) -> None:
    written = 0
    while chunk := answer.raw.read1(_CHUNK, decode_content=True):
        written += len(chunk)
        if written > largest:
            raise NotBrought(f"{address}: it has more than {largest} bytes, and is no file of NCCI")
        if time.monotonic() >= ends:
            break
        into.write(chunk)
    if opened.ended or time.monotonic() >= ends:
        raise NotBrought(f"{address}: it did not come in time; try again later")
    expected = answer.headers.get("Content-Length", "")
    if expected.isdigit() and not answer.headers.get("Content-Encoding") and written != int(expected):
        raise NotBrought(f"{address}: it broke off; try again")
