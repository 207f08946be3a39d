"""Clients that prove themselves: keys, their JWK Sets, and signed tokens to vary."""

from __future__ import annotations

import json
import uuid
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

Json = dict[str, Any]
ISSUER = "https://ehr.example.org"
AUDIENCE = "https://cds.example.org/cds-services/fhir-massage-order-sign"
CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


class Client:
    """One key pair, with its id, and the tokens that it signs."""

    def __init__(self, algorithm: str = "ES384", kid: str = "k1", size: int = 2048) -> None:
        self.algorithm = algorithm
        self.kid = kid
        if algorithm in CURVES:
            self.private: Any = ec.generate_private_key(CURVES[algorithm])
            self._of = ECAlgorithm
        else:
            self.private = rsa.generate_private_key(65537, size)
            self._of = RSAAlgorithm

    @property
    def jwk(self) -> Json:
        """The public key."""
        return {**json.loads(self._of.to_jwk(self.private.public_key())), "kid": self.kid, "use": "sig"}

    @property
    def private_jwk(self) -> Json:
        """The private key, as it is kept in a file."""
        return {**json.loads(self._of.to_jwk(self.private)), "kid": self.kid, "alg": self.algorithm}

    def token(self, now: float, header: Json | None = None, key: Any = None, **changed: Any) -> str:
        """A good token at that moment, with header and claims changed; ``...`` leaves one out."""
        claims = {"iss": ISSUER, "aud": AUDIENCE, "iat": int(now), "exp": int(now) + 300, "jti": str(uuid.uuid4())}
        claims = {name: value for name, value in {**claims, **changed}.items() if value is not ...}
        headers = {"kid": self.kid, "typ": "JWT", **(header or {})}
        headers = {name: value for name, value in headers.items() if value is not ...}
        return jwt.encode(claims, key or self.private, algorithm=headers.pop("alg", self.algorithm), headers=headers)


def key_set(*clients: Client, more: Any = ()) -> bytes:
    """The JWK Set of several clients."""
    return json.dumps({"keys": [*(client.jwk for client in clients), *more]}).encode()
