"""Why something could not be fetched. No text repeats a token, an address's query or a patient's data."""

from __future__ import annotations

from fhir_massage.errors import NotFetched


class NotThere(NotFetched):
    """The server says that it has no such resource (404), or has it no more (410)."""


class NotReachable(NotFetched):
    """The server cannot be asked: it is not there, or it does not let us in."""


class AddressRefused(NotReachable):
    """The address is one that is not fetched from: not public https, and not listed in the settings."""


class OutOfTime(NotFetched):
    """The time allowed for the whole call ran out first."""
