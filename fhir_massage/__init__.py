"""Checks the billing of massage and manual therapy before a claim goes out."""

from fhir_massage.errors import BadFact, FhirMassageError, UnknownQuestion, Unreadable
from fhir_massage.model.finding import Citation, Correction, Denial, Edit, Finding
from fhir_massage.review.answer import Answer, answer
from fhir_massage.review.engine import review
from fhir_massage.review.report import Report

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "BadFact",
    "Citation",
    "Correction",
    "Denial",
    "Edit",
    "FhirMassageError",
    "Finding",
    "Report",
    "UnknownQuestion",
    "Unreadable",
    "__version__",
    "answer",
    "review",
]
