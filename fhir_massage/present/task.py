"""A report on a claim as a Task for the biller: what to correct before the claim goes out.

A Task, because FHIR R4 has it for what somebody is to do about a resource, with a status that the biller's
software moves on. A DetectedIssue speaks of the patient's safety, a Communication of what was said, a
ClaimResponse of what a payer decided: none of that is meant here.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping
from typing import Any

from fhir_massage.engine.report import Report
from fhir_massage.present.outcome import operation_outcome

Json = dict[str, Any]

#: The system of a Task's identifier: the version of the claim that it is about.
REVIEWED = "urn:fhir-massage:reviewed"
_CODES = "urn:fhir-massage:task"
#: States in which nobody has taken the Task up or ended it.
OPEN = ("draft", "requested", "received")


def version_of(claim: Mapping[str, Any]) -> str:
    """The version of a claim as an address: ``Claim/c1/_history/2``; without one on servers that keep none."""
    meta = claim.get("meta")
    meta = meta if isinstance(meta, Mapping) else {}
    version = meta.get("versionId") or meta.get("lastUpdated") or "0"
    return f"Claim/{claim['id']}/_history/{version}"


def task_id(server: str, version: str) -> str:
    """The id of the Task about that version of a claim on that server: always the same."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{server}/{version}"))


def task(report: Report, claim: Mapping[str, Any], server: str) -> Json | None:
    """The Task about a claim's findings; ``None`` where there is no error and no warning."""
    counted: Counter[str] = Counter(finding.severity for finding in report.findings)
    counted["error"] += len(report.unread)
    if not counted["error"] and not counted["warning"]:
        return None
    version = version_of(claim)
    made: Json = {
        "resourceType": "Task",
        "id": task_id(server, version),
        "contained": [{"id": "outcome", **operation_outcome(report)}],
        "identifier": [{"system": REVIEWED, "value": version}],
        "status": "requested",
        "intent": "proposal",
        "priority": "asap" if counted["error"] else "routine",
        "code": {"coding": [{"system": _CODES, "code": "correct-claim", "display": "Correct the claim"}]},
        "description": " ".join(f.message for f in report.findings if f.severity != "information")
        or "The claim could not be read whole.",
        "focus": {"reference": f"Claim/{claim['id']}"},
        "reasonCode": {"text": f"{_count(counted, 'error')}, {_count(counted, 'warning')}"},
        "input": [
            {
                "type": {"coding": [{"system": _CODES, "code": "findings", "display": "Findings"}]},
                "valueReference": {"reference": "#outcome"},
            }
        ],
    }
    patient, updated = claim.get("patient"), (claim.get("meta") or {}).get("lastUpdated")
    if isinstance(patient, Mapping) and not str(patient.get("reference", "")).startswith("#"):
        made["for"] = dict(patient)
    if updated:
        # The moment of the version and not of the review, so that the same version makes the same Task.
        made["authoredOn"] = updated
    return made


def ended(earlier: Mapping[str, Any], *, corrected: bool) -> Json:
    """A Task about an earlier version, ended: completed where the claim is correct now, else cancelled."""
    words = "The claim was corrected." if corrected else "A newer version of the claim was reviewed."
    return {**earlier, "status": "completed" if corrected else "cancelled", "businessStatus": {"text": words}}


def is_ours(task: Mapping[str, Any]) -> bool:
    """Whether a Task was written by a review."""
    given = task.get("identifier")
    identifiers = given if isinstance(given, list) else []
    return any(isinstance(each, Mapping) and each.get("system") == REVIEWED for each in identifiers)


def _count(counted: Mapping[str, int], what: str) -> str:
    number = counted.get(what, 0)
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
