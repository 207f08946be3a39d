"""The library: its public names are those that are documented, and a report goes on to programs and notebooks."""

from __future__ import annotations

import html
import importlib
import json
import re
import sys
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas
import pytest

import fhir_massage
from fhir_massage import MissingExtra, Report, UnknownQuestion, answer, review
from fhir_massage.present.frame import COLUMNS
from tests.claims import TODAY, claim, line, resource, reviewed, the

DOCUMENT = (Path(__file__).parents[1] / "docs" / "library.md").read_text(encoding="utf-8")
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


def _documented(module: str) -> set[str]:
    """The names in the first column of the module's table."""
    (section,) = re.findall(rf"^### `{re.escape(module)}`\n(.*?)(?=^##|\Z)", DOCUMENT, re.M | re.S)
    return set(re.findall(r"^\| `(\w+)", section, re.M))


@pytest.mark.parametrize("module", ["fhir_massage", "fhir_massage.plugin"])
def test_the_public_names_are_those_that_are_documented(module: str) -> None:
    loaded = importlib.import_module(module)
    assert set(loaded.__all__) == _documented(module)
    assert all(hasattr(loaded, name) for name in loaded.__all__)


@pytest.mark.parametrize("name", ["Report", "Finding", "Correction", "Edit", "Denial", "Citation", "Answer", "Reason"])
def test_the_documented_fields_are_there(name: str) -> None:
    row = re.findall(rf"^\| `{name}` \| (.*) \|$", DOCUMENT, re.M)[0]
    documented = re.findall(r"`(\w+)(?:\([^`]*\))?`", row)
    of_report = vars(reviewed(claim()))
    kind = getattr(fhir_massage, name)
    assert documented
    assert [field for field in documented if not hasattr(kind, field) and field not in of_report] == []


def test_the_documented_columns_are_those_of_the_frame() -> None:
    (table,) = re.findall(r"^\| column \|.*?(?=\n\n)", DOCUMENT, re.M | re.S)
    first = [row.split("|")[1] for row in table.splitlines()[2:]]
    assert sorted(name for cell in first for name in re.findall(r"`(\w+)`", cell)) == sorted(COLUMNS)


# --- to_dict ---------------------------------------------------------------------------------------------


def test_to_dict_is_what_the_command_line_prints_as_json() -> None:
    report = review(claim(line("97140", units=4, minutes=20)), on=TODAY)
    content = json.loads(json.dumps(report.to_dict()))
    (finding,) = content["findings"]
    assert finding["rule"] == "units-exceed-minutes"
    assert finding["at_risk"] == {"value": f"{report.findings[0].at_risk:.2f}", "currency": "USD"}
    assert content["reviewed"] == {"claims": 1, "orders": 0, "out_of_scope": 0}
    assert content["corrected"]["Claim/c1"]["item"][0]["quantity"]["value"] == 1


# --- to_frame --------------------------------------------------------------------------------------------


def test_to_frame_has_a_row_a_finding() -> None:
    report = review(claim(line("97140", units=4, minutes=20), line("97014", minutes=None)), on=TODAY)
    frame = report.to_frame()
    assert list(frame["rule"]) == [finding.rule for finding in report.findings]
    assert list(frame["line"].dropna()) == [f.line for f in report.findings if f.line is not None]
    first = frame[frame["rule"] == "units-exceed-minutes"].iloc[0]
    assert (first["denial_group"], first["denial_carc"]) == ("CO", "151")
    assert first["line"] == 0
    assert Decimal(str(first["at_risk"])) == report.findings[list(frame["rule"]).index(first["rule"])].at_risk
    assert first["certain"]
    assert first["reviewed_on"] == pandas.Timestamp(TODAY)


def test_an_empty_frame_has_the_same_columns_and_types() -> None:
    full = review(claim(line("97140", units=4, minutes=20)), on=TODAY).to_frame()
    empty = review(claim(), on=TODAY).to_frame()
    assert len(empty) == 0
    assert empty.dtypes.equals(full.dtypes)
    assert list(pandas.concat([empty, full])["rule"]) == ["units-exceed-minutes"]


def test_severities_can_be_compared() -> None:
    frame = review(claim(line("97140", units=4, minutes=20)), on=TODAY).to_frame()
    assert list(frame["severity"] >= "warning") == [True]
    assert list(frame["severity"] > "error") == [False]


def test_without_pandas_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtra, match=r"pip install 'fhir-massage\[frame\]'"):
        review(claim(), on=TODAY).to_frame()


# --- _repr_html_ -----------------------------------------------------------------------------------------


def _shown(content: Any) -> str:
    return review(content, on=TODAY)._repr_html_()


def test_a_notebook_shows_the_findings() -> None:
    shown = html.unescape(_shown(claim(line("97140", units=4, minutes=20))))
    assert 'data-rule="units-exceed-minutes"' in shown
    assert "CO-151" in shown
    assert "$174.00" in shown
    assert '<a href="https://' in shown


def test_a_notebook_says_that_a_correct_claim_is_correct() -> None:
    assert "nothing to correct" in _shown(claim())
    assert "there is no claim" in _shown({"resourceType": "Patient"})


@pytest.mark.parametrize("place", ["id", "payor", "code", "modifier", "words", "unit"])
def test_nothing_that_a_claim_says_becomes_markup(place: str) -> None:
    content = claim(line("97140", units=4, minutes=20, modifiers=("ZZ",)), diagnoses=("Z99",))
    resource = content["entry"][0]["resource"]
    item = resource["item"][0]
    if place == "id":
        resource["id"] = HOSTILE
        content["entry"][0].pop("fullUrl", None)
    elif place == "code":
        item["productOrService"]["coding"][0]["code"] = HOSTILE
        item["productOrService"]["coding"].append({"system": "http://www.ama-assn.org/go/cpt", "code": "97140"})
    elif place == "modifier":
        item["modifier"][0]["coding"][0]["code"] = HOSTILE
    elif place == "words":
        item["productOrService"]["text"] = HOSTILE
    elif place == "unit":
        item["quantity"]["unit"] = HOSTILE
    else:
        content = json.loads(json.dumps(content).replace('"Evergreen Mutual Health"', json.dumps(HOSTILE)))
    shown = _shown(content)
    assert "<script" not in shown
    assert "<img" not in shown


def test_an_address_that_is_none_is_no_link() -> None:
    report = review(claim(line("97140", units=4, minutes=20)), on=TODAY)
    finding = report.findings[0]
    cited = fhir_massage.Citation(HOSTILE, "javascript:alert(1)", "2026-01-01")
    changed = type(finding)(**{**_fields(finding), "citations": (cited,), "message": HOSTILE, "resource": HOSTILE})
    shown = _with(report, changed)._repr_html_()
    assert "javascript:" not in shown
    assert "<script" not in shown
    assert html.escape(HOSTILE, quote=False)[:30] in shown.replace("&#34;", '"').replace("&#39;", "'")


def _fields(finding: fhir_massage.Finding) -> dict[str, Any]:
    return {name: getattr(finding, name) for name in finding.__struct_fields__}


def _with(report: Report, finding: fhir_massage.Finding) -> Report:
    """The report with this finding only."""
    report.findings = (finding,)
    return report


# --- answer ----------------------------------------------------------------------------------------------


def test_answer_needs_no_facts() -> None:
    assert answer("97124", "medicare-part-b", "massage-therapist", TODAY).verdict == "no"


def test_answer_names_what_is_known() -> None:
    with pytest.raises(UnknownQuestion, match="medicare-part-b"):
        answer("97124", "nobody", "massage-therapist", TODAY)


def test_money_in_another_currency_is_not_held_to_be_dollars() -> None:
    content = claim(line("97140", units=2, minutes=15))
    bill = resource(content, "Claim")
    for money in (bill["total"], *(item[name] for item in bill["item"] for name in ("net", "unitPrice"))):
        money["currency"] = "EUR"
    report = reviewed(content)
    assert the(report, "units-exceed-minutes").at_risk != Decimal("116.00"), "the line is not charged in dollars"
    assert report.cases["Claim/c1"].total is None
    assert "charge-mismatch" not in {each.rule for each in reviewed(content).findings}


def test_a_moment_is_taken_for_its_day() -> None:
    content = claim(line("97140", units=2, minutes=15))
    assert review(content, on=datetime(2026, 11, 10, 12, 30)).on == date(2026, 11, 10)
