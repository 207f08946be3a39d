"""What keeps a service from starting though each setting is right by itself: what they lack together, and what they name."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from pathlib import Path

from fhir_massage.settings.address import address_of, only_here
from fhir_massage.settings.model import PREFIX, Settings
from fhir_massage.settings.read import BadSetting, Fault, read_settings, told, within


def settings_to_serve(host: str, port: int) -> Settings:
    """The settings of a service on that address, which is its audience where they name none.

    Raises ``BadSetting`` naming each wrong one, and where the service would stand open to others without having
    been told to.
    """
    read = read_settings(lambda given: _unfit_on(with_audience(given, host, port), host))
    return with_audience(read, host, port)


def refuse_unfit(settings: Settings) -> None:
    """Raise ``BadSetting`` where no service can do with these settings."""
    lines = [told(fault, {}) for fault in unfit(settings)]
    if lines:
        raise BadSetting("\n".join(lines))


def unfit(settings: Settings) -> Iterator[Fault]:
    """Each reason why no service can do with these settings."""
    yield from _trust_in_nobody(settings)
    yield from _half_a_subscription(settings)
    yield from _not_there(settings)


def _unfit_on(settings: Settings, host: str) -> Iterator[Fault]:
    if settings.auth is None and not only_here(host):
        yield Fault(
            "auth",
            f"{host or 'the empty host'} can be reached from other machines; set {PREFIX}AUTH=required, with "
            f"{PREFIX}ISSUERS and {PREFIX}AUDIENCE, or {PREFIX}AUTH=open to serve them without authentication",
        )
    yield from unfit(settings)


def _trust_in_nobody(settings: Settings) -> Iterator[Fault]:
    """Clients must prove themselves, and none could."""
    if settings.auth != "required":
        return
    if not settings.issuers:
        yield Fault("issuers", f"it is needed with {PREFIX}AUTH=required: each issuer with its JWK Set", ("auth",))
    if not settings.audience:
        yield Fault("audience", f"it is needed with {PREFIX}AUTH=required: the address that clients call", ("auth",))


def _half_a_subscription(settings: Settings) -> Iterator[Fault]:
    """A server may tell of claims, and something that is needed for that is not set."""
    together = {"subscription_server", "subscription_secret"}
    given = {name for name in (*together, "subscription_token") if getattr(settings, name) is not None}
    lacking = sorted(f"{PREFIX}{name.upper()}" for name in together - given)
    if given and lacking:
        for name in sorted(given):
            yield Fault(name, f"it goes together with {' and '.join(lacking)}; set them all, or none", (*together,))


def _not_there(settings: Settings) -> Iterator[Fault]:
    """Files, folders and drivers that the settings name and that are not there, or are something else."""
    if settings.ca_bundle is not None and (why := _no_certificates(settings.ca_bundle)):
        yield Fault("ca_bundle", why)
    for issuer, source in settings.issuers.items():
        if "://" not in source and (why := _no_keys(source)):
            yield Fault("issuers", f"{within((issuer,))}{why}")
    if settings.policies is not None and not os.path.isdir(settings.policies):
        yield Fault("policies", "there is no such folder")
    if os.path.exists(settings.data) and not os.path.isdir(settings.data):
        yield Fault("data", "it is no folder")
    if settings.database is not None and (why := _no_driver(settings.database)):
        yield Fault("database", why)


def _no_certificates(file: Path) -> str | None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
    except ssl.SSLError:
        return "the file that it names holds no certificates (PEM)"
    except OSError as error:
        return f"the file that it names cannot be read: {error.strerror}"
    return None


def _no_keys(source: str) -> str | None:
    from fhir_massage.hooks.keys import NoKeys, fetch_keys, usable

    try:
        found = usable(fetch_keys(source))
    except NoKeys as error:
        return str(error)
    return None if found else "the file holds no key that can be used (public, RSA or EC, with its kid)"


def _no_driver(address: str) -> str | None:
    from fhir_massage.store.address import BadStore
    from fhir_massage.store.log import engine_of

    try:
        engine_of(address).dispose()
    except BadStore as error:
        return str(error)
    return None


def with_audience(settings: Settings, host: str, port: int) -> Settings:
    """The settings with the address that is listened on as audience, where they name none and there is one."""
    if settings.audience or host in ("0.0.0.0", "::"):
        return settings
    return settings.model_copy(update={"audience": address_of(host, port)})
