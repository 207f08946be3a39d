"""Settings: from the environment, else from the file, and wrong ones refused by their names."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from fhir_massage.settings import BadSetting, read_settings, refuse_open_outside


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
    ("host", "auth"), [("127.0.0.1", None), ("::1", None), ("0.0.0.0", "open"), ("0.0.0.0", "required")]
)
def test_it_opens_on_loopback_and_where_it_was_told_to(
    monkeypatch: pytest.MonkeyPatch, host: str, auth: str | None
) -> None:
    if auth:
        monkeypatch.setenv("FHIR_MASSAGE_AUTH", auth)
    refuse_open_outside(read_settings(), host)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5"])
def test_it_does_not_open_elsewhere(host: str) -> None:
    with pytest.raises(BadSetting, match="FHIR_MASSAGE_AUTH"):
        refuse_open_outside(read_settings(), host)
