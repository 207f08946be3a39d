"""The address of the store's database: read, and refused in words that repeat nothing of it."""

from __future__ import annotations

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from fhir_massage.errors import FhirMassageError

EXPECTED = (
    "expected the address of a database, such as sqlite:////var/lib/fhir-massage/store.sqlite or "
    "postgresql+psycopg://user:password@host:5432/database"
)
HIGHEST_PORT = 65_535


class BadStore(FhirMassageError):
    """The address of the database is none that can be used."""


def parsed(address: str) -> URL:
    """The address, taken apart. Raises ``BadStore``, without a word of the address: a password may stand anywhere in it."""
    try:
        url = make_url(address)
        dialect = url.get_dialect()
        if url.get_backend_name() == "sqlite":
            dialect().create_connect_args(url)  # looks at what stands behind the question mark
    except NoSuchModuleError:
        raise BadStore(f"there is no such kind of database or driver; {EXPECTED}") from None
    except ArgumentError:
        raise BadStore(EXPECTED) from None
    except ValueError:
        raise BadStore(
            f"its port or an option is no number; {EXPECTED} (in a password, @ is written %40, / %2F, and : %3A)"
        ) from None
    if dialect.is_async:
        raise BadStore(f"its driver is an asynchronous one, which is not used here; {EXPECTED}")
    if url.port is not None and not 0 < url.port <= HIGHEST_PORT:
        raise BadStore(f"its port is none that there is; {EXPECTED}")
    return url
