"""The rules: one folder a family, one module a rule. Importing this package registers them all."""

from fhir_massage.rules import units as units  # isort: skip
from fhir_massage.rules import coding as coding  # isort: skip
from fhir_massage.rules import ptp as ptp  # isort: skip
from fhir_massage.rules import modifiers as modifiers  # isort: skip
from fhir_massage.rules import provider as provider  # isort: skip
from fhir_massage.rules import diagnosis as diagnosis  # isort: skip
from fhir_massage.rules import referral as referral  # isort: skip
from fhir_massage.rules import coverage as coverage  # isort: skip
from fhir_massage.rules import claim as claim  # isort: skip
from fhir_massage.rules import order as order  # isort: skip
from fhir_massage.rules.registry import (
    Rule,
    Scope,
    all_rules,
    rule_by_id,
    rule_plugins,
    rules_for,
    rules_of_every_service,
)

__all__ = ["Rule", "Scope", "all_rules", "rule_by_id", "rule_plugins", "rules_for", "rules_of_every_service"]
