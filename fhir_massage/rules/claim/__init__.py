"""The claim as a whole: its dates, its charges, and what was billed twice."""

from fhir_massage.rules.claim import service_date_missing as service_date_missing  # isort: skip
from fhir_massage.rules.claim import service_date_invalid as service_date_invalid  # isort: skip
from fhir_massage.rules.claim import timely_filing_exceeded as timely_filing_exceeded  # isort: skip
from fhir_massage.rules.claim import charge_mismatch as charge_mismatch  # isort: skip
from fhir_massage.rules.claim import duplicate_line as duplicate_line  # isort: skip
from fhir_massage.rules.claim import duplicate_claim as duplicate_claim  # isort: skip
