"""The settings: from the environment (``FHIR_MASSAGE_*``), else from the TOML file that ``FHIR_MASSAGE_CONFIG`` names."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from fhir_massage.errors import FhirMassageError

PREFIX = "FHIR_MASSAGE_"
SHORTEST_SECRET = 16
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class BadSetting(FhirMassageError):
    """A setting is wrong: names it and says why."""


class Settings(BaseSettings):
    """Every setting, read once at start."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    auth: Literal["open", "required"] | None = Field(
        default=None, description="Who may call the hooks; open by default on loopback only."
    )
    issuers: dict[str, str] = Field(default={}, description="Issuer to the address or file of its JWK Set.")
    audience: str | None = Field(default=None, description="Base address that clients know the service by.")
    fhir_servers: list[str] = Field(default=[], description="Base addresses that may be fetched from though private.")
    ca_bundle: Path | None = Field(
        default=None, description="File of certificate authorities to trust when fetching, instead of the public ones."
    )
    cors_origins: list[str] = Field(default=[], description="Origins that browsers may call from.")
    database: str | None = Field(default=None, description="SQLAlchemy address; SQLite in the data folder by default.")
    data: Path = Field(default=Path("var"), description="Folder for the store and imported facts.")
    policies: Path | None = Field(default=None, description="Folder of your own payer policies.")
    hook_seconds: float = Field(default=4.0, gt=0, le=60, description="Seconds allowed for one hook call.")
    log_patients: Literal["nothing", "hashed", "everything"] = Field(
        default="hashed",
        description="What the store keeps of whom a call was about: nothing, ids hashed with the installation's key, "
        "or everything with whole messages.",
    )
    log_days: int = Field(default=90, gt=0, description="Days after which `fhir-massage store prune` drops records.")
    log_comments: bool = Field(default=False, description="Whether what clinicians write in feedback is kept.")
    max_body: int = Field(default=5_242_880, gt=0, description="Largest request body, in bytes.")
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
        """What is passed in, then the environment, then the file."""
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


def refuse_open_outside(settings: Settings, host: str) -> None:
    """Raise ``BadSetting`` where the service would stand open to others without having been told to."""
    if host not in LOOPBACK and settings.auth is None:
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
