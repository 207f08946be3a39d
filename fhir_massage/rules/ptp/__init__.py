"""NCCI procedure-to-procedure pairs: two services of one encounter of which the second is bundled into the first."""

from fhir_massage.rules.ptp import ptp_modifier_missing as ptp_modifier_missing  # isort: skip
from fhir_massage.rules.ptp import ptp_same_region as ptp_same_region  # isort: skip
from fhir_massage.rules.ptp import ptp_not_separable as ptp_not_separable  # isort: skip
from fhir_massage.rules.ptp import distinct_modifier_unneeded as distinct_modifier_unneeded  # isort: skip
