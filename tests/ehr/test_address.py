"""Where may be fetched from, whatever a caller names."""

from __future__ import annotations

import socket
from typing import Any

import pytest

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
