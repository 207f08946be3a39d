"""Modifiers: those that exclude or need each other, those nobody knows, and those a payer asks for."""

from fhir_massage.rules.modifiers import modifier_conflict as modifier_conflict  # isort: skip
from fhir_massage.rules.modifiers import modifier_invalid as modifier_invalid  # isort: skip
from fhir_massage.rules.modifiers import therapy_modifier_missing as therapy_modifier_missing  # isort: skip
from fhir_massage.rules.modifiers import assistant_modifier_missing as assistant_modifier_missing  # isort: skip
from fhir_massage.rules.modifiers import threshold_modifier_missing as threshold_modifier_missing  # isort: skip
from fhir_massage.rules.modifiers import manipulation_modifier_missing as manipulation_modifier_missing  # isort: skip
from fhir_massage.rules.modifiers import noncovered_modifier_missing as noncovered_modifier_missing  # isort: skip
