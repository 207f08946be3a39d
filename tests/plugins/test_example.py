"""The example package, built and installed: its rule, its facts and its policy are in use at every door."""

from __future__ import annotations

import json

import pytest

from tests.plugins.packages import EXAMPLE, Installation, install_example

RULE = "riverbend-site-missing"
EXAMPLES = EXAMPLE / "riverbend_massage" / "examples" / RULE
ON = ("--on", "2026-11-23")


@pytest.fixture(scope="module")
def riverbend(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    place = tmp_path_factory.mktemp("installed")
    install_example(place)
    return Installation(place, tmp_path_factory.mktemp("data"))


def test_plugins_lists_what_it_brings(riverbend: Installation) -> None:
    found = riverbend.plugins()
    assert {group: each["brings"] for (group, _), each in found.items()} == {
        "facts": ["rule_sources"],
        "policies": ["riverbend-health"],
        "rules": [RULE],
    }
    assert {each["package"] for each in found.values()} == {"riverbend-massage"}
    assert riverbend.run("plugins").returncode == 0


def test_rules_lists_its_rule_after_the_products_own(riverbend: Installation) -> None:
    listed = json.loads(riverbend.run("rules", "--format", "json").stdout)
    assert [each["id"] for each in listed][-1] == RULE
    assert len(listed) > 1


def test_the_rule_finds_its_bad_example_and_cites_the_packages_source(riverbend: Installation) -> None:
    said = riverbend.run("check", *ON, "--format", "json", str(EXAMPLES / "bad.json"))
    assert said.stderr == ""
    (finding,) = json.loads(said.stdout)["findings"]
    assert finding["rule"] == RULE
    assert finding["expression"] == ["Claim.item[0].bodySite"]
    assert finding["citations"] == [
        {
            "title": "Riverbend Health, Provider manual, 6.3 Hands-on therapy",
            "url": "https://riverbend.example.org/provider-manual",
            "effective": "2026-01-01",
        }
    ]


def test_its_good_example_is_met_with_silence(riverbend: Installation) -> None:
    said = riverbend.run("check", *ON, "--format", "json", str(EXAMPLES / "good.json"))
    assert json.loads(said.stdout)["findings"] == []


def test_explain_shows_its_page_and_examples(riverbend: Installation) -> None:
    said = riverbend.run("explain", RULE, "--examples").stdout
    assert "Riverbend reviews these services by region" in said
    assert "A bad example" in said
    assert "Claim.item[0].bodySite: Riverbend asks for the body site of 97140 (manual therapy)." in said


@pytest.mark.parametrize(("payer", "asks"), [("riverbend-health", True), ("commercial", False)])
def test_answer_reads_its_policy(riverbend: Installation, payer: str, asks: bool) -> None:
    asked = ("--code", "97124", "--payer", payer, "--profession", "physical-therapist")
    said = json.loads(riverbend.run("answer", *asked, *ON, "--format", "json").stdout)
    told = {reason["text"] for reason in said["reasons"]}
    assert ("Riverbend asks for prior authorization of massage." in told) == asks


def test_the_library_and_the_service_have_it_too(riverbend: Installation) -> None:
    program = """
import json, sys, warnings
warnings.simplefilter("error")
from datetime import date
from pathlib import Path
from fhir_massage import review
from fhir_massage.web.app import create_app
content = Path(sys.argv[1]).read_bytes()
print(json.dumps([finding.rule for finding in review(content, on=date(2026, 11, 23)).findings]))
client = create_app().test_client()
told = client.post("/fhir/Claim/$validate", data=content, content_type="application/fhir+json").get_json()
print(json.dumps([issue["details"]["coding"][0]["code"] for issue in told["issue"] if "coding" in issue["details"]]))
"""
    said = riverbend.python(program, str(EXAMPLES / "bad.json"))
    assert next(json.loads(line) for line in said.stdout.splitlines() if line.startswith("[")) == [RULE]
    assert RULE in said.stdout.splitlines()[-1]
