"""The operator's door: liveness, readiness, metrics, and answers to "may it be billed"."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, Response, request

from fhir_massage.engine.answer import answer
from fhir_massage.errors import Unreadable
from fhir_massage.web.answer import plain_json, service

door = Blueprint("health", __name__)


@door.get("/healthz")
def healthz() -> Response:
    """Whether the process answers."""
    return plain_json({"status": "ok"})


@door.get("/readyz")
def readyz() -> Response:
    """Whether calls belong here: facts are loaded, the store keeps records, and it is not stopping: 200, else 503.

    Plugins that were left out are named. They are no reason to take the service out of use: the operator
    decides, by ``fhir-massage plugins`` before the start.
    """
    shared = service()
    checks = {"facts": bool(shared.facts.policies), "store": shared.store.ready(), "staying": not shared.stopping}
    ready = all(checks.values())
    content: dict[str, object] = {"status": "ready" if ready else "not ready", "checks": checks}
    left_out = sorted({plugin.name for plugin in service().plugins if plugin.problem is not None})
    if left_out:
        content["plugins_left_out"] = left_out
    return plain_json(content, 200 if ready else 503)


@door.get("/metrics")
def metrics() -> Response:
    """The metrics as Prometheus reads them."""
    return Response(service().metrics.text(), mimetype="text/plain")


@door.get("/answers")
def answers() -> Response:
    """May the profession bill the code to the payer?"""
    wanted = {}
    for name in ("code", "payer", "profession"):
        wanted[name] = request.args.get(name, "")
        if not wanted[name]:
            raise Unreadable("this parameter is missing", place=name)
    try:
        on = date.fromisoformat(request.args["on"]) if request.args.get("on") else date.today()
    except ValueError:
        raise Unreadable("expected a day, such as 2026-11-02", place="on") from None
    found = answer(wanted["code"], wanted["payer"], wanted["profession"], on, service().facts)
    return plain_json(found.to_dict())
