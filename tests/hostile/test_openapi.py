"""Requests made from ``/openapi.json`` by schemathesis: what is described is kept to, whatever comes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from fhir_massage.settings import Settings
from fhir_massage.web.app import create_app

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
def described(tmp_path: Path) -> Iterator[Any]:
    app = create_app(Settings(data=tmp_path))
    yield schemathesis.openapi.from_wsgi("/openapi.json", app).include(
        path_regex="^/(cds-|fhir|answers|healthz|readyz)"
    )
    app.extensions["fhir_massage"].store.close()


def test_doors_do_what_they_describe(described: Any) -> None:
    asked = []
    for found in described.get_all_operations():
        operation = found.ok()
        asked.append(operation.label)

        @settings(max_examples=20, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck])
        @given(operation.as_strategy())
        def kept_to(case: Any) -> None:
            case.call_and_validate(checks=CHECKS)

        kept_to()
    assert {"POST /cds-services/{id}", "POST /fhir/{kind}/$validate", "GET /answers"} <= set(asked)
