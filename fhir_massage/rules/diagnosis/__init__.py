"""Diagnoses: that there are any, that lines point at them, that they were valid, and that they support."""

from fhir_massage.rules.diagnosis import diagnosis_missing as diagnosis_missing  # isort: skip
from fhir_massage.rules.diagnosis import diagnosis_not_coded as diagnosis_not_coded  # isort: skip
from fhir_massage.rules.diagnosis import claim_form_limit as claim_form_limit  # isort: skip
from fhir_massage.rules.diagnosis import place_of_service_invalid as place_of_service_invalid  # isort: skip
from fhir_massage.rules.diagnosis import diagnosis_pointer_missing as diagnosis_pointer_missing  # isort: skip
from fhir_massage.rules.diagnosis import diagnosis_pointer_invalid as diagnosis_pointer_invalid  # isort: skip
from fhir_massage.rules.diagnosis import diagnosis_retired as diagnosis_retired  # isort: skip
from fhir_massage.rules.diagnosis import subluxation_not_first as subluxation_not_first  # isort: skip
from fhir_massage.rules.diagnosis import diagnosis_not_supporting as diagnosis_not_supporting  # isort: skip
