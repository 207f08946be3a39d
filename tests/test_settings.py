"""Settings: from the environment, else from the file, and wrong ones refused by their names."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fhir_massage.settings import BadSetting, Settings, masked, only_here, read_settings, settings_to_serve
from tests.hooks.tokens import Client, key_set


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("FHIR_MASSAGE_")]:
        monkeypatch.delenv(name)


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
    [
        ("MAX_BODY", "many"),
        ("MAX_BODY", "0"),
        ("MAX_BODY", "9" * 5000),
        ("AUTH", "closed"),
        ("ISSUERS", "{"),
        ("ISSUERS", "[" * 100_000),
        ("ISSUERS", "[]"),
        ("ISSUERS", '{"https://ehr.example.org": ""}'),
        ("FHIR_SERVERS", "https://fhir.example.org"),
        ("HOOK_SECONDS", "nan"),
        ("LOG_COMMENTS", "perhaps"),
        ("SUBSCRIPTION_SECRET", "short"),
        ("SUBSCRIPTION_SECRET", "with a blank, though long enough"),
        ("SUBSCRIPTION_TOKEN", "a\nb"),
    ],
)
def test_a_wrong_variable_is_named_and_its_value_is_not(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"FHIR_MASSAGE_{name}", value)
    with pytest.raises(BadSetting, match=f"^FHIR_MASSAGE_{name}: ") as refused:
        read_settings()
    assert len(str(refused.value).splitlines()) == 1
    assert len(value) < 3 or value not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("WORKERS", "65", "expected 64 or less"),
        ("WORKERS", "0", "expected 1 or more"),
        ("WORKERS", "two", "expected a whole number"),
        ("HOOK_SECONDS", "soon", "expected a number"),
        ("HOOK_SECONDS", "0", "expected more than 0"),
        ("LOG_COMMENTS", "perhaps", "expected true or false"),
        ("AUTH", "closed", "expected 'open' or 'required'"),
        ("CORS_ORIGINS", "https://ehr.example.org", 'in the environment as JSON, such as ["https://ehr.example.org"]'),
        ("ISSUERS", "[]", 'in the environment as JSON, such as {"https://ehr.example.org": '),
    ],
)
def test_a_wrong_variable_is_told_what_is_expected(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(f"FHIR_MASSAGE_{name}", value)
    with pytest.raises(BadSetting) as refused:
        read_settings()
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("max_bdy = 1", "max_bdy: there is no such setting; did you mean max_body?"),
        ("MAX_BODY = 1", "MAX_BODY: there is no such setting; did you mean max_body?"),
        ("FHIR_MASSAGE_MAX_BODY = 1", "FHIR_MASSAGE_MAX_BODY: there is no such setting; did you mean max_body?"),
        ("zzz = 1", "zzz: there is no such setting"),
        ("hook_seconds = 0", "hook_seconds: expected more than 0"),
        ('[issuers]\n"https://ehr.example.org" = 1', 'issuers: "https://ehr.example.org": expected text'),
    ],
)
def test_a_wrong_key_of_the_file_is_named(file: Path, content: str, told: str) -> None:
    file.write_text(content)
    with pytest.raises(BadSetting) as refused:
        read_settings()
    assert str(refused.value) == f"{file}: {told}"


@pytest.mark.parametrize(
    "content", [b"max_body = [", b"\xff\xfe", b"x = " + b"[" * 100_000], ids=["toml", "utf-8", "deep"]
)
def test_a_file_that_is_no_toml_is_named(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(BadSetting, match=f"^FHIR_MASSAGE_CONFIG: {file} is no TOML"):
        read_settings()


def test_a_folder_in_place_of_the_file_is_named(file: Path) -> None:
    file.mkdir()
    with pytest.raises(BadSetting, match=rf"^FHIR_MASSAGE_CONFIG: the file {file} cannot be read: Is a directory"):
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


def test_everything_that_is_wrong_is_named_at_once(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('log_days = 0\nmax_bdy = 1\nca_bundle = "/nosuch"\n')
    wrong = {"ISSUERS": "[", "MAX_BODY": "x", "HOOK_SECONDS": "0", "WORKERS": "0", "ZZZ": "1", "LOG_DAY": "1"}
    for name, value in {**wrong, "DATABASE_FILE": str(tmp_path / "nowhere"), "AUTH": "required"}.items():
        monkeypatch.setenv(f"FHIR_MASSAGE_{name}", value)
    with pytest.raises(BadSetting) as refused:
        settings_to_serve("0.0.0.0", 8000)
    named = [line.partition(": there is")[0].partition(": expected")[0] for line in str(refused.value).splitlines()]
    assert sorted(name.removeprefix("FHIR_MASSAGE_").partition(": ")[0] for name in named if str(file) not in name) == (
        sorted([*wrong, "DATABASE_FILE", "AUDIENCE"])
    )
    assert [name for name in named if str(file) in name] == [f"{file}: max_bdy", f"{file}: log_days"] + [
        name for name in named if name.startswith(f"{file}: ca_bundle: ")
    ]
    assert len(named) == 11


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
        with pytest.raises(
            BadSetting, match=r"^FHIR_MASSAGE_DATABASE_FILE: the file that it names cannot be read: No such"
        ):
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
            with pytest.raises(BadSetting, match=f"^FHIR_MASSAGE_{name}_FILE: ") as refused:
                read_settings()
            assert "sesame" not in str(refused.value)
            monkeypatch.delenv(f"FHIR_MASSAGE_{name}_FILE")

    @pytest.mark.parametrize("put", ["postgresql://clinic:sesame@db.example.org/log", "sesame-open-yourself"])
    def test_a_secret_in_place_of_its_file_is_not_repeated(self, monkeypatch: pytest.MonkeyPatch, put: str) -> None:
        monkeypatch.setenv("FHIR_MASSAGE_SUBSCRIPTION_SECRET_FILE", put)
        with pytest.raises(BadSetting, match=r"^FHIR_MASSAGE_SUBSCRIPTION_SECRET_FILE: ") as refused:
            read_settings()
        assert "sesame" not in str(refused.value)

    def test_a_file_that_is_no_text_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "secret").write_bytes(b"\xff" * 20)
        monkeypatch.setenv("FHIR_MASSAGE_SUBSCRIPTION_SECRET_FILE", str(tmp_path / "secret"))
        with pytest.raises(BadSetting, match=r"^FHIR_MASSAGE_SUBSCRIPTION_SECRET_FILE: .* is no text"):
            read_settings()


class TestAddresses:
    """Right by its type is not enough: an address has to be one that can be used as it is meant."""

    @pytest.mark.parametrize(
        ("address", "told"),
        [
            ("postgresql://clinic:se@same@db:notaport/log", "no number"),
            ("postgresql://clinic:sesame@db:99999/log", "port"),
            ("sqlite:///store.sqlite?timeout=sesame", "no number"),
            ("sesame:bar", "such as sqlite:////"),
            ("sesame", "such as sqlite:////"),
            ("sesame://db/log", "no such kind of database"),
            ("postgresql+sesame://db/log", "no such kind of database or driver"),
            ("postgresql+asyncpg://clinic:sesame@db/log", "asynchronous"),
        ],
    )
    def test_a_wrong_database_is_refused_without_a_word_of_it(
        self, monkeypatch: pytest.MonkeyPatch, address: str, told: str
    ) -> None:
        monkeypatch.setenv("FHIR_MASSAGE_DATABASE", address)
        with pytest.raises(BadSetting, match=r"^FHIR_MASSAGE_DATABASE: ") as refused:
            read_settings()
        assert told in str(refused.value)
        assert "same" not in str(refused.value)
        assert "postgresql+psycopg://user:password@host:5432/database" in str(refused.value)

    @pytest.mark.parametrize(
        ("setting", "wrong"),
        [
            *[
                ("AUDIENCE", value)
                for value in ("zzz", "ftp://cds.example.org", "https://", "https://cds.example.org?x=1")
            ],
            ("AUDIENCE", "https://cds.example.org:port"),
            *[("FHIR_SERVERS", [value]) for value in ("notanurl", "https://me:sesame@fhir.example.org", "https://a b")],
            *[("SUBSCRIPTION_SERVER", value) for value in ("fhir.example.org", "https://me:sesame@fhir.example.org")],
        ],
    )
    def test_what_is_no_base_address_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, setting: str, wrong: object
    ) -> None:
        monkeypatch.setenv(f"FHIR_MASSAGE_{setting}", wrong if isinstance(wrong, str) else json.dumps(wrong))
        with pytest.raises(BadSetting, match=rf"^FHIR_MASSAGE_{setting}: .*such as https://") as refused:
            read_settings()
        assert "sesame" not in str(refused.value)

    def test_the_wrong_entry_of_a_list_is_counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FHIR_MASSAGE_FHIR_SERVERS", '["http://127.0.0.1:8080/fhir", "notanurl"]')
        with pytest.raises(BadSetting, match=r"^FHIR_MASSAGE_FHIR_SERVERS: entry 2: "):
            read_settings()

    @pytest.mark.parametrize(
        "wrong",
        [
            "x",
            "*",
            "null",
            "https://",
            "https://ehr.example.org/",
            "https://ehr.example.org/app",
            "https://EHR.example.org",
            "https://ehr.example.org:443",
            "http://ehr.example.org:80",
            "https://me@ehr.example.org",
        ],
    )
    def test_an_origin_that_no_browser_sends_is_refused(self, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
        monkeypatch.setenv("FHIR_MASSAGE_CORS_ORIGINS", json.dumps(["https://ehr.example.org", wrong]))
        with pytest.raises(BadSetting, match=r"^FHIR_MASSAGE_CORS_ORIGINS: entry 2: expected an origin"):
            read_settings()

    @pytest.mark.parametrize(
        "right", ["https://ehr.example.org:8443", "http://localhost:8080", "http://[::1]:8080", "capacitor://localhost"]
    )
    def test_an_origin_that_browsers_send_is_taken(self, monkeypatch: pytest.MonkeyPatch, right: str) -> None:
        monkeypatch.setenv("FHIR_MASSAGE_CORS_ORIGINS", json.dumps([right]))
        assert read_settings().cors_origins == [right]

    @pytest.mark.parametrize(
        "source",
        [
            "http://evil/jwks",
            "http://192.0.2.1/jwks",
            "http://localhost.evil.example.org/",
            "http://127.0.0.1@evil.example.org/",
            "ftp://ehr.example.org/jwks",
            "file:///keys",
            "https://",
            "https://ehr.example.org:port/",
            "http://[::1",
        ],
    )
    @pytest.mark.parametrize("auth", ["open", "required"])
    def test_keys_that_anybody_could_put_in_are_refused(
        self, monkeypatch: pytest.MonkeyPatch, source: str, auth: str
    ) -> None:
        monkeypatch.setenv("FHIR_MASSAGE_AUTH", auth)
        monkeypatch.setenv("FHIR_MASSAGE_ISSUERS", json.dumps({"https://Me:sesame@Ehr.example.org": source}))
        with pytest.raises(BadSetting) as refused:
            read_settings()
        # The issuer is written as it was given, but for what may be a secret.
        assert str(refused.value).startswith('FHIR_MASSAGE_ISSUERS: "https://Me:***@Ehr.example.org": ')
        assert "https" in str(refused.value).partition("***")[2]

    @pytest.mark.parametrize(
        "source",
        [
            "https://ehr.example.org/jwks?token=x",
            "http://127.0.0.1:8080/jwks",
            "http://localhost/jwks",
            "http://[::1]/jwks",
        ],
    )
    def test_keys_by_https_and_from_this_machine_are_taken(self, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
        monkeypatch.setenv("FHIR_MASSAGE_ISSUERS", json.dumps({"https://ehr.example.org": source}))
        assert settings_to_serve("127.0.0.1", 8000).issuers == {"https://ehr.example.org": source}


class TestWhatAServiceNeeds:
    """Right one by one, and still no service could start: what settings name is not there, or another is lacking."""

    @pytest.fixture(autouse=True)
    def _data(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FHIR_MASSAGE_DATA", str(tmp_path))

    def told(self) -> list[str]:
        with pytest.raises(BadSetting) as refused:
            settings_to_serve("127.0.0.1", 8000)
        return [line.removeprefix("FHIR_MASSAGE_") for line in str(refused.value).splitlines()]

    @pytest.mark.parametrize(
        ("content", "told"),
        [(None, "No such file"), ("nonsense", "holds no certificates"), ("", "holds no certificates")],
    )
    def test_certificates(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None, told: str
    ) -> None:
        if content is not None:
            (tmp_path / "ca.pem").write_text(content)
        monkeypatch.setenv("FHIR_MASSAGE_CA_BUNDLE", str(tmp_path / "ca.pem"))
        (line,) = self.told()
        assert line.startswith("CA_BUNDLE: the file that it names ")
        assert told in line

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (None, "No such file"),
            (b"nonsense", "not JSON"),
            (b'{"keys": 1}', "no 'keys'"),
            (b'{"keys": [{"kid": "1", "kty": "oct", "k": "sesame"}]}', "no key that can be used"),
        ],
        ids=["missing", "nonsense", "no keys", "shared secret"],
    )
    def test_files_of_keys(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, told: str
    ) -> None:
        good, bad = tmp_path / "good.json", tmp_path / "bad.json"
        good.write_bytes(key_set(Client()))
        if content is not None:
            bad.write_bytes(content)
        monkeypatch.setenv("FHIR_MASSAGE_ISSUERS", json.dumps({"https://a.example.org": str(good), "b": str(bad)}))
        (line,) = self.told()
        assert line.startswith('ISSUERS: "b": ')
        assert told in line
        assert "sesame" not in line

    def test_keys_put_in_place_of_their_file_are_not_repeated(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FHIR_MASSAGE_ISSUERS", json.dumps({"a": '{"keys": [{"d": "sesame"}]}'}))
        assert "sesame" not in str(self.told())

    @pytest.mark.parametrize(
        ("setting", "told"), [("POLICIES", "there is no such folder"), ("DATA", "it is no folder")]
    )
    def test_folders(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, setting: str, told: str) -> None:
        (tmp_path / "file").write_text("")
        monkeypatch.setenv(f"FHIR_MASSAGE_{setting}", str(tmp_path / "file"))
        assert self.told() == [f"{setting}: {told}"]

    def test_the_driver_of_the_database(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FHIR_MASSAGE_DATABASE", "oracle+cx_oracle://clinic:sesame@db/log")
        (line,) = self.told()
        assert line.startswith("DATABASE: the driver that its address asks for is not installed")
        assert "sesame" not in line

    def test_a_service_that_asks_for_proof_names_whom_it_believes_and_what_it_is_called(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FHIR_MASSAGE_AUTH", "required")
        with pytest.raises(BadSetting, match=r"(?s)^FHIR_MASSAGE_ISSUERS: .*\nFHIR_MASSAGE_AUDIENCE: "):
            settings_to_serve("0.0.0.0", 8000)

    def test_what_rests_on_a_wrong_setting_is_not_told_besides(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FHIR_MASSAGE_AUTH", "required")
        monkeypatch.setenv("FHIR_MASSAGE_ISSUERS", "[")
        monkeypatch.setenv("FHIR_MASSAGE_SUBSCRIPTION_SERVER", "https://fhir.example.org")
        monkeypatch.setenv("FHIR_MASSAGE_SUBSCRIPTION_SECRET", "short")
        assert [line.partition(":")[0] for line in self.told()] == ["ISSUERS", "SUBSCRIPTION_SECRET"]

    def test_nothing_is_said_to_be_lacking_that_an_unreadable_file_may_hold(
        self, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FHIR_MASSAGE_AUTH", "required")
        assert self.told() == [f"CONFIG: there is no file {file}"]

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ("SERVER", "SUBSCRIPTION_SERVER: it goes together with FHIR_MASSAGE_SUBSCRIPTION_SECRET;"),
            ("SECRET", "SUBSCRIPTION_SECRET: it goes together with FHIR_MASSAGE_SUBSCRIPTION_SERVER;"),
            (
                "TOKEN",
                "SUBSCRIPTION_TOKEN: it goes together with FHIR_MASSAGE_SUBSCRIPTION_SECRET and "
                "FHIR_MASSAGE_SUBSCRIPTION_SERVER;",
            ),
        ],
    )
    def test_half_a_subscription_names_each_setting_in_full(
        self, monkeypatch: pytest.MonkeyPatch, given: str, told: str
    ) -> None:
        value = "https://fhir.example.org" if given == "SERVER" else "sesame-open-yourself"
        monkeypatch.setenv(f"FHIR_MASSAGE_SUBSCRIPTION_{given}", value)
        (line,) = self.told()
        assert line.startswith(told)

    def test_another_command_does_without_what_only_a_service_needs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FHIR_MASSAGE_AUTH", "required")
        monkeypatch.setenv("FHIR_MASSAGE_CA_BUNDLE", "/nosuch")
        assert read_settings().auth == "required"

    def test_the_audience_is_by_default_what_is_listened_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert settings_to_serve("::1", 8000).audience == "http://[::1]:8000"
        monkeypatch.setenv("FHIR_MASSAGE_AUTH", "open")
        assert settings_to_serve("0.0.0.0", 8000).audience is None
        monkeypatch.setenv("FHIR_MASSAGE_AUDIENCE", "https://cds.example.org/")
        assert settings_to_serve("::1", 8000).audience == "https://cds.example.org/"


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


@pytest.mark.parametrize(("host", "auth"), [("127.0.0.1", None), ("::1", None), ("0.0.0.0", "open")])
def test_it_opens_on_loopback_and_where_it_was_told_to(
    monkeypatch: pytest.MonkeyPatch, host: str, auth: str | None
) -> None:
    if auth:
        monkeypatch.setenv("FHIR_MASSAGE_AUTH", auth)
    settings_to_serve(host, 8000)


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
    with pytest.raises(BadSetting, match=r"^FHIR_MASSAGE_AUTH: .*can be reached from other machines"):
        settings_to_serve(host, 8000)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "127.1", "::1", "localhost", "::ffff:127.0.0.1"])
def test_loopback_is_told_by_its_addresses(host: str) -> None:
    assert only_here(host)


def test_a_name_that_means_nothing_is_not_taken_for_loopback() -> None:
    assert not only_here("no such host")
