"""Who may call the hooks, by the settings: anybody (``open``), or clients that prove themselves (``required``)."""

from __future__ import annotations

import time

import structlog
from flask import Response, g, request

from fhir_massage.errors import Unreadable
from fhir_massage.hooks.keys import KeySet, Places
from fhir_massage.hooks.trust import NotTrusted, Trust
from fhir_massage.present.outcome import outcome_of
from fhir_massage.settings import Settings
from fhir_massage.store.log import Store
from fhir_massage.store.tokens import UsedTokens
from fhir_massage.web.answer import fhir_json, service

log = structlog.get_logger()
GUARDED = "/cds-services/"
_FEEDBACK = "/feedback"


def trust_of(settings: Settings, store: Store, places: Places) -> Trust | None:
    """What judges the tokens of calls; ``None`` where the service is open. ``places`` are those to wait for keys in."""
    if settings.auth != "required":
        return None
    issuers = {issuer: KeySet(source, time.monotonic, places=places) for issuer, source in settings.issuers.items()}
    return Trust(issuers, UsedTokens(store.engine, time.time).first_use, time.time)


def ask_for_trust() -> Response | None:
    """Before a hook or feedback is looked at: 401 for a client that does not prove itself.

    Discovery is for everyone, and so is what a browser asks before its own call (CORS).
    """
    trust = service().trust
    if trust is None or request.method == "OPTIONS" or not request.path.startswith(GUARDED):
        return None
    try:
        g.client = trust.client(request.headers.get("Authorization"), *_audiences())
    except NotTrusted as reason:
        log.warning("not trusted", request_id=g.get("request_id"), reason=str(reason))
        return _refusal()
    return None


def _audiences() -> tuple[str, ...]:
    """The address of the service that is called; for feedback, of the service it is about or of feedback itself."""
    base = (service().settings.audience or "").rstrip("/")
    called = f"{base}{request.path}"
    return (called, called.removesuffix(_FEEDBACK)) if request.path.endswith(_FEEDBACK) else (called,)


def _refusal() -> Response:
    """Nothing in it tells a caller what was wrong with the token."""
    response = fhir_json(outcome_of(Unreadable("the call does not prove which client makes it"), "login"), 401)
    response.headers["WWW-Authenticate"] = 'Bearer realm="cds-services"'
    return response
