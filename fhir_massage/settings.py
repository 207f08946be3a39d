"""The settings: from the environment (``FHIR_MASSAGE_*``), else from the TOML file that ``FHIR_MASSAGE_CONFIG`` names.

A value may also lie in a file of its own, which ``FHIR_MASSAGE_DATABASE_FILE`` (or any other setting's name with
``_FILE``) names: so a secret stands in no environment and no command line.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import socket
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from fhir_massage.errors import FhirMassageError

PREFIX = "FHIR_MASSAGE_"
IN_FILE = "_FILE"
SHORTEST_SECRET = 16
#: Names in the environment that are no settings: the settings' file, a token for commands, the tests' own.
_BESIDES = frozenset({f"{PREFIX}CONFIG", f"{PREFIX}FHIR_TOKEN", f"{PREFIX}DEEP"})
_PASSWORD = re.compile(r"(://[^:@/]*)(:.*)?@")
_SECRET_PART = re.compile(r"(?i)([?&][^=&#]*(?:password|token|secret|key|sig|credential)[^=&#]*=)[^&#]*")


class BadSetting(FhirMassageError):
    """A setting is wrong: names it and says why."""


class Settings(BaseSettings):
    """Every setting, read once at start."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    auth: Literal["open", "required"] | None = Field(
        default=None,
        description="Who may call the hooks: `open` is everybody, `required` only clients that prove themselves by a "
        "JWT. Where it is not set, the service is open on loopback and does not start elsewhere.",
    )
    issuers: dict[str, str] = Field(
        default={},
        description="Whose JWTs are believed: each issuer (`iss`) with the address or file of its JWK Set.",
    )
    audience: str | None = Field(
        default=None,
        description="Base address that clients know the service by, which their JWTs are made for (`aud` is it with "
        "`/cds-services/{id}`); by default the address that is listened on.",
    )
    fhir_servers: list[str] = Field(
        default=[],
        description="Base addresses of FHIR servers that may be fetched from though private or plain http; any other "
        "has to be public https.",
    )
    ca_bundle: Path | None = Field(
        default=None, description="File of certificate authorities to trust when fetching, instead of the public ones."
    )
    cors_origins: list[str] = Field(
        default=[], description="Origins (`https://ehr.example.org`) whose web pages may call from a browser."
    )
    database: str | None = Field(
        default=None,
        description="SQLAlchemy address of the store; SQLite in the data folder by default. An address with a password "
        "is best kept in a file, named by `FHIR_MASSAGE_DATABASE_FILE`.",
    )
    data: Path = Field(
        default=Path("var"), description="Folder for the store, the installation's key and imported facts."
    )
    policies: Path | None = Field(
        default=None, description="Folder of your own payer policies (TOML), which go ahead of the shipped ones."
    )
    hook_seconds: float = Field(
        default=4.0,
        gt=0,
        le=60,
        description="Seconds allowed for one hook call, fetching included. What is known by then is answered.",
    )
    log_patients: Literal["nothing", "hashed", "everything"] = Field(
        default="hashed",
        description="What the store keeps of whom a call was about: nothing, ids hashed with the installation's key, "
        "or everything with whole messages.",
    )
    log_days: int = Field(default=90, gt=0, description="Days after which `fhir-massage store prune` drops records.")
    log_comments: bool = Field(default=False, description="Whether what clinicians write in feedback is kept.")
    max_body: int = Field(
        default=5_242_880, gt=0, description="Largest request body, in bytes; a larger one is answered with 413."
    )
    rate_limit: int = Field(
        default=0,
        ge=0,
        description="Requests a minute that one client's address may make, all workers together; more are answered "
        "with 429. 0 sets no limit. `/healthz`, `/readyz` and `/metrics` are not counted.",
    )
    proxies: int = Field(
        default=0,
        ge=0,
        le=10,
        description="How many proxies of your own stand before the service: so many entries of `X-Forwarded-For` are "
        "believed when telling clients apart. 0 believes none.",
    )
    workers: int = Field(
        default=2, ge=1, le=64, description="Processes that answer; about one for each core that is free for it."
    )
    subscription_server: str | None = Field(
        default=None, description="Base address of the FHIR server that tells of claims and that is written back to."
    )
    subscription_secret: SecretStr | None = Field(
        default=None, description="What that server sends as `Authorization: Bearer`; without it nothing is taken in."
    )
    subscription_token: SecretStr | None = Field(
        default=None, description="Bearer token for reading from that server and writing Tasks to it."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is passed in, then the environment and the files it names, then the settings' file."""
        assert isinstance(env_settings, EnvSettingsSource)
        env_settings.env_vars = {**env_settings.env_vars, **_from_files(env_settings.env_vars)}
        file = os.environ.get(f"{PREFIX}CONFIG")
        sources: tuple[PydanticBaseSettingsSource, ...] = (init_settings, env_settings)
        return (*sources, TomlConfigSettingsSource(settings_cls, Path(file))) if file else sources

    @property
    def database_url(self) -> str:
        """The SQLAlchemy address in force."""
        return self.database or f"sqlite:///{self.data.absolute() / 'fhir_massage.sqlite'}"


def read_settings() -> Settings:
    """The settings in force. Raises ``BadSetting`` naming each wrong one."""
    file = os.environ.get(f"{PREFIX}CONFIG")
    if file and not Path(file).is_file():
        raise BadSetting(f"{PREFIX}CONFIG: there is no file {file}")
    _refuse_unknown(os.environ)
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(
            f"{PREFIX}{'.'.join(str(step) for step in each['loc']).upper()}: {each['msg']}" for each in error.errors()
        )
        raise BadSetting(wrong) from None
    except SettingsError as error:  # a value in the environment that is not the JSON it has to be
        name = str(error).partition('field "')[2].partition('"')[0]
        raise BadSetting(f"{PREFIX}{name.upper()}: expected JSON") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(f"{PREFIX}CONFIG: {file} is no TOML: {error}") from None


def _from_files(environment: Mapping[str, str | None]) -> dict[str, str]:
    """Each setting whose value lies in a file that the environment names. Raises ``BadSetting``."""
    found = {}
    for name in Settings.model_fields:
        key = f"{PREFIX}{name}".lower()
        file = environment.get(f"{key}{IN_FILE.lower()}")
        if not file:
            continue
        if environment.get(key):
            raise BadSetting(f"{key.upper()}: set it, or {key.upper()}{IN_FILE}, not both")
        try:
            found[key] = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise BadSetting(f"{key.upper()}{IN_FILE}: the file {file} cannot be read") from None
    return found


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    """Raise ``BadSetting`` for each name in the environment that begins as settings do and is none."""
    settings = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
    known = _BESIDES.union(settings, (f"{name}{IN_FILE}" for name in settings))
    wrong = []
    for name in sorted(name.upper() for name in environment if name.upper().startswith(PREFIX)):
        if name not in known:
            near = difflib.get_close_matches(name, settings, n=1)
            wrong.append(f"{name}: there is no such setting" + (f"; did you mean {near[0]}?" if near else ""))
    if wrong:
        raise BadSetting("\n".join(wrong))


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


def _is_loopback(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def refuse_open_outside(settings: Settings, host: str) -> None:
    """Raise ``BadSetting`` where the service would stand open to others without having been told to."""
    if settings.auth is None and not only_here(host):
        raise BadSetting(
            f"{host} can be reached from other machines; set {PREFIX}AUTH=required, with {PREFIX}ISSUERS and "
            f"{PREFIX}AUDIENCE, or {PREFIX}AUTH=open to serve them without authentication"
        )


def refuse_trust_in_nobody(settings: Settings) -> None:
    """Raise ``BadSetting`` where clients must prove themselves and none could."""
    if settings.auth != "required":
        return
    if not settings.issuers:
        raise BadSetting(f"{PREFIX}ISSUERS: with {PREFIX}AUTH=required it names each issuer's JWK Set")
    if not settings.audience:
        raise BadSetting(f"{PREFIX}AUDIENCE: with {PREFIX}AUTH=required it is the address that clients call")
    for source in settings.issuers.values():
        if "://" not in source and not Path(source).is_file():
            raise BadSetting(f"{PREFIX}ISSUERS: there is no file {source}")


def refuse_half_a_subscription(settings: Settings) -> None:
    """Raise ``BadSetting`` where a server may tell of claims and something needed for that is not set."""
    secret, server = settings.subscription_secret, settings.subscription_server
    if (secret is None) != (server is None):
        raise BadSetting(f"{PREFIX}SUBSCRIPTION_SECRET: it goes together with {PREFIX}SUBSCRIPTION_SERVER")
    if secret is not None and (len(secret.get_secret_value()) < SHORTEST_SECRET or not _is_token(secret)):
        raise BadSetting(
            f"{PREFIX}SUBSCRIPTION_SECRET: at least {SHORTEST_SECRET} characters of ASCII without blanks are needed"
        )
    if settings.subscription_token is not None and not _is_token(settings.subscription_token):
        raise BadSetting(f"{PREFIX}SUBSCRIPTION_TOKEN: it holds what cannot stand in a header")
    if server is not None and not server.startswith(("https://", "http://")):
        raise BadSetting(f"{PREFIX}SUBSCRIPTION_SERVER: it is no address of a web server")


def _is_token(secret: SecretStr) -> bool:
    text = secret.get_secret_value()
    return text.isascii() and text.isprintable() and " " not in text


def with_audience(settings: Settings, host: str, port: int) -> Settings:
    """The settings with the address that is listened on as audience, where they name none and there is one."""
    if settings.audience or host in ("0.0.0.0", "::"):
        return settings
    return settings.model_copy(update={"audience": address_of(host, port)})


def address_of(host: str, port: int) -> str:
    """The web address of a host, which may be one of IPv6, and a port."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
