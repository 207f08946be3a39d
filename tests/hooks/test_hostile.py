"""Requests with any part replaced by anything: each is answered or refused with its place, and none fails."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.conftest import app, client

__all__ = ["app", "client"]
EXAMPLES = [json.loads(f.read_text()) for f in sorted((Path(__file__).parents[2] / "examples/hooks").glob("*.json"))]
ANYTHING = st.sampled_from(
    [None, True, 0, -1, 1.5, "", "x", [], {}, [None], [{}], [[]], {"a": 1}, {"reference": 3}, {"url": None}, "9" * 400]
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document but the whole."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [inner for key, part in parts for inner in ((*path, key), *paths(part, (*path, key)))]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_request_fails_the_service(client: FlaskClient, data: st.DataObject) -> None:
    content = copy.deepcopy(data.draw(st.sampled_from(EXAMPLES)))
    kind = f"fhir-massage-{content['hook']}" if "hook" in content else "fhir-massage-order-sign/feedback"
    for _ in range(data.draw(st.integers(1, 3))):
        *within, last = data.draw(st.sampled_from(paths(content)))
        part = content
        for key in within:
            part = part[key]
        part[last] = copy.deepcopy(data.draw(ANYTHING))
        if not paths(content):
            break
    body = json.dumps(content)
    answer = client.post(f"/cds-services/{kind}", data=body, content_type="application/json")
    assert answer.status_code in (200, 400, 412, 422), body
    if answer.status_code != 200:
        assert answer.json["resourceType"] == "OperationOutcome"
