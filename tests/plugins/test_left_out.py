"""A package that cannot be loaded is named with the reason and left out; all else goes on as if it were not there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from fhir_massage.facts.book import read_facts
from fhir_massage.rules import all_rules
from tests.claims import claim, line
from tests.plugins.packages import RULE, Installation, install

POLICY = """
payer = "{payer}"
title = "A payer for a test"
class = "commercial"
extends = "{extends}"
"""
SOURCES = "id,owner,title,published,url\n{id},An owner,A title,2026-01-01,https://example.org\n"


def _mue(units: str, source: str = "test-document") -> str:
    head = "code,units,adjudication,effective,end,source,section,checked"
    return f"{head}\n97140,{units},3,2020-01-01,,{source},1,2026-01-01\n"


#: Packages by name: their files, their entry points, and words of the reason why each is left out.
BROKEN: dict[str, tuple[dict[str, str], dict[str, str], str]] = {
    "raises": ({"raises.py": RULE.format(id="raises-rule") + "1/0\n"}, {"rules:raises": "raises"}, "ZeroDivisionError"),
    "exits": ({"exits.py": "import sys; sys.exit(3)"}, {"rules:exits": "exits"}, "SystemExit"),
    "absent": ({}, {"rules:absent": "no_such_module"}, "No module named 'no_such_module'"),
    "empty": ({"empty.py": ""}, {"rules:empty": "empty"}, "registers no rule"),
    "foreign": ({"foreign.py": RULE.format(id="other-rule")}, {"rules:foreign": "foreign"}, "foreign-other-rule"),
    "clash": (
        {"clash.py": RULE.format(id="units-exceed-minutes")},
        {"rules:units": "clash"},
        "two rules are called units-exceed-minutes",
    ),
    "pageless": (
        {"pageless.py": RULE.format(id="pageless-rule").replace("What to do", "Hints")},
        {"rules:pageless": "pageless"},
        "lacks: What to do",
    ),
    "familyless": (
        {"familyless.py": RULE.format(id="familyless-rule").replace('family="claim"', 'family="misc"')},
        {"rules:familyless": "familyless"},
        "a family that there is not",
    ),
    "shouts": ({"shouts.py": RULE.format(id="shouts-rule")}, {"rules:Shouts": "shouts"}, "lower case"),
    "twin-b": ({"twin_b.py": RULE.format(id="twin-rule-b")}, {"rules:twin": "twin_b"}, "twin-a"),
    "no-toml": ({"no_toml/__init__.py": ""}, {"policies:no-toml": "no_toml"}, "no *.toml"),
    "bad-toml": ({"bad_toml/p.toml": "payer = "}, {"policies:bad-toml": "bad_toml"}, "p.toml: (file)"),
    "extends-nobody": (
        {"extends_nobody/p.toml": POLICY.format(payer="test-payer", extends="nobody")},
        {"policies:extends-nobody": "extends_nobody"},
        "no policy of a payer 'nobody'",
    ),
    "second": (
        {"second/p.toml": POLICY.format(payer="test-first", extends="commercial")},
        {"policies:second": "second"},
        "first (first 1.0) has a policy of this payer",
    ),
    "no-package": ({}, {"policies:no-package": "no_such_package"}, "there is no such package"),
    "no-table": (
        {"no_table/tables/prices.csv": _mue("1"), "no_table/sources/s.csv": SOURCES.format(id="test-document")},
        {"facts:no-table": "no_table"},
        "there is no such table",
    ),
    "overlaps": (
        {"overlaps/tables/mue.csv": _mue("99"), "overlaps/sources/s.csv": SOURCES.format(id="test-document")},
        {"facts:overlaps": "overlaps"},
        "two rows are in force",
    ),
    "sourceless": (
        {"sourceless/tables/mue.csv": _mue("1", "nowhere")},
        {"facts:sourceless": "sourceless"},
        "source 'nowhere' is in no list",
    ),
}
SOUND = {
    "twin-a": ({"twin_a.py": RULE.format(id="twin-rule")}, {"rules:twin": "twin_a"}),
    "first": (
        {"first/p.toml": POLICY.format(payer="test-first", extends="commercial")},
        {"policies:first": "first"},
    ),
    "quiet": ({"quiet/rules.py": RULE.format(id="quiet-rule")}, {"rules:quiet": "quiet.rules"}),
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    place = tmp_path_factory.mktemp("installed")
    for package, (files, points, _) in BROKEN.items():
        install(place, package, files, points)
    for package, (files, points) in SOUND.items():
        install(place, package, files, points)
    return Installation(place, tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def said(installed: Installation) -> dict[str, dict]:
    return {package: each for (_, package), each in installed.plugins().items()}


@pytest.mark.parametrize("package", BROKEN)
def test_what_cannot_be_loaded_is_named_with_the_reason(said: dict[str, dict], package: str) -> None:
    assert BROKEN[package][2] in said[package]["problem"]
    assert said[package]["brings"] == []


@pytest.mark.parametrize("package", SOUND)
def test_what_can_be_loaded_is_in_use(said: dict[str, dict], package: str) -> None:
    assert said[package]["problem"] is None
    assert said[package]["brings"]


def test_plugins_fails_so_that_an_operator_may_refuse_to_start(installed: Installation) -> None:
    result = installed.run("plugins")
    assert result.returncode == 1
    assert "raises (raises 1.0)  fhir_massage.rules\n  left out: ZeroDivisionError: division by zero" in result.stdout


def test_no_rule_is_left_of_a_package_that_failed_half_way(installed: Installation) -> None:
    result = installed.run("rules", "--format", "json")
    ids = [each["id"] for each in json.loads(result.stdout)]
    own = [rule.id for rule in all_rules()]
    assert ids == [*own, "quiet-rule", "twin-rule"]
    assert "fhir-massage: the plugin raises (raises 1.0) is left out: ZeroDivisionError" in result.stderr


def test_the_command_line_reviews_all_the_same_and_says_so_on_standard_error(
    installed: Installation, tmp_path: Path
) -> None:
    (tmp_path / "claim.json").write_text(json.dumps(claim(line("97140", units=4, minutes=20))))
    result = installed.run("check", "--on", "2026-11-10", "--format", "json", str(tmp_path / "claim.json"))
    assert result.returncode == 1
    rules = [finding["rule"] for finding in json.loads(result.stdout)["findings"]]
    assert sorted(rules) == ["quiet-rule", "twin-rule", "units-exceed-minutes"]
    assert len([told for told in result.stderr.splitlines() if "is left out: " in told]) == len(BROKEN)


def test_the_shipped_facts_stand_as_they_were(installed: Installation) -> None:
    program = "from fhir_massage.facts.book import read_facts as r; f = r(); print(len(f.rows_of('mue')), *f.policies)"
    count, *payers = installed.python(program).stdout.split()
    assert int(count) == len(read_facts().rows_of("mue"))
    assert payers == [*read_facts().policies, "test-first"]


def test_the_service_starts_logs_each_and_says_in_readyz_which(installed: Installation) -> None:
    program = """
from fhir_massage.web.app import create_app
from fhir_massage.web.serve import log_as_json
log_as_json()
answer = create_app().test_client().get("/readyz")
print(answer.status_code, answer.get_data(as_text=True))
"""
    result = installed.python(program)
    status, content = result.stdout.split(" ", 1)
    assert status == "200"
    assert "raises" in json.loads(content)["plugins_left_out"]
    logged = [json.loads(told) for told in result.stderr.splitlines() if told.startswith("{")]
    left_out = [each for each in logged if each["event"] == "plugin left out"]
    assert len(left_out) == len(BROKEN)
    assert all(each["problem"] and each["level"] == "error" for each in left_out)


def test_the_library_warns(installed: Installation) -> None:
    program = "from fhir_massage import review; review({'resourceType': 'Claim'}); review({'resourceType': 'Claim'})"
    told = installed.python(program).stderr
    assert told.count("the plugin raises (raises 1.0) is left out: ZeroDivisionError: division by zero") == 1


def test_a_package_imported_before_rules_are_asked_for_is_no_other(installed: Installation) -> None:
    program = """
import quiet.rules
from fhir_massage.rules import all_rules, rule_plugins
print([rule.id for rule in all_rules()][-2:], [p.brings for p in rule_plugins() if p.name == "quiet"])
"""
    assert installed.python(program).stdout == "['quiet-rule', 'twin-rule'] [('quiet-rule',)]\n"


def test_rules_asked_for_by_two_threads_at_once_are_whole_for_both(installed: Installation) -> None:
    (installed.place / "slow.py").write_text("import time; time.sleep(0.3)\n" + RULE.format(id="slow-rule"))
    program = """
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint
import fhir_massage.rules.plugins as loading
from fhir_massage.installed import Plugin
from fhir_massage.rules import rules_for
loading.plugins = lambda group: [Plugin(group, "slow", "slow", "slow", "1.0")]
with ThreadPoolExecutor(4) as threads:
    print({len(found) for found in threads.map(rules_for, ["claim"] * 4)}, rules_for("claim")[-1].id)
"""
    result = installed.python(program)
    assert re.fullmatch(r"\{\d+\} slow-rule\n", result.stdout), "one count for all, the slow rule's among them"
