"""The rules: one module a family. Importing this package registers them all."""

from fhir_massage.rules import units as units
from fhir_massage.rules.registry import Rule, all_rules, rule_by_id, rules_for

__all__ = ["Rule", "all_rules", "rule_by_id", "rules_for"]
