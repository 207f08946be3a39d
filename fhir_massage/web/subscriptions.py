"""The door at which a FHIR server tells of claims (R4 Subscription, rest-hook)."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import NotFound, ServiceUnavailable

from fhir_massage.errors import Unreadable
from fhir_massage.present.outcome import outcome_of
from fhir_massage.read.notification import claims_told, is_id
from fhir_massage.read.read import parse
from fhir_massage.store.notices import CHANGES
from fhir_massage.web.answer import fhir_json, json_body, service

if TYPE_CHECKING:
    from fhir_massage.web.app import Service

door = Blueprint("subscriptions", __name__, url_prefix="/subscriptions")


@door.before_request
def ask_for_the_secret() -> Response | None:
    """404 where nobody is expected to tell anything, 401 for who does not know the secret."""
    secret = service().settings.subscription_secret
    if secret is None:
        raise NotFound
    given = request.headers.get("Authorization", "")
    if hmac.compare_digest(given.encode(), f"Bearer {secret.get_secret_value()}".encode()):
        return None
    response = fhir_json(outcome_of(Unreadable("the secret of the subscription is missing or wrong"), "login"), 401)
    response.headers["WWW-Authenticate"] = 'Bearer realm="subscriptions"'
    return response


@door.post("/claims")
def told() -> Response:
    """A notification without payload, or with claims in it: taken in once 202 is answered, reviewed after it."""
    body = json_body()
    return _taken(claims_told(parse(body)) if body.strip() else [])


@door.put("/claims/Claim/<id>")
def told_of(id: str) -> Response:
    """A notification with payload as an update of the claim. What it holds is fetched anew and not read here."""
    if not is_id(id):
        raise Unreadable("this cannot be the id of a claim", place="Claim.id")
    return _taken([id])


def _taken(claims: list[str]) -> Response:
    shared = service()
    assert shared.notices is not None and shared.reviewer is not None  # there is a secret, so there are both
    try:
        shared.asking.ask(lambda: _tell(shared, claims or [CHANGES]))
    except SQLAlchemyError:
        raise ServiceUnavailable("it could not be kept; tell it again later") from None
    shared.reviewer.wake()
    return Response(status=202)


def _tell(shared: Service, claims: list[str]) -> None:
    assert shared.notices is not None
    try:
        shared.notices.tell(claims)
    except SQLAlchemyError:
        shared.store.prepare()  # the database may have come after the service
        shared.notices.tell(claims)
