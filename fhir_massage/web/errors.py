"""Every error of every door as an OperationOutcome; where a person looks at a page, as a page."""

from __future__ import annotations

import structlog
from flask import Flask, Response, g, render_template, request
from werkzeug.exceptions import HTTPException

from fhir_massage.errors import FhirMassageError, NotAtHand, TooLarge, Unprocessable, Unreadable
from fhir_massage.present.outcome import outcome_of
from fhir_massage.web.answer import fhir_json
from fhir_massage.web.log import place_of

log = structlog.get_logger()

#: What a status means, as one of FHIR's issue types and in words where there are better ones than HTTP's.
_CODES = {
    400: "structure",
    412: "incomplete",
    422: "business-rule",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    413: "too-long",
    415: "not-supported",
    429: "throttled",
    500: "exception",
    503: "transient",
}
_WORDS = {
    404: "there is nothing at this address",
    405: "this address does not take that method",
    413: "the body is larger than is taken here",
    429: "more requests came from this client in a minute than are taken; try again when Retry-After says",
}
_DOORS = ("/cds-services", "/fhir", "/answers", "/healthz", "/readyz", "/metrics", "/openapi.json", "/subscriptions")


def register_errors(app: Flask) -> None:
    """Let the application answer its errors so."""
    app.register_error_handler(FhirMassageError, _refused)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _failed)


#: The status of an error of ours, where it is another than 400.
_STATUS: dict[type[FhirMassageError], int] = {TooLarge: 413, Unprocessable: 422, NotAtHand: 412}


def _refused(error: FhirMassageError) -> Response:
    status = _STATUS.get(type(error), 400)
    told = error if isinstance(error, Unreadable) else Unreadable(str(error))
    return _answer(told, status, _CODES[status])


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    told = Unreadable(_WORDS.get(status, error.description or error.name))
    response = _answer(told, status, _CODES.get(status, "invalid"))
    if status == 405:
        response.headers["Allow"] = ", ".join(getattr(error, "valid_methods", None) or ())
    if status == 429:
        response.headers["Retry-After"] = str(getattr(error, "retry_after", None) or 60)
    return response


def _failed(error: Exception) -> Response:
    log.error("request failed", request_id=g.get("request_id"), error=type(error).__name__, where=place_of(error))
    return _answer(Unreadable(f"the service failed; request {g.get('request_id')}"), 500, "exception")


def _answer(error: Unreadable, status: int, code: str) -> Response:
    if _for_a_person():
        return Response(render_template("error.html", reason=str(error), status=status), status)
    return fhir_json(outcome_of(error, code), status)


def _for_a_person() -> bool:
    """Whether a browser asked for a page, and not a program at one of the doors."""
    accepts = request.accept_mimetypes
    return not request.path.startswith(_DOORS) and accepts.quality("text/html") > accepts.quality("application/json")
