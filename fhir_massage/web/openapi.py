"""The description of the HTTP doors as OpenAPI 3.1, for clients and for checks of the running service."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from fhir_massage import __version__
from fhir_massage.hooks.services import SERVICES
from fhir_massage.read.validation import MODES
from fhir_massage.web.answer import X12, plain_json
from fhir_massage.web.fhir import VALIDATED

door = Blueprint("openapi", __name__)

Json = dict[str, Any]
STRING: Json = {"type": "string"}
OBJECT: Json = {"type": "object"}


@door.get("/openapi.json")
def openapi() -> Response:
    """This description."""
    return plain_json(document())


def document() -> Json:
    """The whole description."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "fhir_massage",
            "version": __version__,
            "summary": "Checks the billing of massage and manual therapy in FHIR claims and orders",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            **_hook_paths(),
            **_fhir_paths(),
            **_subscription_paths(),
            **_answer_paths(),
            **_operator_paths(),
            **_page_paths(),
        },
        "components": {"schemas": _schemas()},
    }


def _hook_paths() -> Json:
    service_id = {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": {"enum": [service.id for service in SERVICES]},
    }
    return {
        "/cds-services": {
            "get": _operation("discover", "CDS Hooks discovery", {"200": _json("Services", "Discovery")})
        },
        "/cds-services/{id}": {
            "parameters": [service_id],
            "post": _operation(
                "call",
                "A CDS Hooks call",
                {"200": _json("Cards", "Cards"), **_refusals(401, 404, 412, 422)},
                body="HookRequest",
            ),
        },
        "/cds-services/{id}/feedback": {
            "parameters": [service_id],
            "post": _operation(
                "feedback",
                "What became of cards",
                {"200": {"description": "Taken in"}, **_refusals(401, 404)},
                body="Feedback",
            ),
        },
    }


def _fhir_paths() -> Json:
    kind = {"name": "kind", "in": "path", "required": True, "schema": {"enum": list(VALIDATED)}}
    instance = {"name": "id", "in": "path", "required": True, "schema": STRING}
    mode = {"name": "mode", "in": "query", "schema": {"enum": list(MODES)}}
    profile = {"name": "profile", "in": "query", "schema": STRING}
    form = {"name": "_format", "in": "query", "schema": STRING}

    def validation(id: str, summary: str) -> Json:
        outcome = {"200": _fhir("The findings", "OperationOutcome"), **_refusals(406)}
        operation = _operation(id, summary, outcome, body="Resource", media="application/fhir+json")
        # An interchange of claims; for other kinds it is refused with 415.
        operation["requestBody"]["content"][X12] = {"schema": STRING}
        return {**operation, "parameters": [mode, profile, form]}

    def reading(id: str, summary: str, *others: int) -> Json:
        refused = {str(status): _outcome(_REFUSED[status]) for status in (*others, 406)}
        return {**_operation(id, summary, {"200": _fhir("The resource", "Resource"), **refused}), "parameters": [form]}

    return {
        "/fhir/{kind}/$validate": {
            "parameters": [kind],
            "post": validation("validate", "An OperationOutcome on a resource, a Bundle, or Parameters with either"),
        },
        "/fhir/{kind}/{id}/$validate": {
            "parameters": [kind, instance],
            "post": validation("validateInstance", "The same about one instance, also in mode update or delete"),
        },
        "/fhir/metadata": {"get": reading("metadata", "The CapabilityStatement")},
        "/fhir/OperationDefinition/{id}": {
            "parameters": [instance],
            "get": reading("definition", "The definition of $validate", 404),
        },
    }


def _subscription_paths() -> Json:
    claim = {"name": "id", "in": "path", "required": True, "schema": STRING}
    refused = {str(status): _outcome(_REFUSED[status]) for status in (400, 401, 404, 413, 415, 503)}
    answers = {"202": {"description": "Kept; the review follows"}, **refused}
    body = {"content": {"application/fhir+json": {"schema": _ref("Resource")}}}
    told = _operation("told", "A FHIR server tells of claims, with or without payload, where that is set up", answers)
    told_of = _operation("toldOf", "The same, as the update of a claim", answers)
    return {
        "/subscriptions/claims": {"post": {**told, "requestBody": body}},
        "/subscriptions/claims/Claim/{id}": {"parameters": [claim], "put": {**told_of, "requestBody": body}},
    }


def _answer_paths() -> Json:
    asked = [
        {"name": name, "in": "query", "required": True, "schema": {**STRING, "minLength": 1}}
        for name in ("code", "payer", "profession")
    ]
    on = {"name": "on", "in": "query", "schema": {**STRING, "format": "date"}}
    answer = _operation(
        "answers", "May it be billed?", {"200": _json("The answer", "Answer"), "400": _outcome("Refused")}
    )
    return {"/answers": {"get": {**answer, "parameters": [*asked, on]}}}


def _operator_paths() -> Json:
    state = {"200": _json("As it is", "State")}
    text = {"200": {"description": "Prometheus text", "content": {"text/plain": {"schema": STRING}}}}
    return {
        "/healthz": {"get": _operation("healthz", "Whether the process answers", state)},
        "/readyz": {
            "get": _operation(
                "readyz",
                "Whether calls belong here: facts loaded, records kept, not stopping",
                {**state, "503": _json("Not ready", "State")},
            )
        },
        "/metrics": {"get": _operation("metrics", "Metrics", text)},
        "/openapi.json": {"get": _operation("openapi", "This description", {"200": _json("OpenAPI", "Resource")})},
    }


def _page_paths() -> Json:
    page = {"200": {"description": "A page", "content": {"text/html": {"schema": STRING}}}}
    bad = {"400": {"description": "A page that says why", "content": {"text/html": {"schema": STRING}}}}
    kept = {"200": {"description": "The corrected claim", "content": {"application/fhir+json": {"schema": OBJECT}}}}
    form = {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"claim": STRING, "file": STRING, "correction": STRING}}
            }
        },
    }
    typed = {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {"schema": {"type": "object", "additionalProperties": STRING}}
        },
    }
    example = {"name": "example", "in": "query", "schema": STRING}
    return {
        "/": {
            "get": {**_operation("page", "The workbench", {**page, "404": _outcome("No such example")}),
                    "parameters": [example]},
            "post": {**_operation("review", "The workbench's review", {**page, **bad, "413": _outcome("Too large")}),
                     "requestBody": form},
        },
        "/corrected": {
            "post": {**_operation("corrected", "The corrected claim", {**kept, **_refusals()}), "requestBody": form}
        },
        "/audit-sheet": {
            "post": {**_operation("auditSheet", "What was found and done, for paper", {**page, **_refusals()}),
                     "requestBody": form}
        },
        "/build": {
            "get": _operation("buildPage", "A short form that makes a claim", page),
            "post": {**_operation("build", "The claim that the form makes", {**page, **bad}), "requestBody": typed},
        },
        "/can-i-bill-it": {
            "get": {**_operation("answersPage", "Who may bill what to whom", {**page, **bad}),
                    "parameters": [{"name": name, "in": "query", "schema": STRING}
                                   for name in ("code", "payer", "profession", "on")]}
        },
        "/rules": {
            "get": {**_operation("rulesPage", "Every rule, searched", page),
                    "parameters": [{"name": "q", "in": "query", "schema": STRING}]}
        },
        "/rules/{id}": {
            "get": {**_operation("rulePage", "A rule's page", {**page, "404": _outcome("No such rule")}),
                    "parameters": [{"name": "id", "in": "path", "required": True, "schema": STRING}]}
        },
        "/hooks": {
            "get": {**_operation("hooksPage", "The hook simulator", {**page, **bad}),
                    "parameters": [{"name": name, "in": "query", "schema": STRING} for name in ("service", "address")]},
            "post": {**_operation("simulate", "A simulated call, and its cards", {**page, **bad}), "requestBody": typed},
        },
        "/hooks/calls": {"get": _operation("calls", "The last calls, as part of a page", page)},
        "/savings": {
            "get": {**_operation("savingsPage", "What the rules save", page),
                    "parameters": [{"name": "days", "in": "query", "schema": STRING}]}
        },
    }  # fmt: skip


def _operation(id: str, summary: str, responses: Json, *, body: str = "", media: str = "application/json") -> Json:
    limited = (
        {} if id in ("healthz", "readyz", "metrics") else {"429": _outcome("More calls than are taken in a minute")}
    )
    operation: Json = {"operationId": id, "summary": summary, "responses": {**responses, **limited}}
    if body:
        operation["requestBody"] = {"required": True, "content": {media: {"schema": _ref(body)}}}
    return operation


_REFUSED = {
    400: "Unusable, and where",
    401: "The call does not prove which client makes it, where that is required",
    404: "There is no such thing",
    406: "Asked for in another form than JSON",
    412: "What is reviewed was neither sent nor can be fetched",
    413: "Too large",
    415: "Not JSON",
    422: "A version of CRD that is not spoken",
    503: "It could not be kept",
}


def _refusals(*others: int) -> Json:
    return {str(status): _outcome(_REFUSED[status]) for status in sorted({400, 413, 415, *others})}


def _outcome(description: str) -> Json:
    return _fhir(description, "OperationOutcome")


def _fhir(description: str, schema: str) -> Json:
    return {"description": description, "content": {"application/fhir+json": {"schema": _ref(schema)}}}


def _json(description: str, schema: str) -> Json:
    return {"description": description, "content": {"application/json": {"schema": _ref(schema)}}}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: tuple[str, ...], **properties: Json) -> Json:
    return {"type": "object", "required": list(required), "properties": properties}


def _array(items: Json) -> Json:
    return {"type": "array", "items": items}


def _schemas() -> Json:
    uuid = {**STRING, "format": "uuid"}
    issue = _object(
        ("severity", "code"),
        severity={"enum": ["fatal", "error", "warning", "information"]},
        code=STRING,
        details=OBJECT,
        diagnostics=STRING,
        expression=_array(STRING),
    )
    card = _object(
        ("uuid", "summary", "indicator", "source"),
        uuid=uuid,
        summary={**STRING, "maxLength": 139},
        detail=STRING,
        indicator={"enum": ["info", "warning", "critical"]},
        source=_object(("label", "topic"), label=STRING, url=STRING, topic=OBJECT),
        suggestions=_array(_object(("label", "uuid", "actions"), label=STRING, uuid=uuid, actions=_array(OBJECT))),
        selectionBehavior={"enum": ["at-most-one", "any"]},
        overrideReasons=_array(_object(("code", "system", "display"), code=STRING, system=STRING, display=STRING)),
        links=_array(_object(("label", "url", "type"), label=STRING, url=STRING, type={"const": "absolute"})),
        extension=_object(
            (),
            **{
                "fhir-massage.finding": _ref("Finding"),
                "fhir-massage.findings": _array(_ref("Finding")),
                "davinci-crd.associated-resource": _array(_object(("reference",), reference=STRING)),
            },
        ),
    )
    feedback = _object(
        ("card", "outcome", "outcomeTimestamp"),
        card=STRING,
        outcome={"enum": ["accepted", "overridden"]},
        acceptedSuggestions=_array(_object(("id",), id=STRING)),
        overrideReason=_object((), reason=_object(("code",), code=STRING, system=STRING), userComment=STRING),
        outcomeTimestamp={**STRING, "format": "date-time"},
    )
    service = _object(
        ("id", "hook", "description"),
        id=STRING,
        hook=STRING,
        hookVersion=STRING,
        version=STRING,
        title=STRING,
        description=STRING,
        prefetch=OBJECT,
        extension=OBJECT,
    )
    update = _object(("type", "resource"), type={"const": "update"}, description=STRING, resource=OBJECT)
    return {
        "Resource": OBJECT,
        "State": OBJECT,
        "Discovery": _object(("services",), services=_array(service)),
        "HookRequest": _object(
            ("hook", "hookInstance", "context"),
            hook=STRING,
            hookInstance=uuid,
            context=OBJECT,
            prefetch=OBJECT,
            fhirServer={**STRING, "format": "uri"},
            fhirAuthorization=OBJECT,
            extension=OBJECT,
        ),
        "Cards": _object(("cards",), cards=_array(card), systemActions={**_array(update), "minItems": 1}),
        "Feedback": _object(("feedback",), feedback=_array(feedback)),
        "OperationOutcome": _object(
            ("resourceType", "issue"),
            resourceType={"const": "OperationOutcome"},
            issue={**_array(issue), "minItems": 1},
        ),
        "Finding": _finding(),
        "Answer": _object(
            ("verdict", "code", "payer", "profession", "on", "reasons", "conditions"),
            verdict={"enum": ["yes", "no", "conditional"]},
            reasons=_array(OBJECT),
            conditions={"type": "array"},
        ),
    }


def _finding() -> Json:
    def nullable(schema: Json) -> Json:
        return {**schema, "type": [schema["type"], "null"]}

    return _object(
        ("rule", "severity", "message", "expression", "resource", "citations", "corrections"),
        rule=STRING,
        severity={"enum": ["error", "warning", "information"]},
        message=STRING,
        expression=_array(STRING),
        resource=STRING,
        denial=nullable(_object(("group", "carc", "rarc"), group=STRING, carc=STRING, rarc=_array(STRING))),
        at_risk=nullable(_object(("value", "currency"), value=STRING, currency={"const": "USD"})),
        citations=_array(_object(("title", "url", "effective"), title=STRING, url=STRING, effective=STRING)),
        corrections=_array(_object(("label", "edits"), label=STRING, needs=STRING, edits=_array(OBJECT))),
    )
