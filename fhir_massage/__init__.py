"""Checks the billing of massage and manual therapy before a claim goes out.

The names in ``__all__`` and in ``fhir_massage.plugin`` are the public ones; docs/library.md says what is
promised of them.
"""

from fhir_massage.edit.finding import Citation, Correction, Denial, Edit, Finding
from fhir_massage.engine.answer import Answer, Reason
from fhir_massage.errors import BadFact, FhirMassageError, UnknownQuestion, Unreadable
from fhir_massage.facts.book import Facts, read_facts
from fhir_massage.library import PluginLeftOut, Report, answer, review
from fhir_massage.present.frame import MissingExtra

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "BadFact",
    "Citation",
    "Correction",
    "Denial",
    "Edit",
    "Facts",
    "FhirMassageError",
    "Finding",
    "MissingExtra",
    "PluginLeftOut",
    "Reason",
    "Report",
    "UnknownQuestion",
    "Unreadable",
    "__version__",
    "answer",
    "read_facts",
    "review",
]
