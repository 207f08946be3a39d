"""What was found, a row a finding: which rule, how grave, for which payer, how much money. Nothing of a patient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Float, String
from sqlalchemy.orm import Mapped, mapped_column

from fhir_massage.store.log import Base, Store


class FindingRecord(Base):
    """One finding. ``card`` is the id that feedback to it names; ``at_risk`` is in dollars.

    ``source`` is the hook's service, or ``workbench``.
    """

    __tablename__ = "findings"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    source: Mapped[str] = mapped_column(String(100))
    card: Mapped[str] = mapped_column(String(100), index=True)
    rule: Mapped[str] = mapped_column(String(100), index=True)
    severity: Mapped[str] = mapped_column(String(20))
    payer: Mapped[str] = mapped_column(String(100))
    at_risk: Mapped[float | None] = mapped_column(Float)


def record_cards(
    store: Store, cards: Iterable[Mapping[str, Any]], payers: Mapping[str, str], source: str, at: datetime
) -> None:
    """Keep the findings that cards carry. ``payers`` names the payer class of each reviewed resource."""
    for card in cards:
        for finding in card.get("extension", {}).get("fhir-massage.findings", ()):
            at_risk = finding["at_risk"]
            store.add(
                FindingRecord,
                at=at,
                source=source,
                card=card["uuid"],
                rule=finding["rule"],
                severity=finding["severity"],
                payer=payers.get(finding["resource"], ""),
                at_risk=None if at_risk is None else float(at_risk["value"]),
            )
