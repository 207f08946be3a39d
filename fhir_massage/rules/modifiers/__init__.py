"""Modifiers: those that exclude or need each other, those nobody knows, and those a payer asks for."""

from fhir_massage.rules.modifiers import modifier_conflict as modifier_conflict  # isort: skip
from fhir_massage.rules.modifiers import modifier_invalid as modifier_invalid  # isort: skip
from fhir_massage.rules.modifiers import therapy_modifier_missing as therapy_modifier_missing  # isort: skip
from fhir_massage.rules.modifiers import discipline_mismatch as discipline_mismatch  # isort: skip
from fhir_massage.rules.modifiers import assistant_modifier_missing as assistant_modifier_missing  # isort: skip
from fhir_massage.rules.modifiers import threshold_modifier_missing as threshold_modifier_missing  # isort: skip
from fhir_massage.rules.modifiers import telehealth_not_possible as telehealth_not_possible  # isort: skip
from fhir_massage.rules.modifiers import manipulation_modifier_missing as manipulation_modifier_missing  # isort: skip
from fhir_massage.rules.modifiers import manipulation_regions_unsupported as manipulation_regions_unsupported  # isort: skip
from fhir_massage.rules.modifiers import noncovered_modifier_missing as noncovered_modifier_missing  # isort: skip
