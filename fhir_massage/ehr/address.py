"""Where may be fetched from: public https, and what the operator lists. Nothing else, whatever a caller names.

The address is looked up once, judged, and connected to as it was judged (requests-hardened), so that a name
that means another address a moment later gains nothing. The certificate is held against the name.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import requests
from requests_hardened.ip_filter import InvalidIPAddress  # type: ignore[import-untyped]
from requests_hardened.ip_filter_adapter import IPFilterAdapter  # type: ignore[import-untyped]

from fhir_massage.ehr.errors import AddressRefused
from fhir_massage.sockets import OpenSockets, Watched

_PORTS = {"http": 80, "https": 443}
#: What a path holds once it is decoded.
_PLAIN = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,=:@|/]*")
#: The part of IPv6 that is given out to networks. Outside of it lie all forms that have an IPv4 address inside, but
#: for those that are reserved within it.
_GIVEN_OUT = ipaddress.ip_network("2000::/3")


class Base:
    """The base address of a FHIR server, checked. ``listed`` tells whether the operator vouches for it."""

    def __init__(self, address: str, listed: Sequence[str]) -> None:
        """Raises ``AddressRefused`` for what is no address of a server, or none that may be fetched from."""
        parts = _split(address)
        if parts.query or parts.fragment:
            raise AddressRefused("its address holds a query or fragment")
        self._parts = parts
        self._place = _place(parts)
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self.listed = any(_is_under(parts, _split(other)) for other in listed)
        if parts.scheme != "https" and not self.listed:
            raise AddressRefused("its address is not https")

    def holds(self, address: str) -> bool:
        """Whether an address is on this very server, under its base."""
        try:
            return _is_under(_split(address), self._parts)
        except AddressRefused:
            return False


def _split(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        known = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known or any(ord(character) <= 32 for character in address) or "\\" in address:
        raise AddressRefused("its address is not one of a web server")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("its address holds a user name")
    if not _is_plain(parts.path):
        raise AddressRefused("its path is not plain: letters, digits and -._~!$&'()*+,=:@| with no folder of dots")
    return parts


def _is_plain(path: str) -> bool:
    """Whether every server reads a path in the same way.

    Servers and the proxies before them differ in what they decode (twice, or as no UTF-8), cut off (``;`` and
    what follows) and take for a slash, and so in which folder is meant by a path that holds such.
    """
    try:
        decoded = unquote(path, errors="strict")
    except UnicodeDecodeError:
        return False
    if _PLAIN.fullmatch(decoded) is None or decoded.count("/") != path.count("/"):
        return False
    return not any(step and not step.strip(".") for step in decoded.split("/"))


def _place(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, (parts.hostname or "").rstrip("."), parts.port or _PORTS[parts.scheme]


def _is_under(parts: SplitResult, base: SplitResult) -> bool:
    path = base.path.rstrip("/")
    return _place(parts) == _place(base) and (parts.path == path or parts.path.startswith(f"{path}/"))


def session(base: Base, open_sockets: OpenSockets, *, certificates: str | None = None) -> requests.Session:
    """A session that can reach this server and no other. It follows no redirects and takes nothing from
    the environment: no proxy, and no password file that would replace the EHR's token."""
    made = requests.Session()
    made.trust_env = False
    made.verify = certificates or True
    made.adapters.clear()
    adapter: Watched = _Listed() if base.listed else _Public()
    adapter.watch(open_sockets)
    made.mount(f"{base.url.split('://')[0]}://", adapter)
    return made


class _Listed(Watched):
    """To a server that the operator vouches for, wherever it is."""


class _Public(IPFilterAdapter, Watched):  # type: ignore[misc]
    """To public addresses only, over https."""

    def __init__(self) -> None:
        super().__init__(is_https_proto=True)  # type: ignore[call-arg]

    def build_connection_pool_key_attributes(self, *args: Any, **kwargs: Any) -> Any:
        """The address to connect to, instead of the name. Raises where it is none of the public ones."""
        host, pool = super().build_connection_pool_key_attributes(*args, **kwargs)
        address = ipaddress.ip_address(host["host"].strip("[]"))
        # The library judges by the ranges that are private; one that is neither is not public for that.
        if not address.is_global or (address.version == 6 and address not in _GIVEN_OUT):
            raise InvalidIPAddress(address)
        return host, pool
