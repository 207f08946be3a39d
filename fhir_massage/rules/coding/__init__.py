"""Procedure codes: the code for what was done, in force on the day, and one that the payer takes."""

from fhir_massage.rules.coding import code_not_read as code_not_read  # isort: skip
from fhir_massage.rules.coding import technique_code_mismatch as technique_code_mismatch  # isort: skip
from fhir_massage.rules.coding import hot_cold_pack_bundled as hot_cold_pack_bundled  # isort: skip
from fhir_massage.rules.coding import procedure_code_retired as procedure_code_retired  # isort: skip
from fhir_massage.rules.coding import procedure_code_not_accepted as procedure_code_not_accepted  # isort: skip
