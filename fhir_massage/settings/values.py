"""What a setting's value has to look like, beyond its type. Each raises ``ValueError`` in words that repeat no value.

Nothing is looked up or opened here. What other parts of the product would have to say of a value is asked of
them, and they are imported only where there is such a value.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from fhir_massage.settings.address import is_here

SHORTEST_SECRET = 16
#: An origin as browsers send it: scheme, host and port, and nothing behind them.
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?")
_BY_DEFAULT = {"http": "80", "https": "443"}


def plain(value: object) -> object:
    """Any value whose text can be kept and sent on."""
    from fhir_massage.read.plain import is_plain

    if not is_plain(str(value) if isinstance(value, Path) else value):
        raise ValueError("it holds a control character, or text that is no Unicode")
    return value


def server(text: str) -> str:
    """The base address of a FHIR server."""
    return _base(text, "the base address of a FHIR server, such as https://fhir.example.org/r4")


def audience(text: str) -> str:
    """The base address that clients know the service by."""
    return _base(text, "the address that clients call, without /cds-services, such as https://cds.example.org")


def _base(text: str, expected: str) -> str:
    from fhir_massage.ehr.address import Base
    from fhir_massage.ehr.errors import AddressRefused

    try:
        Base(text, [text])
    except AddressRefused as refused:
        raise ValueError(f"{refused.reason}; expected {expected}") from None
    return text


def origin(text: str) -> str:
    """An origin that a browser can send."""
    found = _ORIGIN.fullmatch(text)
    if found is None or found[2] == _BY_DEFAULT.get(found[1], ""):
        raise ValueError(
            "expected an origin as browsers send it, such as https://ehr.example.org: in lower case, with no path or "
            "slash at its end, and with a port only where it is not the usual one"
        )
    return text


def keys(text: str) -> str:
    """Where a JWK Set is: a file, or an address that nobody else can answer for."""
    if text.strip() and "://" not in text:
        return text
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if not host or "\\" in text or any(ord(character) <= 32 for character in text):
        raise ValueError("expected the https address of a JWK Set, or its file")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_here(host)):
        raise ValueError(
            "keys have to come by https, or from a file (its path alone); http is for this machine only, since on the "
            "way anybody could put in a key of their own"
        )
    return text


def database(text: str) -> str:
    """The address of a database."""
    from fhir_massage.store.address import BadStore, parsed

    try:
        parsed(text)
    except BadStore as refused:
        raise ValueError(str(refused)) from None
    return text


def bearer(secret: SecretStr) -> SecretStr:
    """A token that can be sent in a header."""
    if not _is_token(secret):
        raise ValueError("it holds what cannot stand in a header; visible ASCII without blanks is needed")
    return secret


def expected_bearer(secret: SecretStr) -> SecretStr:
    """A token that others prove themselves by, and that cannot be guessed."""
    if len(secret.get_secret_value()) < SHORTEST_SECRET or not _is_token(secret):
        raise ValueError(f"at least {SHORTEST_SECRET} characters of ASCII without blanks are needed")
    return secret


def _is_token(secret: SecretStr) -> bool:
    text = secret.get_secret_value()
    return text.isascii() and text.isprintable() and " " not in text and bool(text)
