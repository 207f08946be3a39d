"""Who rendered: whether this payer pays them for the service, and whether their identifiers are right."""

from fhir_massage.rules.provider import provider_not_payable as provider_not_payable  # isort: skip
from fhir_massage.rules.provider import provider_unknown as provider_unknown  # isort: skip
from fhir_massage.rules.provider import referring_provider_missing as referring_provider_missing  # isort: skip
from fhir_massage.rules.provider import npi_invalid as npi_invalid  # isort: skip
