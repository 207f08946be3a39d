"""The manifest says what the running service does."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from fhir_massage import __version__
from fhir_massage.hooks.services import discovery
from fhir_massage.settings import PREFIX, Settings
from fhir_massage.web.fhir import VALIDATED

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def manifest() -> dict:
    return json.loads((ROOT / "plugin_manifest.json").read_text())


def test_it_follows_its_schema(manifest: dict) -> None:
    schema = json.loads((ROOT / "docs/plugin_manifest.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(manifest)


def test_its_hooks_are_those_of_the_discovery(manifest: dict) -> None:
    served = [{key: s[key] for key in ("id", "hook", "prefetch")} for s in discovery()["services"]]
    assert manifest["hooks"] == served


def test_its_settings_are_those_that_are_read(manifest: dict) -> None:
    read = {
        f"{PREFIX}{name.upper()}": (
            field.description,
            str(field.default) if isinstance(field.default, Path) else field.default,
        )
        for name, field in Settings.model_fields.items()
    }
    assert {s["name"]: (s["meaning"], s["default"]) for s in manifest["settings"]} == read


def test_its_version_and_operations_are_the_services(manifest: dict) -> None:
    assert manifest["version"] == __version__
    assert manifest["operations"] == [f"{kind}/$validate" for kind in VALIDATED]
