"""What the product says of each claim in ``examples/`` is what ``examples/said.json`` records."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.claims import reviewed, with_claim

EXAMPLES = Path(__file__).parents[1] / "examples"
SAID: dict[str, list[dict[str, Any]]] = json.loads((EXAMPLES / "said.json").read_text())
ON = date(2026, 11, 10)


def test_every_example_is_recorded() -> None:
    assert sorted(SAID) == sorted(file.stem for file in (EXAMPLES / "claims").glob("*.json"))
    assert len(SAID) >= 12


@pytest.mark.parametrize("name", sorted(SAID))
def test_an_example_is_met_with_what_is_recorded(name: str) -> None:
    report = reviewed((EXAMPLES / "claims" / f"{name}.json").read_bytes(), ON)
    said = [
        {
            "rule": finding.rule,
            "severity": finding.severity,
            "expression": finding.expression[0],
            "message": finding.message,
            "corrections": [("certain: " if c.certain else "if confirmed: ") + c.label for c in finding.corrections],
        }
        for finding in report.findings
    ]
    assert said == SAID[name]


@pytest.mark.parametrize("name", sorted(SAID))
def test_a_corrected_example_needs_no_certain_correction_again(name: str) -> None:
    content = json.loads((EXAMPLES / "claims" / f"{name}.json").read_text())
    report = reviewed(content, ON)
    if report.corrected:
        again = reviewed(with_claim(content, report.corrected["Claim/c1"]), ON)
        assert not any(correction.certain for finding in again.findings for correction in finding.corrections)
        assert len(again.findings) < len(report.findings)
