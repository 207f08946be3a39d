"""The one family of errors: each says what was wrong, where, and what to do.

The web layer turns them into an ``OperationOutcome`` and the command line into one
line and exit status 2. Their texts never repeat a value that arrived, only its place.
"""

from __future__ import annotations

from collections.abc import Iterable


class FhirMassageError(Exception):
    """Base of every error that the product raises on purpose."""


class Unreadable(FhirMassageError):
    """What arrived is not JSON, or not the FHIR that is read here.

    ``place`` is the FHIRPath of the element at fault (``Claim.item[0].sequence``), ``line`` and
    ``column`` count from one and are known for JSON that does not parse.
    """

    def __init__(
        self,
        reason: str,
        *,
        place: str | None = None,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        self.reason = reason
        self.place = place
        self.line = line
        self.column = column
        super().__init__(reason)

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        position = "" if self.line is None else f" (line {self.line}, column {self.column})"
        return f"{where}{self.reason}{position}"


class TooLarge(Unreadable):
    """What arrived is larger, longer or deeper than is read here."""


class Unprocessable(Unreadable):
    """What arrived can be read, and breaks a rule of the guide that it follows."""


class NotFetched(Unreadable):
    """What was asked of the EHR could not be had for a technical reason."""


class NotAtHand(Unreadable):
    """What the answer rests on was neither sent along nor can be fetched."""


class BadFact(FhirMassageError):
    """A table or policy cannot be loaded: names the file, the row or key, and the reason."""

    def __init__(self, file: str, key: str, reason: str) -> None:
        self.file = file
        self.key = key
        self.reason = reason
        super().__init__(f"{file}: {key}: {reason}")


class UnknownRule(FhirMassageError):
    """A rule was asked for by an id that no rule has."""


class UnknownQuestion(FhirMassageError, ValueError):
    """An answer was asked for about a code, payer or profession that is not known: lists those that are."""

    def __init__(self, what: str, value: str, known: Iterable[str]) -> None:
        self.what = what
        self.value = value
        self.known = tuple(known)
        super().__init__(f"there is no {what} '{value}'; known are {', '.join(self.known)}")


class PatchFailed(FhirMassageError):
    """A JSON Patch does not fit the document: names the operation and its path."""
