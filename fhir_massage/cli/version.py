"""The text of ``fhir-massage --version``."""

from __future__ import annotations

import fhir_massage
from fhir_massage.cli.common import facts_in_use
from fhir_massage.facts.book import TABLES
from fhir_massage.rules import rule_plugins


def version_text() -> str:
    """The product's version, how new its facts are, the standards it speaks, and the plugins in use."""
    facts = facts_in_use()
    rows = [row for table in TABLES for row in facts.rows_of(table)]
    newest = max(row.effective for row in rows)
    checked = max(row.checked for row in rows)
    plugins = sorted({plugin.title for plugin in (*facts.plugins, *rule_plugins()) if plugin.problem is None})
    return "\n".join(
        (
            f"fhir-massage {fhir_massage.__version__}",
            f"facts in force up to {newest}, last checked {checked}",
            "FHIR R4 4.0.1, CDS Hooks 2.0 and 3.0",
            *(f"plugin {title}" for title in plugins),
        )
    )
