"""What a rule finds, and what would correct it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import msgspec

Severity = Literal["error", "warning", "information"]
Operation = Literal["add", "remove", "replace", "test"]


class Citation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a fact stands: the document with its section, its address, and the day it took effect.

    Where that day is not known, ``effective`` says when the fact was seen there: ``seen 2026-11-23``. ``custom`` marks what the payer itself does not say, but payers of its class commonly do; ``sure`` whether
    that would surely cost money if this payer does it too. Both are for the weight of a finding alone.
    """

    title: str
    url: str
    effective: str
    custom: bool = False
    sure: bool = True

    @property
    def in_force(self) -> str:
        """Since when it is in force, or when it was seen, in words."""
        return self.effective if self.effective.startswith("seen") else f"in force since {self.effective}"


class Denial(msgspec.Struct, frozen=True):
    """The denial to expect: claim adjustment group (CO, PR ...), reason code, remark codes."""

    group: str
    carc: str
    rarc: tuple[str, ...] = ()


class Edit(msgspec.Struct, frozen=True, omit_defaults=True):
    """One operation of RFC 6902 JSON Patch on the resource that the finding names."""

    op: Operation
    path: str
    value: Any = msgspec.UNSET


class Correction(msgspec.Struct, frozen=True):
    """A way to put a finding right.

    ``needs`` says what a person must confirm first; ``None`` where the claim's own data proves it.
    """

    label: str
    edits: tuple[Edit, ...]
    needs: str | None = None

    @property
    def certain(self) -> bool:
        """Whether the claim's own data proves it, so that it may be applied unasked."""
        return self.needs is None


class Found(msgspec.Struct, frozen=True):
    """What a rule yields: the element, the words, and what only this occurrence knows.

    ``at_risk`` is in dollars. ``severity`` and ``denial`` are set only where they differ from the
    rule's own. ``draft`` is a text in Markdown for a person to finish, such as a letter,
    and ``document`` the same as a FHIR resource that may be created.
    """

    element: str
    message: str
    corrections: tuple[Correction, ...] = ()
    citations: tuple[Citation, ...] = ()
    at_risk: Decimal | None = None
    severity: Severity | None = None
    denial: Denial | None = None
    draft: str | None = None
    document: dict[str, Any] | None = None


class Finding(msgspec.Struct, frozen=True):
    """A rule's finding on one resource, as every door shows it. ``at_risk`` is in dollars."""

    rule: str
    severity: Severity
    message: str
    expression: tuple[str, ...]
    resource: str
    denial: Denial | None
    at_risk: Decimal | None
    citations: tuple[Citation, ...]
    corrections: tuple[Correction, ...]
    draft: str | None = None
    document: dict[str, Any] | None = None

    @property
    def line(self) -> int | None:
        """The claim line that the finding is about, counted from zero; ``None`` where it is about none."""
        return line_of(self.expression[0])


def line_of(element: str) -> int | None:
    """The claim line, counted from zero, that a FHIRPath begins with; ``None`` for another element."""
    if not element.startswith("Claim.item["):
        return None
    return int(element[11 : element.index("]")])
