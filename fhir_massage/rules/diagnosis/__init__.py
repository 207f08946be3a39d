"""Diagnoses: that there are any, that lines point at them, that they were valid, and that they support."""

from fhir_massage.rules.diagnosis import diagnosis_missing as diagnosis_missing  # isort: skip
from fhir_massage.rules.diagnosis import diagnosis_pointer_missing as diagnosis_pointer_missing  # isort: skip
from fhir_massage.rules.diagnosis import diagnosis_pointer_invalid as diagnosis_pointer_invalid  # isort: skip
from fhir_massage.rules.diagnosis import diagnosis_retired as diagnosis_retired  # isort: skip
from fhir_massage.rules.diagnosis import diagnosis_not_supporting as diagnosis_not_supporting  # isort: skip
