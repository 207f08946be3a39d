"""Answers of the doors: JSON with decimals as they were written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response, current_app, request
from werkzeug.exceptions import UnsupportedMediaType

from fhir_massage.read.read import encode

if TYPE_CHECKING:
    from fhir_massage.web.app import Service


def plain_json(content: Any, status: int = 200) -> Response:
    """An ``application/json`` answer."""
    return Response(encode(content), status, mimetype="application/json")


def fhir_json(content: Any, status: int = 200) -> Response:
    """An ``application/fhir+json`` answer."""
    return Response(encode(content), status, mimetype="application/fhir+json")


def service() -> Service:
    """What the doors of the running application share."""
    shared: Service = current_app.extensions["fhir_massage"]
    return shared


X12 = "application/edi-x12"


def json_body(*, or_x12: bool = False) -> bytes:
    """The request's body. Raises 415 for a body that says it is no JSON, or is not in UTF-8.

    ``or_x12`` takes an X12 interchange besides, which has its characters from itself.
    """
    kind = request.mimetype
    if or_x12 and kind == X12:
        return request.get_data()
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise UnsupportedMediaType("the body must be JSON: application/json or application/fhir+json")
    if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType("the body must be in UTF-8")
    return request.get_data()
