"""How much a finding weighs: as much as what it rests on (the rule book's "Severity follows the source")."""

from __future__ import annotations

import msgspec

from fhir_massage.edit.finding import Citation, Correction, Found, Severity
from fhir_massage.rules import Rule

MANY_PLANS = "So it is at many plans; this plan's own text is not known here."
ASK = "that this plan asks for it"


def severity_of(rule: Rule, found: Found) -> Severity:
    """How grave it is. What rests on custom is no error: a warning, or a note where it might cost nothing."""
    severity = found.severity or rule.severity
    if not rests_on_custom(found):
        return severity
    if not all(citation.sure for citation in found.citations):
        return "information"
    return "warning" if severity == "error" else severity


def rests_on_custom(found: Found) -> bool:
    """Whether it rests on what payers of a class commonly do, and not on this payer's own text or a law."""
    return any(citation.custom for citation in found.citations)


def words_of(rule: Rule, found: Found) -> str:
    """Its message; one that weighs less because it rests on custom says so."""
    lighter = severity_of(rule, found) != (found.severity or rule.severity)
    return f"{found.message} {MANY_PLANS}" if lighter else found.message


def weighed(correction: Correction, found: Found) -> Correction:
    """The correction as one to be confirmed where its finding rests on custom."""
    if not correction.certain or not rests_on_custom(found):
        return correction
    return msgspec.structs.replace(correction, needs=ASK)


def shown(citations: tuple[Citation, ...]) -> tuple[Citation, ...]:
    """The citations without what was for weighing alone."""
    return tuple(dict.fromkeys([Citation(each.title, each.url, each.effective) for each in citations]))
