"""The command line: ``fhir-massage``."""

from fhir_massage.cli.main import main

__all__ = ["main"]
