"""The application with a store of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fhir_massage.settings import Settings
from fhir_massage.web.app import create_app


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = create_app(Settings(data=tmp_path))
    yield made
    made.extensions["fhir_massage"].store.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
