"""Settings: from the environment, else from the file, and wrong ones refused by their names."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fhir_massage.settings import BadSetting, Settings, masked, only_here, read_settings, refuse_open_outside


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AUTH", "CONFIG", "MAX_BODY", "ISSUERS", "POLICIES", "DATA", "DATABASE"):
        monkeypatch.delenv(f"FHIR_MASSAGE_{name}", raising=False)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "settings.toml"
    monkeypatch.setenv("FHIR_MASSAGE_CONFIG", str(path))
    return path


def test_defaults_need_nothing() -> None:
    settings = read_settings()
    assert (settings.max_body, settings.hook_seconds, settings.auth) == (5_242_880, 4, None)
    assert settings.database_url.endswith("/var/fhir_massage.sqlite")


def test_the_environment_goes_before_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('max_body = 10\nauth = "open"\n[issuers]\n"https://ehr.example.org" = "keys.json"\n')
    monkeypatch.setenv("FHIR_MASSAGE_MAX_BODY", "20")
    settings = read_settings()
    assert (settings.max_body, settings.auth) == (20, "open")
    assert settings.issuers == {"https://ehr.example.org": "keys.json"}


def test_an_empty_variable_is_none_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIR_MASSAGE_POLICIES", "")
    assert read_settings().policies is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("MAX_BODY", "many"), ("MAX_BODY", "0"), ("AUTH", "closed"), ("ISSUERS", "{"), ("ISSUERS", "[]")],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"FHIR_MASSAGE_{name}", value)
    with pytest.raises(BadSetting, match=f"^FHIR_MASSAGE_{name}: "):
        read_settings()


@pytest.mark.parametrize(
    ("content", "named"),
    [("max_boby = 1", "MAX_BOBY"), ("max_body = [", "CONFIG"), ("hook_seconds = 0", "HOOK_SECONDS")],
)
def test_a_wrong_key_of_the_file_is_named(file: Path, content: str, named: str) -> None:
    file.write_text(content)
    with pytest.raises(BadSetting, match=f"^FHIR_MASSAGE_{named}: "):
        read_settings()


def test_a_file_that_is_not_there_is_named(file: Path) -> None:
    with pytest.raises(BadSetting, match=r"^FHIR_MASSAGE_CONFIG: there is no file"):
        read_settings()


def test_settings_stay_as_they_are() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        read_settings().max_body = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "near"),
    [("MAX_BODDY", "FHIR_MASSAGE_MAX_BODY"), ("POLICY", "FHIR_MASSAGE_POLICIES"), ("ZZZ", ""), ("NOPE_FILE", "")],
)
def test_a_variable_of_no_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, near: str) -> None:
    monkeypatch.setenv(f"FHIR_MASSAGE_{name}", "x")
    with pytest.raises(BadSetting, match=f"^FHIR_MASSAGE_{name}: there is no such setting") as refused:
        read_settings()
    assert near in str(refused.value)


def test_all_wrong_variables_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIR_MASSAGE_MAX_BODDY", "1")
    monkeypatch.setenv("FHIR_MASSAGE_ZZZ", "1")
    with pytest.raises(BadSetting, match=r"(?s)MAX_BODDY.*ZZZ"):
        read_settings()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_what_it_is_for(name: str) -> None:
    words = Settings.model_fields[name].description or ""
    assert len(words.split()) >= 6
    assert words.endswith(".")


class TestValuesInFiles:
    def test_a_value_is_read_from_the_file_that_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "database").write_text("postgresql://clinic:sesame@db.example.org/log\n")
        (tmp_path / "issuers").write_text('{"https://ehr.example.org": "keys.json"}')
        monkeypatch.setenv("FHIR_MASSAGE_DATABASE_FILE", str(tmp_path / "database"))
        monkeypatch.setenv("FHIR_MASSAGE_ISSUERS_FILE", str(tmp_path / "issuers"))
        settings = read_settings()
        assert settings.database == "postgresql://clinic:sesame@db.example.org/log"
        assert settings.issuers == {"https://ehr.example.org": "keys.json"}

    def test_it_goes_before_the_settings_file(
        self, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file.write_text("max_body = 10\n")
        (tmp_path / "n").write_text("20")
        monkeypatch.setenv("FHIR_MASSAGE_MAX_BODY_FILE", str(tmp_path / "n"))
        assert read_settings().max_body == 20

    def test_a_file_that_cannot_be_read_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FHIR_MASSAGE_DATABASE_FILE", str(tmp_path / "nowhere"))
        with pytest.raises(BadSetting, match=r"^FHIR_MASSAGE_DATABASE_FILE: the file .*nowhere cannot be read"):
            read_settings()

    def test_both_ways_at_once_are_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "n").write_text("20")
        monkeypatch.setenv("FHIR_MASSAGE_MAX_BODY", "10")
        monkeypatch.setenv("FHIR_MASSAGE_MAX_BODY_FILE", str(tmp_path / "n"))
        with pytest.raises(BadSetting, match="not both"):
            read_settings()

    def test_a_wrong_value_in_a_file_is_not_repeated(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "n").write_text("sesame")
        for name in ("MAX_BODY", "ISSUERS"):
            monkeypatch.setenv(f"FHIR_MASSAGE_{name}_FILE", str(tmp_path / "n"))
            with pytest.raises(BadSetting, match=f"^FHIR_MASSAGE_{name}: ") as refused:
                read_settings()
            assert "sesame" not in str(refused.value)
            monkeypatch.delenv(f"FHIR_MASSAGE_{name}_FILE")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://clinic:sesame@db/log", "postgresql://clinic:***@db/log"),
        ("postgresql://clinic:se@sa:me@db/log", "postgresql://clinic:***@db/log"),
        ("postgresql://db/log?user=clinic&password=sesame", "postgresql://db/log?user=clinic&password=***"),
        (
            "postgresql://db/log?sslpassword=sesame&sslmode=require",
            "postgresql://db/log?sslpassword=***&sslmode=require",
        ),
        ("https://ehr.example.org/jwks?access_token=sesame", "https://ehr.example.org/jwks?access_token=***"),
        ("https://ehr.example.org/jwks.json", "https://ehr.example.org/jwks.json"),
        ("sqlite:////var/lib/fhir-massage/s.sqlite", "sqlite:////var/lib/fhir-massage/s.sqlite"),
    ],
)
def test_what_an_address_must_not_tell_is_masked(address: str, shown: str) -> None:
    assert masked(address) == shown


@pytest.mark.parametrize(
    ("host", "auth"), [("127.0.0.1", None), ("::1", None), ("0.0.0.0", "open"), ("0.0.0.0", "required")]
)
def test_it_opens_on_loopback_and_where_it_was_told_to(
    monkeypatch: pytest.MonkeyPatch, host: str, auth: str | None
) -> None:
    if auth:
        monkeypatch.setenv("FHIR_MASSAGE_AUTH", auth)
    refuse_open_outside(read_settings(), host)


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "", "0", "192.168.1.5", "fe80::1", "::ffff:192.0.2.1", "cds.example.org", "127.0.0.1.nip.io"],
)
def test_it_does_not_open_elsewhere(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    look_up = socket.getaddrinfo
    public = {"cds.example.org": ["192.0.2.5"], "127.0.0.1.nip.io": ["127.0.0.1", "192.0.2.5"]}

    def looked_up(name: str | None, *rest: Any, **named: Any) -> list[Any]:
        if name in public:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in public[name]]
        return look_up(name, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    with pytest.raises(BadSetting, match="FHIR_MASSAGE_AUTH"):
        refuse_open_outside(read_settings(), host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "127.1", "::1", "localhost", "::ffff:127.0.0.1"])
def test_loopback_is_told_by_its_addresses(host: str) -> None:
    assert only_here(host)


def test_a_name_that_means_nothing_is_not_taken_for_loopback() -> None:
    assert not only_here("no such host")
