"""Coverage: that there is one in force, that it covers the service, and what it asks for beforehand."""

from fhir_massage.rules.coverage import coverage_missing as coverage_missing  # isort: skip
from fhir_massage.rules.coverage import reference_unresolved as reference_unresolved  # isort: skip
from fhir_massage.rules.coverage import coverage_not_active as coverage_not_active  # isort: skip
from fhir_massage.rules.coverage import coverage_not_for_service as coverage_not_for_service  # isort: skip
from fhir_massage.rules.coverage import coverage_wrong_patient as coverage_wrong_patient  # isort: skip
from fhir_massage.rules.coverage import coverage_order as coverage_order  # isort: skip
from fhir_massage.rules.coverage import service_not_covered as service_not_covered  # isort: skip
from fhir_massage.rules.coverage import coverage_conditional as coverage_conditional  # isort: skip
from fhir_massage.rules.coverage import authorization_missing as authorization_missing  # isort: skip
from fhir_massage.rules.coverage import visit_limit_exceeded as visit_limit_exceeded  # isort: skip
from fhir_massage.rules.coverage import payer_unrecognised as payer_unrecognised  # isort: skip
