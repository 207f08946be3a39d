"""Units of timed services: 15-minute units against minutes, limits and each other."""

from fhir_massage.rules.units import units_exceed_minutes as units_exceed_minutes  # isort: skip
from fhir_massage.rules.units import units_below_minutes as units_below_minutes  # isort: skip
from fhir_massage.rules.units import minutes_overlap as minutes_overlap  # isort: skip
from fhir_massage.rules.units import minutes_missing as minutes_missing  # isort: skip
from fhir_massage.rules.units import units_not_whole as units_not_whole  # isort: skip
from fhir_massage.rules.units import units_exceed_mue as units_exceed_mue  # isort: skip
from fhir_massage.rules.units import units_exceed_policy as units_exceed_policy  # isort: skip
