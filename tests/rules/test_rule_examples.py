"""Every rule has a bad example that it speaks of, and a good one that is met with silence."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

import fhir_massage.rules
from fhir_massage.rules import Rule, all_rules
from tests.claims import grave, reviewed

EXAMPLES = Path(fhir_massage.rules.__file__).parent / "examples"
EVERY_RULE = pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.id)


def _reviewed_on(content: bytes) -> date:
    """The day on which an example is reviewed: its own timestamp's."""
    return date.fromisoformat(json.loads(content)["timestamp"][:10])


@EVERY_RULE
def test_the_bad_example_is_found(rule: Rule) -> None:
    content = (EXAMPLES / rule.id / "bad.json").read_bytes()
    found = [finding for finding in reviewed(content, _reviewed_on(content)).findings if finding.rule == rule.id]
    assert found
    assert rule.severity in {finding.severity for finding in found}
    assert all(finding.citations for finding in found)


@EVERY_RULE
def test_the_good_example_is_silent(rule: Rule) -> None:
    content = (EXAMPLES / rule.id / "good.json").read_bytes()
    report = reviewed(content, _reviewed_on(content))
    assert grave(report) == []
    assert rule.id not in {finding.rule for finding in report.findings}


def test_no_example_is_left_of_a_rule_that_is_gone() -> None:
    assert {folder.name for folder in EXAMPLES.iterdir()} == {rule.id for rule in all_rules()}
