"""What was found, a row a finding: which rule, how grave, for which payer, how much money. Nothing of a patient."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from fhir_massage.edit.finding import Finding
from fhir_massage.engine.report import Report
from fhir_massage.store.log import Store
from fhir_massage.store.schema import Feedback, FindingRecord

Json = dict[str, Any]
WORKBENCH = "workbench"


def findings_on(cards: Iterable[Mapping[str, Any]], report: Report, source: str, at: datetime) -> list[Json]:
    """The rows of ``findings`` for what cards carry."""
    payers = payer_classes(report)
    return [
        {
            "at": at,
            "source": source,
            "card": card["uuid"],
            "rule": finding["rule"],
            "severity": finding["severity"],
            "payer": payers.get(finding["resource"], ""),
            "at_risk": float(risk["value"]) if (risk := finding.get("at_risk")) else None,
        }
        for card in cards
        for finding in card.get("extension", {}).get("fhir-massage.findings", ())
    ]


def record_review(store: Store, session: uuid.UUID, report: Report, at: datetime) -> None:
    """Keep the findings of a claim that somebody works on and wants counted."""
    _keep(store, _by_card(session, report), report, at)


def record_step(store: Store, session: uuid.UUID, before: Report, after: Report, at: datetime, *, back: bool) -> None:
    """Keep what a step on such a claim did: findings that are gone count as accepted, new ones are found.

    ``back`` says that a step was taken back: what it had corrected stands again.
    """
    old, new = _by_card(session, before), _by_card(session, after)
    came = {card: finding for card, finding in new.items() if card not in old}
    if back:
        for card in came:
            store.add(Feedback, at=at, service=WORKBENCH, card=card, outcome="reopened", reason=None)
        return
    _keep(store, came, after, at)
    for card in old.keys() - new.keys():
        store.add(Feedback, at=at, service=WORKBENCH, card=card, outcome="accepted", reason=None)


def payer_classes(report: Report) -> dict[str, str]:
    """The payer class of each reviewed resource, empty where it is not known."""
    return {name: case.payer_class or "" for name, case in report.cases.items()}


def _keep(store: Store, findings: Mapping[str, Finding], report: Report, at: datetime) -> None:
    payers = payer_classes(report)
    for card, finding in findings.items():
        store.add(
            FindingRecord,
            at=at,
            source=WORKBENCH,
            card=card,
            rule=finding.rule,
            severity=finding.severity,
            payer=payers.get(finding.resource, ""),
            at_risk=None if finding.at_risk is None else float(finding.at_risk),
        )


def _by_card(session: uuid.UUID, report: Report) -> dict[str, Finding]:
    """The findings, each under an id that stays its own from step to step."""
    return {
        str(uuid.uuid5(session, f"{finding.resource} {finding.expression[0]} {finding.rule}")): finding
        for finding in report.findings
    }
