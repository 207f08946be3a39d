"""Cases of a policy: a claim, and the findings that it has to be met with when the policy is in use."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import msgspec

from fhir_massage.engine.run import review
from fhir_massage.errors import FhirMassageError
from fhir_massage.facts.book import Facts

#: The folder of the cases, beside the policies.
CASES = "cases"


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is expected of a case: the day of the review, and the rules that find something.

    ``notes`` says that what is only information is listed too.
    """

    on: date
    findings: tuple[str, ...]
    notes: bool = False


class Outcome(msgspec.Struct, frozen=True):
    """How a case ended: the rules that it lacks, and those that nobody expected."""

    name: str
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether exactly what was expected was found."""
        return not self.missing and not self.unexpected


class BadCase(FhirMassageError):
    """A case cannot be run: names its file and the reason."""


def case_files(folder: Path) -> list[Path]:
    """The claims of the cases beside the policies in the folder, in the order of their names."""
    return sorted((folder / CASES).glob("*.json"))


def run_case(claim: Path, facts: Facts) -> Outcome:
    """Review the claim with these facts, and compare. Raises ``BadCase`` or ``Unreadable``."""
    expected = _expected(claim.with_suffix(".toml"))
    try:
        content = claim.read_bytes()
    except OSError as error:
        raise BadCase(f"{claim.name}: {error.strerror or 'cannot be read'}") from None
    try:
        report = review(content, on=expected.on, facts=facts)
    except FhirMassageError as error:
        raise BadCase(f"{claim.name}: {error}") from None
    if report.broken or report.unread or not (report.claims or report.orders):
        raise BadCase(f"{claim.name}: it was not reviewed as a whole; `fhir-massage check` says why")
    found = {each.rule for each in report.findings if expected.notes or each.severity != "information"}
    wanted = set(expected.findings)
    return Outcome(claim.stem, tuple(sorted(wanted - found)), tuple(sorted(found - wanted)))


def _expected(file: Path) -> Expected:
    shape = 'it says `on = 2026-01-31`, `findings = ["rule-id"]`, and `notes = true` where notes count'
    try:
        return msgspec.convert(tomllib.loads(file.read_bytes().decode("utf-8")), Expected)
    except FileNotFoundError:
        raise BadCase(f"{file.name}: there is no such file beside the claim; {shape}") from None
    except OSError as error:
        raise BadCase(f"{file.name}: {error.strerror or 'cannot be read'}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError):
        raise BadCase(f"{file.name}: it cannot be read; {shape}") from None
