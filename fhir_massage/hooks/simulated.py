"""Being the EHR in a simulation: a request made from resources, and suggestions accepted in it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from fhir_massage.errors import Unreadable

Json = dict[str, Any]
#: Which resources belong under which key of a prefetch; the patient stands by itself.
_PREFETCHED = {
    "coverage": ("Coverage", "Organization", "Practitioner", "PractitionerRole"),
    "conditions": ("Condition",),
    "serviceRequests": ("ServiceRequest",),
    "claims": ("Claim",),
}


def request_for(hook: str, prefetch: Iterable[str], resources: list[Json], instance: uuid.UUID) -> Json:
    """A request for the hook about the claims and orders among the resources; the rest goes into its prefetch."""
    subjects = [each for each in resources if each["resourceType"] in ("Claim", "ServiceRequest")]
    patient = next((each for each in resources if each["resourceType"] == "Patient"), {"id": "p1"})
    wanted = tuple(prefetch)
    in_prefetch = {kind for key in wanted for kind in _PREFETCHED.get(key, ())}
    brought: Json = {}
    for key in wanted:
        if key == "patient":
            brought[key] = patient if "resourceType" in patient else None
        elif key == "performer":
            named = _performer(subjects)
            brought[key] = next((each for each in resources if _name(each) == named), None)
        else:
            kinds = _PREFETCHED.get(key, ())
            found = [each for each in resources if each["resourceType"] in kinds]
            brought[key] = _bundle(found, "searchset") if found else None
    drafts = [each for each in subjects if hook in ("order-sign", "order-select") or
              each["resourceType"] not in in_prefetch]  # fmt: skip
    context = _context(hook, patient.get("id", "p1"), subjects, drafts)
    return {"hook": hook, "hookInstance": str(instance), "context": context, "prefetch": brought}


def accept(request: Mapping[str, Any], suggestion: Mapping[str, Any]) -> Json:
    """The request after the EHR did what the suggestion's actions say. Raises ``Unreadable`` for what is no action."""
    changed: Any = request
    for position, action in enumerate(suggestion.get("actions") or []):
        if not isinstance(action, Mapping):
            raise Unreadable("expected an object", place=f"actions[{position}]")
        resource = action.get("resource")
        if action.get("type") == "delete":
            gone = action.get("resourceId")
            names = set(gone if isinstance(gone, list) else [gone])
            changed = _without(changed, names)
        elif isinstance(resource, Mapping):
            changed, placed = _replaced(changed, resource)
            if not placed:
                changed = _added(changed, resource)
    return dict(changed)


def _context(hook: str, patient: str, subjects: list[Json], drafts: list[Json]) -> Json:
    orders = [each for each in subjects if each["resourceType"] == "ServiceRequest"]
    names = [_name(each) for each in orders or subjects]
    context: Json = {"userId": "Practitioner/user", "patientId": patient}
    if hook in ("order-sign", "order-select"):
        context["draftOrders"] = _bundle(drafts, "collection")
    if hook == "order-select":
        context["selections"] = names
    if hook == "order-dispatch":
        performer = _performer(orders) or "Practitioner/performer"
        return {"patientId": patient, "dispatchedOrders": names, "performer": performer}
    if hook == "appointment-book":
        appointment = {
            "resourceType": "Appointment",
            "id": "a1",
            "status": "proposed",
            "basedOn": [{"reference": name} for name in names],
            "participant": [{"actor": {"reference": f"Patient/{patient}"}, "status": "accepted"}],
        }
        context["appointments"] = _bundle([appointment], "collection")
    if hook == "encounter-discharge":
        context["encounterId"] = "e1"
    return context


def _performer(orders: list[Json]) -> str | None:
    """Whom the orders name to render them."""
    return next((p["reference"] for o in orders for p in o.get("performer", []) if "reference" in p), None)


def _bundle(resources: list[Json], kind: str) -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": [{"resource": each} for each in resources]}


def _name(resource: Mapping[str, Any]) -> str:
    return f"{resource.get('resourceType')}/{resource.get('id')}"


def _replaced(part: Any, resource: Mapping[str, Any]) -> tuple[Any, bool]:
    """A copy in which the resource stands wherever one of its name stood, and whether there was one."""
    if isinstance(part, Mapping):
        if part.get("resourceType") == resource.get("resourceType") and part.get("id") == resource.get("id"):
            return resource, True
        pairs = {key: _replaced(value, resource) for key, value in part.items()}
        return {key: value for key, (value, _) in pairs.items()}, any(placed for _, placed in pairs.values())
    if isinstance(part, list):
        found = [_replaced(value, resource) for value in part]
        return [value for value, _ in found], any(placed for _, placed in found)
    return part, False


def _without(part: Any, names: set[Any]) -> Any:
    if isinstance(part, Mapping):
        return {key: _without(value, names) for key, value in part.items()}
    if isinstance(part, list):
        return [_without(value, names) for value in part if not _is_entry_of(value, names)]
    return part


def _is_entry_of(value: Any, names: set[Any]) -> bool:
    resource = value.get("resource") if isinstance(value, Mapping) else None
    return isinstance(resource, Mapping) and _name(resource) in names


def _added(request: Mapping[str, Any], resource: Mapping[str, Any]) -> Json:
    """The request with a new resource among its draft orders, where the hook has any."""
    context = request.get("context")
    drafts = context.get("draftOrders") if isinstance(context, Mapping) else None
    if not isinstance(context, Mapping) or not isinstance(drafts, Mapping):
        return dict(request)
    entries = [*drafts.get("entry", []), {"resource": resource}]
    return {**request, "context": {**context, "draftOrders": {**drafts, "entry": entries}}}
