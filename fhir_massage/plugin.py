"""What a package of your own rules is written with.

Declare the module that holds the rules as an entry point of the group ``fhir_massage.rules``; its import
registers them. The entry point's name begins every rule's id.
"""

from fhir_massage.case.seen import ClaimCase, Diagnosis, Encounter, Line, OrderCase, Provider
from fhir_massage.edit.changes import ClaimChange
from fhir_massage.edit.finding import Citation, Correction, Denial, Edit, Found
from fhir_massage.facts.book import Facts
from fhir_massage.rules.parts import ChargedLine, Charges, Service, Services
from fhir_massage.rules.registry import (
    Rule,
    any_line_rule,
    charges_rule,
    claim_rule,
    line_rule,
    order_rule,
    services_rule,
    visit_rule,
)
from fhir_massage.rules.scopes import AnyLine, BilledLine, LineChange, Visit, VisitLine
from fhir_massage.rules.tools import certain, change, cite, confirmed, named

__all__ = [
    "AnyLine",
    "BilledLine",
    "ChargedLine",
    "Charges",
    "Citation",
    "ClaimCase",
    "ClaimChange",
    "Correction",
    "Denial",
    "Diagnosis",
    "Edit",
    "Encounter",
    "Facts",
    "Found",
    "Line",
    "LineChange",
    "OrderCase",
    "Provider",
    "Rule",
    "Service",
    "Services",
    "Visit",
    "VisitLine",
    "any_line_rule",
    "certain",
    "change",
    "charges_rule",
    "cite",
    "claim_rule",
    "confirmed",
    "line_rule",
    "named",
    "order_rule",
    "services_rule",
    "visit_rule",
]
