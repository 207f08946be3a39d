"""The guide and the matrix say what the facts, the rules and the answers say, and nothing of it is left unfilled."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from docs import build, figures, matrix
from fhir_massage import answer
from fhir_massage.engine.answer import ASKED_ABOUT
from fhir_massage.facts.book import shipped
from fhir_massage.rules import all_rules
from fhir_massage.rules.payment import PROFESSIONS

ON = date(2026, 11, 24)
PAGES = sorted(file.stem for file in (build.ROOT / "docs" / "guide").glob("*.md"))
#: Pages on which nothing is told that a claim shows.
WITHOUT_RULES = {"index", "liability-insurance"}
RULES = {rule.id for rule in all_rules()}
EXAMPLE = (build.EXAMPLES / "letter-of-medical-necessity" / "bad.json").read_bytes()


@pytest.fixture(scope="module")
def guide() -> dict[str, str]:
    return build.guide(ON)


def filled(tmp_path: Path, text: str, on: date = ON) -> str:
    page = tmp_path / "page.md"
    page.write_text(text)
    return figures.fill(page, figures.Figures(shipped(), on, EXAMPLE))


def test_it_answers_what_practitioners_ask() -> None:
    wanted = (
        "who-may-bill which-code units-and-minutes with-manipulation what-payers-pay referral-and-prescription "
        "documentation letter-of-medical-necessity fees-and-taxes liability-insurance not-your-codes"
    )
    assert set(wanted.split()) <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_every_figure_is_filled_in(guide: dict[str, str], page: str) -> None:
    text = guide[f"guide/{page}"]
    assert text.startswith("# ")
    assert not re.search(r"\{\{|\}\}|\{%|%\}|\bNone\b|Undefined", text)


@pytest.mark.parametrize("page", PAGES)
def test_each_answer_links_to_the_rule_that_enforces_it(guide: dict[str, str], page: str) -> None:
    linked = set(re.findall(r"\(\.\./rule-([\w-]+)\.md\)", guide[f"guide/{page}"]))
    assert linked <= RULES
    assert linked or page in WITHOUT_RULES


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_reached_from_the_first(guide: dict[str, str], page: str) -> None:
    assert page == "index" or f"({page}.md)" in guide["guide/index"]


def test_the_figures_are_those_of_the_day(tmp_path: Path) -> None:
    asked = '{{ threshold("pt-slp") }} {{ irs("standard-deduction", "single") }} {{ fee("97124") }}'
    assert filled(tmp_path, asked, date(2024, 12, 1)) == "$2,330 $14,600 $30.29"
    assert filled(tmp_path, asked, date(2026, 12, 1)) == "$2,480 $16,100 $29.73"


def test_the_count_of_units_is_the_rules_own(guide: dict[str, str]) -> None:
    page = guide["guide/units-and-minutes"]
    for row in ("| 1 | 8 to 22 |", "| 4 | 53 to 67 |", "| 8 | 113 to 127 |"):
        assert row in page
    assert "three units: 2 and 1" in page


def test_what_practices_report_is_marked_as_such(guide: dict[str, str]) -> None:
    reported = guide["guide/fees-and-taxes"].split("## What practices report")[1].split("##")[0]
    assert "reported, not facts" in reported
    assert all(amount in reported for amount in ("$160", "$55", "$70"))


def test_the_letter_is_the_one_that_the_product_drafts(guide: dict[str, str]) -> None:
    assert "- Condition: M54.2" in guide["guide/letter-of-medical-necessity"]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ('{{ threshold("pt-slp", 2035) }}', "there is no pt-slp"),
        ('{{ irs("standard-deduction", "alone") }}', "there is no standard-deduction"),
        ('{{ rule("no-such-rule") }}', "no-such-rule"),
        ('{{ source("hearsay") }}', "there is no source hearsay"),
        ('{{ verdict("97124", "nobody", "massage-therapist") }}', "nobody"),
        ('{{ pair("97124", "97530") }}', "there is no pair"),
        ('{{ no_pair("98941", "97140") }}', "are a pair now"),
        ('{{ techniques("97124", "myofascial release") }}', "is no technique of 97124"),
        ("{{ what_is_this }}", "what_is_this"),
        ("{{ threshold( }}", "unexpected"),
    ],
)
def test_what_the_facts_do_not_have_stops_the_build_by_page(tmp_path: Path, asked: str, reason: str) -> None:
    with pytest.raises(figures.Unresolved, match=f"page.md: .*{reason}"):
        filled(tmp_path, asked)


def test_the_guide_is_built_for_a_day_whose_figures_are_known() -> None:
    last = figures.known_until(shipped())
    assert last >= date(2026, 12, 31)
    assert build.guide(last)


class TestMatrix:
    def test_every_verdict_is_the_answers(self) -> None:
        sections = matrix.page(ON, shipped()).split("\n## ")[1:]
        assert len(sections) == len(shipped().policies)
        for section in sections:
            payer = re.search(r"Payer `([\w-]+)`", section)[1]  # type: ignore[index]
            rows = dict(re.findall(r"^\| ([\w ]+?) \| (.*) \|$", section, re.M))
            assert set(rows) == {profession.replace("-", " ") for profession in PROFESSIONS}
            for profession in PROFESSIONS:
                cells = rows[profession.replace("-", " ")].split(" | ")
                verdicts = [answer(code, payer, profession, ON).verdict for code in ASKED_ABOUT]
                shown = {"yes": "yes", "no": "no", "if": "conditional"}
                assert [shown[cell.split(" ")[0]] for cell in cells] == verdicts

    def test_every_cell_has_its_note_with_rule_and_source(self) -> None:
        section = matrix.page(ON, shipped()).split("## Medicare Part B")[1].split("\n## ")[0]
        notes = dict(re.findall(r"^(\d+)\. (.*)$", section, re.M))
        assert set(re.findall(r"\((\d+)\)", section.split("1. ")[0])) == set(notes)
        assert "Medicare does not pay a massage therapist" in notes["1"]
        assert set(re.findall(r"\(rule-([\w-]+)\.md\)", section)) <= RULES

    def test_the_address_of_a_rules_page_is_the_callers(self) -> None:
        assert "(rules/provider-not-payable/)" in matrix.page(ON, shipped(), "rules/{}/".format)


class TestSite:
    def test_every_link_between_pages_leads_to_one(self, tmp_path: Path) -> None:
        site = tmp_path / "site"
        build.main(site)
        for page in site.rglob("*.html"):
            for target in re.findall(r'href="([^"#:]+)"', page.read_text(encoding="utf-8")):
                if target.endswith((".html", ".md")):
                    assert (page.parent / target).resolve().is_file(), f"{page.name} links to {target}"
