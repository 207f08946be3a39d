"""Where may be fetched from, whatever a caller names."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_massage.ehr.address import Base
from fhir_massage.ehr.deadline import Deadline
from fhir_massage.ehr.errors import AddressRefused, NotReachable
from fhir_massage.ehr.server import FhirServer

PUBLIC = "93.184.215.14"


def resolves(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Let every name mean these addresses, one after the other; gives the addresses that are connected to."""
    waiting = list(answers)
    connected: list[str] = []

    def getaddrinfo(host: str, port: Any, *_: Any, **__: Any) -> list[Any]:
        literal = host.strip("[]")
        try:
            socket.inet_pton(socket.AF_INET6 if ":" in literal else socket.AF_INET, literal)
        except OSError:
            literal = waiting.pop(0)
        family = socket.AF_INET6 if ":" in literal else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (literal, int(port or 0)))]

    def connect(_: socket.socket, address: tuple[str, int]) -> None:
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket.socket, "connect", connect)
    return connected


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.0.1",
        "198.18.0.1",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "::127.0.0.1",
        "::a9fe:a9fe",
        "::ffff:0:10.0.0.1",
        "100::1",
        "2001:0:7f00:1::",
        "4000::1",
    ],
)
def test_a_name_that_means_an_inner_address_is_refused_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    connected = resolves(monkeypatch, address)
    with pytest.raises(AddressRefused, match="not a public one"):
        FhirServer("https://ehr.example.org/fhir", Deadline(5)).read("Patient", "p1")
    assert connected == []


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:10.0.0.1]", "169.254.169.254", "2130706433"])
def test_an_inner_address_itself_is_refused(host: str) -> None:
    with pytest.raises(NotReachable):
        FhirServer(f"https://{host}/fhir", Deadline(5)).read("Patient", "p1")


def test_a_name_that_means_another_address_a_moment_later_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    connected = resolves(monkeypatch, PUBLIC, "127.0.0.1")
    with pytest.raises(NotReachable):
        FhirServer("https://rebinding.example.org/fhir", Deadline(5)).read("Patient", "p1")
    assert connected == [PUBLIC]


def test_the_next_look_up_is_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    connected = resolves(monkeypatch, PUBLIC, "127.0.0.1")
    server = FhirServer("https://rebinding.example.org/fhir", Deadline(5))
    with pytest.raises(NotReachable):
        server.read("Patient", "p1")
    with pytest.raises(AddressRefused):
        server.read("Patient", "p1")
    assert connected == [PUBLIC]


@pytest.mark.conforms("hooks-20")
@pytest.mark.parametrize(
    "address",
    [
        "http://ehr.example.org/fhir",
        "ftp://ehr.example.org/fhir",
        "file:///etc/passwd",
        "https://",
        "https:///fhir",
        "https://user:secret@ehr.example.org/fhir",
        "https://ehr.example.org/fhir?to=elsewhere",
        "https://ehr.example.org/fhir#x",
        "https://ehr.example.org/fhir/../admin",
        "https://ehr.example.org/fhir/%2e%2e/admin",
        "https://ehr.example.org/fhir/..;/admin",
        "https://ehr.example.org/fhir/%2e%2e;x/admin",
        "https://ehr.example.org/fhir/..%3bx/admin",
        "https://ehr.example.org/fhir/..%5cadmin",
        "https://ehr.example.org/fhir/..%2fadmin",
        "https://ehr.example.org/fhir/%252e%252e/admin",
        "https://ehr.example.org/fhir/..%c0%afadmin",
        "https://ehr.example.org/fhir/%c0%ae%c0%ae/admin",
        "https://ehr.example.org/fhir/%ef%bc%8e%ef%bc%8e/admin",
        "https://ehr.example.org/fhir/\uff0e\uff0e/admin",
        "https://ehr.example.org/fhir/.../admin",
        "https://ehr.example.org/fhir/..%20/admin",
        "https://ehr.example.org/fhir/..%00/admin",
        "https://ehr.example.org/fhir/%2e%2e%3f/admin",
        "https://ehr.example.org/fhir/%u002e%u002e/admin",
        "https://ehr.example.org\\@inner/fhir",
        "https://ehr.example.org/fhir\r\nHost: inner",
        "https://ehr.example.org:99999/fhir",
        "not an address",
        "",
    ],
)
def test_what_is_no_public_https_server_is_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        Base(address, [])


@pytest.mark.parametrize(
    ("address", "listed"),
    [
        ("http://127.0.0.1:8080/fhir", True),
        ("http://127.0.0.1:8080/fhir/", True),
        ("http://127.0.0.1:8080/fhir/tenant", True),
        ("HTTP://127.0.0.1:8080/fhir", True),
        ("http://127.0.0.1:8080/fhirx", False),
        ("http://127.0.0.1:8080/", False),
        ("http://127.0.0.1/fhir", False),
        ("http://127.0.0.1:8080.example.org/fhir", False),
        ("http://localhost:8080/fhir", False),
    ],
)
def test_a_listed_base_and_what_is_under_it_may_be_fetched_from(address: str, listed: bool) -> None:
    if listed:
        assert Base(address, ["http://127.0.0.1:8080/fhir"]).listed
    else:
        with pytest.raises(AddressRefused):
            Base(address, ["http://127.0.0.1:8080/fhir"])


@pytest.mark.parametrize(
    ("address", "held"),
    [
        ("https://ehr.example.org/fhir/Patient?page=2", True),
        ("https://ehr.example.org:443/fhir?_getpages=1", True),
        ("https://EHR.example.org/fhir/Patient", True),
        ("http://ehr.example.org/fhir/Patient", False),
        ("https://ehr.example.org:8443/fhir/Patient", False),
        ("https://ehr.example.org.evil.example/fhir", False),
        ("https://other.example.org/fhir/Patient", False),
        ("https://ehr.example.org/other", False),
        ("https://ehr.example.org/fhir/../other", False),
    ],
)
def test_a_server_holds_what_is_under_its_base(address: str, held: bool) -> None:
    assert Base("https://ehr.example.org/fhir", []).holds(address) is held


@pytest.mark.parametrize(
    "path", ["/fhir/R4", "/fhir/r4/tenant-1/Patient/a.b-c", "/a/$export", "/R4B~x/(1)/a:b@c", "/%66hir/x%7Cy"]
)
def test_a_plain_path_is_taken(path: str) -> None:
    assert Base(f"https://ehr.example.org{path}", [])


#: Ways in which servers and proxies are known to read a path, each of which may lead elsewhere.
READ: tuple[Callable[[str], str], ...] = (
    unquote,
    lambda path: unquote(path, "latin-1"),
    lambda path: re.sub(";[^/]*", "", path),
    lambda path: path.replace("\\", "/"),
    lambda path: re.sub(r"[.\s]+(?=/|$)", lambda found: ".." if ".." in found[0] else found[0], path),
    lambda path: path.split("\0")[0].split("?")[0].split("#")[0],
    lambda path: path.replace("\xc0\xaf", "/").replace("\xc0\xae", "."),
    lambda path: path.replace("\uff0e", ".").replace("\uff0f", "/").replace("\u2024", "."),
)
PART = st.sampled_from(
    [".", "..", "/", "\\", ";", "a", "fhir", "admin", "%", "\0", " ", "?x", "\uff0e", "\uff0f", "\u2024"]
)


@st.composite
def written(draw: st.DrawFn) -> str:
    """A path as an attacker may write it: any of its characters escaped, once or again, in any case or overlong."""
    text = draw(st.lists(PART, max_size=6).map("".join))

    def escaped(character: str) -> str:
        way = draw(st.integers(0, 5))
        if way == 0 or character in "? \0":
            return "".join(f"%{byte:02x}" for byte in character.encode())
        if way == 1:
            return "".join(f"%25{byte:02X}" for byte in character.encode())
        if way == 2 and ord(character) < 64:
            return f"%c0%{0x80 | ord(character):02x}"
        return character

    return "".join(escaped(character) for character in text)


def stays(path: str, base: str) -> bool:
    """Whether a path that is read as it stands is under its base."""
    steps: list[str] = []
    for step in path.split("/"):
        if step == "..":
            del steps[-1:]
        elif step not in ("", "."):
            steps.append(step)
    return "/".join(["", *steps, ""]).startswith(f"{base}/")


@given(written(), st.lists(st.sampled_from(READ), max_size=5))
def test_no_way_of_writing_a_path_leads_out_of_a_listed_base_however_it_is_read(
    path: str, read: list[Callable[[str], str]]
) -> None:
    listed = "http://127.0.0.1:8080/fhir"
    try:
        address = Base(f"{listed}/{path}", [listed]).url
    except AddressRefused:
        return
    meant = address.removeprefix("http://127.0.0.1:8080")
    for way in read:
        meant = way(meant)
    assert stays(meant, "/fhir")


@given(written(), st.lists(st.sampled_from(READ), max_size=5))
def test_no_next_page_or_redirect_leads_out_of_the_base_however_it_is_read(
    path: str, read: list[Callable[[str], str]]
) -> None:
    base = Base("https://ehr.example.org/fhir", [])
    address = f"https://ehr.example.org/fhir/{path}"
    if base.holds(address):
        meant = address.removeprefix("https://ehr.example.org").partition("?")[0]
        for way in read:
            meant = way(meant)
        assert stays(meant, "/fhir")


@given(st.ip_addresses(v=4, network="10.0.0.0/8") | st.ip_addresses(v=4, network="127.0.0.0/8"), st.integers(0, 1))
def test_an_inner_address_inside_of_another_is_refused(inner: Any, form: int) -> None:
    outer = ("::", "::ffff:0:")[form]
    with pytest.MonkeyPatch.context() as monkeypatch:
        connected = resolves(monkeypatch, f"{outer}{inner}")
        with pytest.raises(AddressRefused):
            FhirServer("https://ehr.example.org/fhir", Deadline(5)).read("Patient", "p1")
    assert connected == []
