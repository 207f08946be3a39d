"""Addresses in the settings: which hosts are this machine, and how an address is shown without its secrets."""

from __future__ import annotations

import ipaddress
import re
import socket

_PASSWORD = re.compile(r"(://[^:@/]*)(:.*)?@")
_SECRET_PART = re.compile(r"(?i)([?&][^=&#]*(?:password|token|secret|key|sig|credential)[^=&#]*=)[^&#]*")


def masked(address: str) -> str:
    """An address as it may be shown: without the password, and without the secrets, that may stand in it."""
    return _SECRET_PART.sub(
        r"\1***", _PASSWORD.sub(lambda found: f"{found[1]}:***@" if found[2] else found[0], address)
    )


def only_here(host: str) -> bool:
    """Whether nothing but this machine reaches what listens there: every address that the host means is loopback."""
    try:
        found = socket.getaddrinfo(host or None, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        return False
    return all(_is_loopback(str(address[0])) for *_, address in found)


def is_here(host: str) -> bool:
    """Whether a host is this machine by its very spelling, so that no look-up can make it another."""
    try:
        return host == "localhost" or _is_loopback(host)
    except ValueError:
        return False


def _is_loopback(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def address_of(host: str, port: int) -> str:
    """The web address of a host, which may be one of IPv6, and a port."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
