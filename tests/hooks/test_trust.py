"""Which tokens are believed: the good ones of listed issuers, once each."""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pytest_httpserver import HTTPServer

from fhir_massage.hooks.keys import AGAIN, FRESH, KeySet, NoKeys, fetch_keys
from fhir_massage.hooks.trust import ALGORITHMS, LEEWAY, NotTrusted, Trust
from tests.hooks.tokens import AUDIENCE, ISSUER, Client, Json, key_set

NOW = 1_794_000_000.0
CLIENT = Client()
RSA = Client("RS384", "r1")


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def trust(*clients: Client, clock: Callable[[], float] = lambda: NOW, more: Any = ()) -> Trust:
    """Trust in one issuer with the clients' keys, and a memory of used tokens."""
    used: set[tuple[str, str]] = set()

    def first_use(issuer: str, id: str, expires: float) -> bool:
        new = (issuer, id) not in used
        used.add((issuer, id))
        return new

    keys = key_set(*(clients or (CLIENT,)), more=more)
    return Trust({ISSUER: KeySet("https://ehr.example.org/jwks", clock, lambda _: keys)}, first_use, clock)


def judged(token: str, judge: Trust | None = None, scheme: str = "Bearer") -> str:
    return (judge or trust()).client(f"{scheme} {token}", AUDIENCE)


@pytest.mark.conforms("hooks-64", "hooks-65", "hooks-75", "hooks-81")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_good_token_is_believed_whatever_its_asymmetric_algorithm(algorithm: str) -> None:
    client = Client(algorithm)
    assert judged(client.token(NOW), trust(client)) == ISSUER


def test_the_audience_may_be_one_of_several() -> None:
    assert judged(CLIENT.token(NOW, aud=["https://other.example.org", AUDIENCE])) == ISSUER


def test_the_word_bearer_may_be_written_small() -> None:
    assert judged(CLIENT.token(NOW), scheme="bearer") == ISSUER


@pytest.mark.conforms("hooks-68", "hooks-69", "hooks-70", "hooks-71", "hooks-72", "hooks-73", "hooks-74")
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"iss": ...}, "issuer"),
        ({"iss": "https://other.example.org"}, "issuer"),
        ({"aud": ...}, "not meant"),
        ({"aud": "https://cds.example.org/cds-services/other"}, "not meant"),
        ({"aud": f"{AUDIENCE}/"}, "not meant"),
        ({"aud": []}, "not meant"),
        ({"aud": 1}, "not meant"),
        ({"exp": ...}, "exp"),
        ({"exp": int(NOW) - LEEWAY}, "expired"),
        ({"exp": "soon"}, "exp"),
        ({"exp": True}, "exp"),
        ({"exp": int(NOW) + 90_000}, "too long"),
        ({"iat": ...}, "iat"),
        ({"iat": int(NOW) + 60}, "future"),
        ({"iat": int(NOW) + 20, "exp": int(NOW) + 20}, "no time"),
        ({"nbf": int(NOW) + 60}, "future"),
        ({"nbf": "later"}, "nbf"),
        ({"jti": ...}, "jti"),
        ({"jti": ""}, "jti"),
        ({"jti": 7}, "jti"),
        ({"jti": "x" * 300}, "jti"),
    ],
)
def test_a_token_with_a_wrong_claim_is_not_believed(changed: Json, reason: str) -> None:
    with pytest.raises(NotTrusted, match=reason):
        judged(CLIENT.token(NOW, **changed))


@pytest.mark.conforms("hooks-66", "hooks-67", "hooks-73", "hooks-76")
@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"kid": ...}, "kid"),
        ({"kid": "unknown"}, "no key"),
        ({"typ": "at+jwt"}, "typ"),
        ({"typ": None}, "typ"),
        ({"jku": "https://evil.example.org/jwks"}, "jku"),
        ({"jku": None}, "jku"),
        ({"crit": ["exp"]}, "not understood|JWT"),
    ],
)
def test_a_token_with_a_wrong_header_is_not_believed(header: Json, reason: str) -> None:
    with pytest.raises(NotTrusted, match=reason):
        judged(CLIENT.token(NOW, header))


def eventually(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + 60
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return true()


@pytest.mark.conforms("hooks-76")
def test_the_listed_address_as_jku_is_honoured() -> None:
    assert judged(CLIENT.token(NOW, {"jku": "https://ehr.example.org/jwks"})) == ISSUER


def part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


@pytest.mark.conforms("hooks-78")
@pytest.mark.parametrize("name", ["none", "None", "NONE", ""])
def test_a_token_that_nobody_signed_is_not_believed(name: str) -> None:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "iat": NOW, "exp": NOW + 300, "jti": "1"}
    for signature in ("", "AAAA"):
        token = f"{part({'alg': name, 'typ': 'JWT', 'kid': 'k1'})}.{part(claims)}.{signature}"
        with pytest.raises(NotTrusted, match=r"algorithm|no JWT"):
            judged(token)


@pytest.mark.conforms("hooks-79", "hooks-80")
@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_token_signed_with_a_shared_secret_is_not_believed(algorithm: str) -> None:
    secret = "a secret of more than thirty-two bytes, and of more than sixty-four besides"
    shared = {"kty": "oct", "kid": "k1", "k": base64.urlsafe_b64encode(secret.encode()).decode(), "alg": algorithm}
    with pytest.raises(NotTrusted, match="algorithm"):
        judged(CLIENT.token(NOW, {"alg": algorithm}, key=secret), trust(RSA, more=[shared]))


def test_the_public_key_is_no_shared_secret() -> None:
    """The old trick: sign by HMAC with the public key, which everyone has."""
    claims = {"iss": ISSUER, "aud": AUDIENCE, "iat": NOW, "exp": NOW + 300, "jti": "1"}
    signed = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'r1'})}.{part(claims)}"
    public = RSA.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signature = base64.urlsafe_b64encode(hmac.digest(public, signed.encode(), "sha256")).rstrip(b"=").decode()
    with pytest.raises(NotTrusted, match="algorithm"):
        judged(f"{signed}.{signature}", trust(RSA))


def test_a_signature_of_another_key_is_not_believed() -> None:
    with pytest.raises(NotTrusted, match="signature"):
        judged(Client().token(NOW))


def test_a_token_that_was_changed_is_not_believed() -> None:
    header, claims, signature = CLIENT.token(NOW).split(".")
    other = CLIENT.token(NOW).split(".")[1]
    assert other != claims
    with pytest.raises(NotTrusted, match="signature"):
        judged(f"{header}.{other}.{signature}")


def test_a_key_signs_by_its_own_algorithm_only() -> None:
    only_384 = {**RSA.jwk, "alg": "RS384", "kid": "r2"}
    judge = trust(RSA, more=[only_384])
    assert judged(RSA.token(NOW, {"alg": "PS256"}), judge) == ISSUER
    with pytest.raises(NotTrusted, match="not for that"):
        judged(RSA.token(NOW, {"alg": "RS256", "kid": "r2"}), judge)
    with pytest.raises(NotTrusted, match="not for that"):
        judged(CLIENT.token(NOW, {"kid": "r1"}), judge)


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer a.b", "Bearer ...", "Bearer " + "x" * 9000],
)
def test_what_is_no_token_is_not_believed(authorization: str | None) -> None:
    with pytest.raises(NotTrusted):
        trust().client(authorization, AUDIENCE)


@pytest.mark.conforms("hooks-72")
def test_a_token_is_good_once() -> None:
    judge = trust()
    token = CLIENT.token(NOW)
    assert judged(token, judge) == ISSUER
    with pytest.raises(NotTrusted, match="used before"):
        judged(token, judge)


def test_a_bad_token_uses_up_no_good_one() -> None:
    judge = trust()
    with pytest.raises(NotTrusted):
        judged(CLIENT.token(NOW, jti="one", aud="https://other.example.org"), judge)
    with pytest.raises(NotTrusted):
        judged(Client().token(NOW, jti="one"), judge)
    assert judged(CLIENT.token(NOW, jti="one"), judge) == ISSUER


class Source:
    """Where a key set comes from: it changes, it fails, and counts how often it was asked."""

    def __init__(self, content: bytes) -> None:
        self.content: bytes | None = content
        self.error: Exception | None = None
        self.asked = 0
        self.may_answer = threading.Event()
        self.may_answer.set()

    def __call__(self, _: str) -> bytes:
        self.asked += 1
        assert self.may_answer.wait(60)
        if self.error is not None:
            raise self.error
        if self.content is None:
            raise NoKeys("gone")
        return self.content


@pytest.mark.conforms("hooks-76")
def test_keys_that_are_turned_over_are_known_at_once_and_old_ones_forgotten() -> None:
    clock, source = Clock(), Source(key_set(Client(kid="old")))
    keys = KeySet("x", clock, source)
    assert keys.key("old") is not None
    source.content = key_set(Client(kid="new"))
    clock.now += AGAIN
    assert keys.key("new") is not None
    assert keys.key("old") is None
    assert source.asked == 2


def test_made_up_key_ids_do_not_have_the_set_fetched_each_time() -> None:
    clock, source = Clock(), Source(key_set(CLIENT))
    keys = KeySet("x", clock, source)
    for number in range(100):
        assert keys.key(f"made-up-{number}") is None
        clock.now += 0.1
    assert source.asked == 1


def test_a_set_is_kept_while_fresh_and_used_on_while_its_address_is_gone() -> None:
    clock, source = Clock(), Source(key_set(CLIENT))
    keys = KeySet("x", clock, source)
    keys.key("k1")
    clock.now += FRESH - 1
    assert keys.key("k1") is not None
    assert source.asked == 1
    source.content = None
    clock.now += 1
    assert keys.key("k1") is not None
    assert eventually(lambda: source.asked == 2)


def test_a_call_whose_key_is_at_hand_waits_for_no_look_at_the_set() -> None:
    clock, source = Clock(), Source(key_set(CLIENT))
    keys = KeySet("x", clock, source)
    assert keys.key("k1") is not None
    source.may_answer.clear()
    clock.now += FRESH
    try:
        for _ in range(50):  # would stand still here if it waited
            assert keys.key("k1") is not None
        assert eventually(lambda: source.asked == 2)
    finally:
        source.may_answer.set()


def test_calls_whose_key_is_not_at_hand_have_one_look_and_no_more_than_there_are_places_wait_for_it() -> None:
    clock, source = Clock(), Source(key_set(CLIENT))
    places = threading.Semaphore(0)
    keys = KeySet("x", clock, source, places)
    source.may_answer.clear()
    try:
        for number in range(50):
            assert keys.key(f"made-up-{number}") is None
        assert eventually(lambda: source.asked == 1)
    finally:
        source.may_answer.set()
    assert eventually(lambda: keys.key("k1") is not None)
    assert source.asked == 1


def test_a_fetch_that_ends_in_any_way_does_not_prevent_the_next() -> None:
    clock, source = Clock(), Source(key_set(CLIENT))
    keys = KeySet("x", clock, source)
    source.error = RuntimeError("whatever it is")
    with pytest.raises(NoKeys):
        keys.key("k1")
    source.error = None
    clock.now += AGAIN
    assert keys.key("k1") is not None


@pytest.mark.parametrize("drip", ["status", "headers", "body", "silence"])
def test_a_key_server_that_drips_is_cut_off_when_the_time_is_over(drip: str) -> None:
    """Each byte comes in time for a time-out of one read, and the whole would take hours."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        over = threading.Event()

        def serve() -> None:
            client, _ = listener.accept()
            with client, contextlib.suppress(OSError):
                head = b"HTTP/1.1 200 OK\r\n"
                client.sendall({"status": b"", "silence": b"", "headers": head}.get(drip, head + b"\r\n"))
                while not over.wait(0.02):
                    if drip != "silence":
                        client.sendall(b"H")

        server = threading.Thread(target=serve)
        server.start()
        try:
            with pytest.raises(NoKeys):  # never, where only the reads have a time-out
                fetch_keys(f"http://127.0.0.1:{listener.getsockname()[1]}/jwks", seconds=0.5)
        finally:
            over.set()
            server.join()


def test_a_file_of_keys_is_read_no_further_than_a_set_may_be(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(b" " * 300_000 + key_set(CLIENT))
    with pytest.raises(NoKeys, match="more than"):
        fetch_keys(str(tmp_path / "keys.json"))


def test_a_set_that_was_never_had_trusts_nobody_and_comes_later() -> None:
    clock, source = Clock(), Source(key_set(CLIENT))
    source.content = None
    keys = KeySet("x", clock, source)
    with pytest.raises(NoKeys):
        keys.key("k1")
    source.content = key_set(CLIENT)
    clock.now += AGAIN
    assert keys.key("k1") is not None


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"keys": 3}', b"\xff", b"<html>"])
def test_what_is_no_key_set_is_refused(content: bytes) -> None:
    with pytest.raises(NoKeys):
        KeySet("x", Clock(), Source(content)).key("k1")


@pytest.mark.parametrize(
    "bad",
    [
        {"kty": "oct", "kid": "k1", "k": "AAAA"},
        {"kty": "EC", "kid": "k1"},
        {"kty": "EC", "kid": "k1", "crv": "P-256", "x": "!", "y": "!"},
        {"kid": "k1"},
        "k1",
        {**CLIENT.jwk, "use": "enc"},
        CLIENT.private_jwk,
        Client("RS256", "k1", size=1024).jwk,
    ],
    ids=["secret", "half", "nonsense", "no kind", "text", "for encryption", "private", "short RSA"],
)
def test_a_key_that_cannot_be_trusted_is_passed_over_and_loses_no_other(bad: Any) -> None:
    keys = KeySet("x", Clock(), Source(key_set(RSA, more=[bad])))
    assert keys.key("k1") is None
    assert keys.key("r1") is not None


def test_a_key_set_comes_from_a_file_or_an_address_and_follows_no_redirect(
    tmp_path: Path, httpserver: HTTPServer
) -> None:
    (tmp_path / "keys.json").write_bytes(key_set(CLIENT))
    assert fetch_keys(str(tmp_path / "keys.json")) == key_set(CLIENT)
    httpserver.expect_request("/jwks").respond_with_data(key_set(CLIENT))
    httpserver.expect_request("/moved").respond_with_data("", 302, {"Location": httpserver.url_for("/jwks")})
    httpserver.expect_request("/large").respond_with_data(b"x" * 300_000)
    assert fetch_keys(httpserver.url_for("/jwks")) == key_set(CLIENT)
    for source in (httpserver.url_for("/moved"), httpserver.url_for("/large"), str(tmp_path / "none.json")):
        with pytest.raises(NoKeys):
            fetch_keys(source)
