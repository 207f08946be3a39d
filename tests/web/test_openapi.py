"""The description of the doors says what the running application does."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
from flask import Flask
from flask.testing import FlaskClient

from fhir_massage.engine.run import review
from fhir_massage.present.finding import as_json
from tests.web.test_doors import ROOT, SERVICE, TOO_MANY, hook

Json = dict[str, Any]
EXAMPLES = ROOT / "examples/hooks"


@pytest.fixture
def description(client: FlaskClient) -> Json:
    answer = client.get("/openapi.json")
    assert answer.status_code == 200
    described: Json = answer.json
    return described


def conforms(description: Json, schema: str, content: Any) -> None:
    jsonschema.Draft202012Validator({**description, "$ref": f"#/components/schemas/{schema}"}).validate(content)


def test_it_describes_every_address_and_no_other(app: Flask, description: Json) -> None:
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint != "static"
    }
    described = {
        (path, method)
        for path, item in description["paths"].items()
        for method in item
        if method in ("get", "post", "put")
    }
    assert described == served


def test_every_reference_in_it_leads_somewhere(description: Json) -> None:
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(description)))
    assert named == set(description["components"]["schemas"])


def test_answers_are_as_it_says(client: FlaskClient, description: Json) -> None:
    conforms(description, "Cards", client.post(SERVICE, json=hook(TOO_MANY)).json)
    conforms(description, "HookRequest", hook(TOO_MANY))
    dispatch = json.loads((EXAMPLES / "order-dispatch.json").read_text())
    conforms(description, "HookRequest", dispatch)
    conforms(description, "Cards", client.post("/cds-services/fhir-massage-order-dispatch", json=dispatch).json)
    conforms(description, "Feedback", json.loads((EXAMPLES / "feedback.json").read_text()))
    conforms(description, "Discovery", client.get("/cds-services").json)
    conforms(description, "OperationOutcome", client.post("/fhir/Claim/$validate", json=TOO_MANY).json)
    conforms(description, "OperationOutcome", client.get("/nowhere").json)
    asked = {"code": "97124", "payer": "commercial", "profession": "massage-therapist", "on": "2026-11-02"}
    conforms(description, "Answer", client.get("/answers", query_string=asked).json)
    for finding in review(TOO_MANY).findings:
        conforms(description, "Finding", as_json(finding))
