"""Which clients may call: each call carries a JWT of an issuer that the settings list (CDS Hooks, Trusting CDS Clients)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jwt

from fhir_massage.errors import FhirMassageError
from fhir_massage.hooks.keys import Clock, KeySet, NoKeys
from fhir_massage.read.plain import is_plain

#: Asymmetric algorithms only. The guide recommends ES384 and RS384; the others are as strong.
ALGORITHMS = ("ES384", "RS384", "ES256", "ES512", "RS256", "RS512", "PS256", "PS384", "PS512")
#: Which of them a key may be used with, by its kind and curve.
_OF_KEY = {"P-256": ("ES256",), "P-384": ("ES384",), "P-521": ("ES512",)}
_OF_RSA = tuple(name for name in ALGORITHMS if name[:2] in ("RS", "PS"))
#: Seconds by which clocks may differ, and the longest for which a token may be good.
LEEWAY = 30
LONGEST_LIFE = 3600
LONGEST_TOKEN = 8192
LONGEST_ID = 256

FirstUse = Callable[[str, str, float], bool]


class NotTrusted(FhirMassageError):
    """A call that does not prove which client makes it. The reason is for the log, never for the caller."""


class Trust:
    """Judges the tokens of calls.

    ``issuers`` are the key sets of those who are trusted. ``first_use`` is told issuer, ``jti`` and expiry
    of a token that is otherwise good, and says whether it is seen for the first time. ``clock`` gives
    seconds since 1970.
    """

    def __init__(self, issuers: Mapping[str, KeySet], first_use: FirstUse, clock: Clock) -> None:
        self._issuers = issuers
        self._first_use = first_use
        self._clock = clock

    def client(self, authorization: str | None, *audiences: str) -> str:
        """The issuer of a call's token, which is meant for one of the audiences. Raises ``NotTrusted``."""
        token = _token(authorization)
        try:
            header = jwt.get_unverified_header(token)
            claims = jwt.decode(token, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError, RecursionError):  # the JSON in it may be nested without end
            raise NotTrusted("the token is no JWT") from None
        if not is_plain([header, claims]):
            raise NotTrusted("the token holds text that cannot be kept")
        algorithm = _algorithm(header)
        issuer = claims.get("iss")
        keys = self._issuers.get(issuer) if isinstance(issuer, str) else None
        if keys is None or not isinstance(issuer, str):
            raise NotTrusted("the issuer is not one of the settings")
        self._verify(token, header, algorithm, keys)
        self._check(claims, audiences)
        if not self._first_use(issuer, claims["jti"], claims["exp"] + LEEWAY):
            raise NotTrusted("the token was used before")
        return issuer

    def look(self) -> None:
        """Begin to look at every issuer's key set, and go on."""
        for keys in self._issuers.values():
            keys.look()

    def _verify(self, token: str, header: Mapping[str, Any], algorithm: str, keys: KeySet) -> None:
        if "jku" in header and header["jku"] != keys.source:
            raise NotTrusted("jku is not the address of the settings")
        try:
            key = keys.key(header["kid"])
        except NoKeys as error:
            raise NotTrusted(str(error)) from None
        if key is None:
            raise NotTrusted("the issuer has no key of that id")
        if algorithm not in _algorithms(key):
            raise NotTrusted("the key is not for that algorithm")
        try:
            # Times and audience are checked below, by the clock that is passed in.
            jwt.decode(token, key.key, algorithms=[algorithm], options=_SIGNATURE_ONLY)
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise NotTrusted("the signature does not hold") from None

    def _check(self, claims: Mapping[str, Any], audiences: tuple[str, ...]) -> None:
        now = self._clock()
        expires, issued = _moment(claims, "exp"), _moment(claims, "iat")
        before = _moment(claims, "nbf") if "nbf" in claims else issued
        if expires + LEEWAY <= now:
            raise NotTrusted("the token has expired")
        if max(issued, before) - LEEWAY > now:
            raise NotTrusted("the token is of the future")
        if expires - issued > LONGEST_LIFE or expires <= issued:
            raise NotTrusted("the token is good for too long, or for no time")
        given = claims.get("aud")
        meant = given if isinstance(given, list) else [given]
        if not set(audiences) & {each for each in meant if isinstance(each, str)}:
            raise NotTrusted("the token is not meant for this service")
        jti = claims.get("jti")
        if not isinstance(jti, str) or not 0 < len(jti) <= LONGEST_ID:
            raise NotTrusted("jti is missing")


_SIGNATURE_ONLY: Any = {
    "verify_signature": True,
    **dict.fromkeys(("verify_exp", "verify_iat", "verify_nbf", "verify_aud", "verify_iss", "verify_jti"), False),
    **dict.fromkeys(("verify_sub",), False),
}


def _token(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip() or len(token) > LONGEST_TOKEN:
        raise NotTrusted("there is no bearer token")
    return token.strip()


def _algorithm(header: Mapping[str, Any]) -> str:
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise NotTrusted("the algorithm is not one that is trusted")
    if str(header.get("typ", "")).upper() != "JWT":
        raise NotTrusted("typ is not JWT")
    if not isinstance(header.get("kid"), str) or not header["kid"]:
        raise NotTrusted("kid is missing")
    if "crit" in header:
        raise NotTrusted("the token asks for something that is not understood")
    return str(algorithm)


def _algorithms(key: jwt.PyJWK) -> tuple[str, ...]:
    """What a key may sign with: its curve's algorithm, any of RSA's, or only what the key itself says."""
    given = key._jwk_data
    of_kind = _OF_RSA if given["kty"] == "RSA" else _OF_KEY.get(given.get("crv", ""), ())
    return tuple(name for name in of_kind if given.get("alg", name) == name)


def _moment(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < 1e15:
        raise NotTrusted(f"{name} is missing, or no number")
    return value
