"""Every setting: its type, its default, and what it is for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator

from fhir_massage.settings import values

PREFIX = "FHIR_MASSAGE_"
IN_FILE = "_FILE"

Server = Annotated[str, AfterValidator(values.server)]


class Settings(BaseModel):
    """Every setting, read once at start."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    auth: Literal["open", "required"] | None = Field(
        default=None,
        description="Who may call the hooks: `open` is everybody, `required` only clients that prove themselves by a "
        "JWT. Where it is not set, the service is open on loopback and does not start elsewhere.",
    )
    issuers: dict[str, Annotated[str, AfterValidator(values.keys)]] = Field(
        default={},
        description="Whose JWTs are believed: each issuer (`iss`) with the https address or the file of its JWK Set.",
    )
    audience: Annotated[str, AfterValidator(values.audience)] | None = Field(
        default=None,
        description="Base address that clients know the service by, which their JWTs are made for (`aud` is it with "
        "`/cds-services/{id}`); by default the address that is listened on.",
    )
    fhir_servers: list[Server] = Field(
        default=[],
        description="Base addresses of FHIR servers that may be fetched from though private or plain http; any other "
        "has to be public https.",
    )
    ca_bundle: Path | None = Field(
        default=None, description="File of certificate authorities to trust when fetching, instead of the public ones."
    )
    cors_origins: list[Annotated[str, AfterValidator(values.origin)]] = Field(
        default=[], description="Origins (`https://ehr.example.org`) whose web pages may call from a browser."
    )
    database: Annotated[str, AfterValidator(values.database)] | None = Field(
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
    review_seconds: float = Field(
        10, gt=0, le=600,
        description="Processor time that one request's review may take before it answers with what it has, saying what was not reviewed.",
    )  # fmt: skip
    hook_seconds: float = Field(
        default=4.0,
        gt=0,
        le=60,
        description="Seconds allowed for one hook call from when its request has arrived, fetching included. "
        "What is known by then is answered.",
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
    subscription_server: Server | None = Field(
        default=None, description="Base address of the FHIR server that tells of claims and that is written back to."
    )
    subscription_secret: Annotated[SecretStr, AfterValidator(values.expected_bearer)] | None = Field(
        default=None, description="What that server sends as `Authorization: Bearer`; without it nothing is taken in."
    )
    subscription_token: Annotated[SecretStr, AfterValidator(values.bearer)] | None = Field(
        default=None, description="Bearer token for reading from that server and writing Tasks to it."
    )

    @field_validator("*")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return values.plain(value)

    @property
    def database_url(self) -> str:
        """The SQLAlchemy address in force."""
        return self.database or f"sqlite:///{self.data.absolute() / 'fhir_massage.sqlite'}"
