"""What this FHIR server says of itself: its CapabilityStatement, and the definition of its operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]
RELEASED = "2026-11-24"
FORMATS = ("application/fhir+json", "json")
#: The id of our definition of ``$validate``, and FHIR's own that it is based on.
VALIDATE = "fhir-massage-validate"
_FHIR_VALIDATE = "http://hl7.org/fhir/OperationDefinition/Resource-validate"


def capability_statement(base: str, kinds: Sequence[str], version: str) -> Json:
    """What this version offers at ``base``: ``$validate`` for each of ``kinds``, and the reading of its definition."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": RELEASED,
        "kind": "instance",
        "software": {"name": "fhir_massage", "version": version},
        "implementation": {"description": "Checks the billing of massage and manual therapy", "url": base},
        "fhirVersion": "4.0.1",
        "format": list(FORMATS),
        "rest": [
            {
                "mode": "server",
                "documentation": "Nothing is kept: resources are sent to $validate and answered with an outcome.",
                "resource": [
                    *({"type": kind, "operation": [_operation(base)]} for kind in kinds),
                    {"type": "OperationDefinition", "interaction": [{"code": "read"}]},
                ],
            }
        ],
    }


def _operation(base: str) -> Json:
    return {"name": "validate", "definition": f"{base}/OperationDefinition/{VALIDATE}"}


def operation_definition(base: str, kinds: Sequence[str], version: str) -> Json:
    """The definition of ``$validate`` as this version offers it at ``base`` for ``kinds``."""
    return {
        "resourceType": "OperationDefinition",
        "id": VALIDATE,
        "url": f"{base}/OperationDefinition/{VALIDATE}",
        "version": version,
        "name": "ValidateBilling",
        "title": "Validate the billing of massage and manual therapy",
        "status": "active",
        "kind": "operation",
        "date": RELEASED,
        "description": "FHIR's $validate with the billing of massage and manual therapy among what is checked: each "
        "finding is an issue whose details carry the rule (urn:fhir-massage:rule).",
        "affectsState": False,
        "code": "validate",
        "comment": "What a claim refers to comes along in a Bundle in place of the resource alone; no resource is kept.",
        "base": _FHIR_VALIDATE,
        "resource": list(kinds),
        "system": False,
        "type": True,
        "instance": True,
        "parameter": [
            _parameter("resource", "Resource", "The resource, or a Bundle with it and what it refers to. "
                       "It may be left out only where mode is delete."),
            _parameter("mode", "code", "create, update, delete or profile; without it, general validation. Update and "
                       "delete are about one instance. Nothing is kept here, so nothing stands against a deletion."),
            _parameter("profile", "uri", "Only FHIR's own structure of the type is checked; any other profile is "
                       "answered with an error that says so."),
            {"name": "return", "use": "out", "min": 1, "max": "1", "type": "OperationOutcome",
             "documentation": "Every finding, and every departure from FHIR's structure. 200 whatever was found."},
        ],
    }  # fmt: skip


def _parameter(name: str, kind: str, documentation: str) -> Json:
    return {"name": name, "use": "in", "min": 0, "max": "1", "type": kind, "documentation": documentation}
