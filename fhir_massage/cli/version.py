"""The text of ``fhir-massage --version``."""

from __future__ import annotations

import fhir_massage
from fhir_massage.cli.common import facts_in_use
from fhir_massage.facts.book import TABLES


def version_text() -> str:
    """The product's version, how new its facts are, and the standards it speaks."""
    facts = facts_in_use()
    rows = [row for table in TABLES for row in facts.rows_of(table)]
    newest = max(row.effective for row in rows)
    checked = max(row.checked for row in rows)
    return "\n".join(
        (
            f"fhir-massage {fhir_massage.__version__}",
            f"facts in force up to {newest}, last checked {checked}",
            "FHIR R4 4.0.1, CDS Hooks 2.0 and 3.0",
        )
    )
