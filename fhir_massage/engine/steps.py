"""Changing a document step by step: a correction chosen, all certain ones, or a field as typed; each can be taken back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from fhir_massage.edit import fields, patch
from fhir_massage.edit.finding import Correction, Edit, Finding
from fhir_massage.engine.document import replaced_at
from fhir_massage.engine.report import Report
from fhir_massage.errors import FhirMassageError, PatchFailed
from fhir_massage.read.read import Arrival, Entry, encode

#: How many steps can be taken back.
MOST_STEPS = 25


class Step(msgspec.Struct, frozen=True):
    """A step that was taken: what it did, and the edits of the document that take it back."""

    label: str
    back: tuple[Edit, ...]


class Change(msgspec.Struct, frozen=True):
    """One resource of a document changed: the document after, the resource before, and the edits made on it."""

    document: Any
    step: Step
    before: Any
    edits: tuple[Edit, ...]


class Outdated(FhirMassageError):
    """What was asked for no longer fits the document."""


def choice(finding: Finding, correction: Correction) -> str:
    """What names a correction, also after the document was changed elsewhere."""
    return f"{finding.resource} {finding.expression[0]} {finding.rule}: {correction.label}"


def chosen(report: Report, key: str) -> tuple[Finding, Correction]:
    """The correction of that name. Raises ``Outdated``."""
    for finding in report.findings:
        for correction in finding.corrections:
            if choice(finding, correction) == key:
                return finding, correction
    raise Outdated("that correction no longer fits the claim; it was reviewed again")


def correct(arrival: Arrival, document: Any, finding: Finding, correction: Correction) -> Change:
    """The document with a correction made."""
    entry = _entry(arrival, finding.resource)
    return _changed(document, entry, correction.edits, correction.label)


def correct_certain(arrival: Arrival, report: Report, document: Any) -> list[Change]:
    """The document with every certain correction made, a change for each resource."""
    changes: list[Change] = []
    for name, resource in report.corrected.items():
        entry = _entry(arrival, name)
        edits = tuple(patch.difference(entry.json(), resource))
        changes.append(
            _changed(changes[-1].document if changes else document, entry, edits, "Every certain correction")
        )
    return changes


def retype(arrival: Arrival, document: Any, name: str, line: int | None, typed: Mapping[str, str]) -> Change | None:
    """The document with fields of a line (or of the head) as typed; ``None`` where that changes nothing.

    Raises ``BadField`` for what cannot stand there, ``Outdated`` for a claim or line that is not there.
    """
    entry = _entry(arrival, name)
    before = claim = entry.json()
    try:
        for field, words in typed.items():
            if line is None:
                claim = fields.change_head(claim, field, words)
            else:
                claim = fields.change_line(claim, line, field, words)
    except IndexError:
        raise Outdated("that line is no longer on the claim") from None
    edits = tuple(patch.difference(before, claim))
    where = "" if line is None else f" of line {line + 1}"
    return _changed(document, entry, edits, f"Changed {', '.join(typed)}{where}") if edits else None


def undo(document: Any, step: Step) -> Any:
    """The document before the step. Raises ``Outdated``."""
    try:
        return patch.apply(document, step.back)
    except PatchFailed:
        raise Outdated("that step can no longer be taken back: the claim was changed since") from None


def digest(document: Any) -> str:
    """What tells a document from one that differs, however it is laid out."""
    return hashlib.sha256(encode(document)).hexdigest()[:24]


def write_steps(steps: Sequence[Step]) -> str:
    """The steps as text, for a page to carry."""
    return encode(steps[-MOST_STEPS:]).decode()


def read_steps(text: str) -> list[Step]:
    """The steps that a page carried; none where it carries nothing that can be read."""
    try:
        return msgspec.json.decode(text, type=list[Step])
    except (msgspec.MsgspecError, UnicodeError):
        return []


def _changed(document: Any, entry: Entry, edits: tuple[Edit, ...], label: str) -> Change:
    before = entry.json()
    pointer = "".join(f"/{patch.escape(str(step))}" for step in entry.path)
    after = replaced_at(document, entry.path, patch.apply(before, edits))
    return Change(after, Step(label, tuple(patch.undoing(before, edits, pointer))), before, edits)


def _entry(arrival: Arrival, name: str) -> Entry:
    for entry in arrival.entries:
        if entry.container is None and entry.name == name and entry.kind in ("Claim", "ServiceRequest"):
            return entry
    raise Outdated("that claim is no longer in the document")
