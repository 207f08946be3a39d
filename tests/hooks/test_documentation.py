"""``docs/hooks.md`` names all that an integration team meets."""

from __future__ import annotations

import json
from pathlib import Path

from fhir_massage.hooks.services import discovery
from fhir_massage.present.card import OVERRIDE_REASONS
from fhir_massage.settings import PREFIX, Settings
from tests.crd import PARTS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/hooks.md").read_text()


def test_it_names_every_service_option_part_and_setting() -> None:
    services = discovery()["services"]
    options = {option["code"] for s in services for option in s["extension"]["davinci-crd.configuration-options"]}
    words = {service["id"] for service in services} | {f"{s['hook']}` {s['hookVersion']}" for s in services}
    words |= options | set(PARTS) - {"coverage"} | {code for code, _ in OVERRIDE_REASONS}
    words |= {f"{PREFIX}{name.upper()}" for name in Settings.model_fields if name.startswith("log_")}
    assert [word for word in sorted(words) if f"`{word}" not in TEXT] == []


def test_every_hook_has_an_example() -> None:
    examples = [json.loads(file.read_text()) for file in (ROOT / "examples/hooks").glob("*.json")]
    assert {each["hook"] for each in examples if "hook" in each} == {s["hook"] for s in discovery()["services"]}
