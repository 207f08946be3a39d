"""The settings: from the environment (``FHIR_MASSAGE_*``), else from the TOML file that ``FHIR_MASSAGE_CONFIG`` names.

A value may also lie in a file of its own, which ``FHIR_MASSAGE_DATABASE_FILE`` (or any other setting's name with
``_FILE``) names: so a secret stands in no environment and no command line.
"""

from fhir_massage.settings.address import address_of, masked, only_here
from fhir_massage.settings.model import IN_FILE, PREFIX, Settings
from fhir_massage.settings.read import BadSetting, Fault, read_settings
from fhir_massage.settings.start import refuse_unfit, settings_to_serve

__all__ = [
    "IN_FILE",
    "PREFIX",
    "BadSetting",
    "Fault",
    "Settings",
    "address_of",
    "masked",
    "only_here",
    "read_settings",
    "refuse_unfit",
    "settings_to_serve",
]
