"""The messages that are changed: every example, in each shape in which a door takes it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

Json = dict[str, Any]
ROOT = Path(__file__).parents[1]
EXAMPLES = ("examples/hooks/*.json", "examples/claims/*.json", "fhir_massage/rules/examples/*/*.json")
VALIDATED = ("Claim", "ServiceRequest", "Coverage")
SERVICE = "/cds-services/fhir-massage-"


class Message(msgspec.Struct, frozen=True):
    """A good request: where it came from, the door it goes to, and its content."""

    source: str
    path: str
    content: Json
    #: Whether it goes as the field ``claim`` of a form, as the workbench sends it.
    form: bool = False


def messages(*more: Path) -> list[Message]:
    """The examples as messages, and those of other folders (hook requests and resources, a file each)."""
    files = [file for pattern in EXAMPLES for file in sorted(ROOT.glob(pattern))]
    files += [file for folder in more for file in sorted(folder.glob("*.json"))]
    return [made for file in files for made in _from(file.name, json.loads(file.read_text(encoding="utf-8")))]


def _from(source: str, content: Json) -> Iterable[Message]:
    if "hook" in content:
        yield Message(source, f"{SERVICE}{content['hook']}", content)
    elif "feedback" in content:
        yield Message(source, f"{SERVICE}order-sign/feedback", content)
    elif "resourceType" in content:
        yield from _of_resource(source, content)


def _of_resource(source: str, content: Json) -> Iterable[Message]:
    resources = [entry["resource"] for entry in content.get("entry", [])] or [content]
    for kind in VALIDATED:
        if any(each["resourceType"] == kind for each in resources):
            yield Message(source, f"/fhir/{kind}/$validate", content)
    yield Message(source, "/fhir/Claim/$validate", _parameters(content))
    yield Message(source, "/", content, form=True)
    yield Message(source, "/corrected", content, form=True)
    yield Message(source, f"{SERVICE}order-sign", _order_sign(resources))
    yield Message(source, f"{SERVICE}encounter-discharge", _discharge(resources))


def _parameters(content: Json) -> Json:
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": "resource", "resource": content}, {"name": "mode", "valueCode": "create"}],
    }


def _order_sign(resources: list[Json]) -> Json:
    drafts = [each for each in resources if each["resourceType"] in ("Claim", "ServiceRequest")]
    rest = [each for each in resources if each not in drafts]
    return _hook("order-sign", resources, {"draftOrders": _bundle(drafts)}, {"coverage": _bundle(rest)})


def _discharge(resources: list[Json]) -> Json:
    return _hook("encounter-discharge", resources, {"encounterId": "e1"}, {"claims": _bundle(resources)})


def _hook(hook: str, resources: list[Json], context: Json, prefetch: Json) -> Json:
    patients = [each["id"] for each in resources if each["resourceType"] == "Patient" and "id" in each]
    return {
        "hook": hook,
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/therapist", "patientId": (patients or ["p1"])[0], **context},
        "prefetch": prefetch,
    }


def _bundle(resources: list[Json]) -> Json:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in resources]}
