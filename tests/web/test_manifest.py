"""The manifest says what the running service does."""

from __future__ import annotations

import importlib
import json
import re
import tomllib
from pathlib import Path

import jsonschema
import pytest

from fhir_massage import __version__
from fhir_massage.cli.main import COMMANDS
from fhir_massage.hooks.services import SERVICES, discovery
from fhir_massage.installed import FACTS, POLICIES, RULES
from fhir_massage.read.elements import READ
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


def test_it_reads_what_the_reader_knows(manifest: dict) -> None:
    carriers = {"Bundle", "Parameters", "OperationOutcome"}
    assert set(manifest["resourcesRead"]) == {kind.__name__ for kind in READ} - carriers


def test_its_scopes_allow_what_the_prefetch_asks_for_and_nothing_that_is_not_read(manifest: dict) -> None:
    queries = [query for service in SERVICES for query in service.prefetch.values()]
    # A query that is a reference as it came may be of several types; the scopes of those are the second half's matter.
    asked = {re.split(r"[/?]", query)[0] for query in queries if not query.startswith("{{")}
    scopes = {re.fullmatch(r"patient/(\w+)\.read", scope)[1] for scope in manifest["smartScopes"]}
    assert asked <= scopes
    assert scopes <= set(manifest["resourcesRead"])


def test_its_entry_points_are_there(manifest: dict) -> None:
    points = manifest["entryPoints"]
    for name in ("application", "library"):
        module, attribute = points[name].split(":")
        assert callable(getattr(importlib.import_module(module), attribute))
    assert points["command"] in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert points["service"].split() == [points["command"], "serve"]
    assert "serve" in COMMANDS


def test_it_names_the_groups_by_which_packages_extend_it(manifest: dict) -> None:
    assert list(manifest["extendedBy"]) == [RULES, POLICIES, FACTS]


@pytest.mark.parametrize(
    "wrong",
    [
        {"hooks": []},
        {"version": "one"},
        {"settings": [{"name": "OTHER", "type": "text", "default": None, "meaning": "x"}]},
        {"smartScopes": ["everything"]},
        {"more": 1},
    ],
)
def test_its_schema_refuses_what_is_wrong(manifest: dict, wrong: dict) -> None:
    schema = json.loads((ROOT / "docs/plugin_manifest.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert not jsonschema.Draft202012Validator(schema).is_valid(manifest | wrong)
