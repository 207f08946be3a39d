"""Which web pages of other origins may call the doors: those that the setting lists, and no others."""

from __future__ import annotations

from flask import Response, request

from fhir_massage.web.answer import service


def allow_origin(response: Response) -> Response:
    """The response with the headers that let a listed origin's page read it."""
    origins = service().settings.cors_origins
    if not origins:
        return response
    response.headers.add("Vary", "Origin")
    origin = request.headers.get("Origin")
    if origin in origins:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "WWW-Authenticate, X-Request-Id"
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
            response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, X-Request-Id"
            response.headers["Access-Control-Max-Age"] = "600"
    return response
