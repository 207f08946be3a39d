"""Orders for massage and manual therapy: what the claim will need later, asked for while it is easy."""

from fhir_massage.rules.order import order_diagnosis_missing as order_diagnosis_missing  # isort: skip
from fhir_massage.rules.order import order_quantity_missing as order_quantity_missing  # isort: skip
from fhir_massage.rules.order import order_code_imprecise as order_code_imprecise  # isort: skip
from fhir_massage.rules.order import order_orderer_not_qualified as order_orderer_not_qualified  # isort: skip
from fhir_massage.rules.order import order_performer_not_payable as order_performer_not_payable  # isort: skip
from fhir_massage.rules.order import order_not_covered as order_not_covered  # isort: skip
from fhir_massage.rules.order import order_authorization_needed as order_authorization_needed  # isort: skip
from fhir_massage.rules.order import letter_of_medical_necessity as letter_of_medical_necessity  # isort: skip
