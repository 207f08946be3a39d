"""What a manager reads of an audit: the page, the text on a terminal, and JSON that two equal runs share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page

from fhir_massage.audit.breakdown import breakdown, by_time
from fhir_massage.audit.summary import Summary, as_text, summary_files
from fhir_massage.audit.tally import Count, Counts, Tally
from fhir_massage.rules import all_rules

ON = "2026-11-10"
RULES = [rule.id for rule in all_rules()]


def count(dollars: int, saved: int = 0) -> Count:
    """Two findings on one claim."""
    return Count(2, 1, Decimal(dollars), 1, Decimal(saved))


def eight_years() -> Counts:
    """Something at risk in each month from January 2019 to November 2026, but for March 2026."""
    months = [f"{year}-{month:02}" for year in range(2019, 2027) for month in range(1, 13)]
    return {month: count(100 + n, 30) for n, month in enumerate(months) if month <= "2026-11" and month != "2026-03"}


def summary(**tallied: object) -> Summary:
    return Summary(on=ON, version="0.1.0", files=3, resources=9, rejected=2, seconds=1.5, tally=tally(**tallied))


def tally(**given: object) -> Tally:
    """Many causes of nearly the same weight, many providers, eight years: the hardest to show."""
    whole: dict[str, object] = {
        "claims": 6000, "orders": 166, "charged": Decimal(1_271_784), "at_risk": Decimal(240_632), "saved": Decimal(39_495),
        "with_errors": 1296, "correct": 4535, "failed": 1, "severities": {"error": 1424, "warning": 380},
        "rules": {rule: count(9000 - 100 * n, 90 * (n % 3)) for n, rule in enumerate(RULES)},
        "payers": {"Medicare Part B": count(500, 500), "not recognised": count(0)},
        "providers": {f"11000{n:05}": count(1000 - n) for n in range(238)} | {"Practitioner/" + "x" * 64: count(990)},
        "months": eight_years() | {"2031-02": count(7), "no date": count(8)},
    }  # fmt: skip
    return Tally(**(whole | given))  # type: ignore[arg-type]


class TestRows:
    def test_the_largest_cause_has_the_longest_bar_and_what_is_put_together_has_none(self) -> None:
        page = summary_files(summary())["summary.html"]
        causes = page.partition('id="causes"')[2].partition("</section>")[0]
        lengths = [float(each) for each in re.findall(r'class="risk" width="([\d.]+)" height="10"/><rect', causes)]
        assert lengths[0] == 100 == max(lengths)
        assert len(lengths) == 30
        others = causes.partition('class="together"')[2].partition("</p>")[0]
        assert f"{len(RULES) - 30} others together" in others
        assert "<svg" not in others

    def test_causes_are_named_until_little_is_left(self) -> None:
        few = {f"a{n:02}": count(1000) for n in range(20)} | {f"b{n:02}": count(1) for n in range(50)}
        found = breakdown(few)
        assert len(found.rows) == 19, "these hold nine tenths of the money"
        assert (found.others, found.rest.at_risk) == (51, Decimal(1050))

    def test_nothing_is_lost_between_the_rows(self) -> None:
        found = breakdown(tally().rules)
        assert sum(row.count.findings for row in found.rows) + found.rest.findings == 2 * len(RULES)


class TestMonths:
    def test_the_last_two_years_stand_month_by_month_without_a_gap_and_older_ones_by_year(self) -> None:
        times = by_time(eight_years(), ON)
        assert [month.name for month in times.months][:: len(times.months) - 1] == ["December 2024", "November 2026"]
        assert len(times.months) == 24
        assert [month.count.findings for month in times.months if month.name == "March 2026"] == [0]
        assert [row.name for row in times.years] == ["2024 up to November", "2023", "2022", "2021", "2020", "2019"]
        assert times.others == ()

    def test_a_date_far_ahead_and_no_date_stand_apart(self) -> None:
        times = by_time({"2026-10": count(5), "2206-01": count(7), "no date": count(8)}, ON)
        assert [month.name for month in times.months] == ["October 2026"]
        assert [(row.name, row.count.at_risk) for row in times.others] == [
            ("After November 2026", Decimal(7)), ("Without a date", Decimal(8))
        ]  # fmt: skip

    def test_very_old_years_are_one_row_and_nothing_is_lost(self) -> None:
        counts = {f"{year}-06": count(10) for year in range(1990, 2027)}
        times = by_time(counts, ON)
        assert len(times.years) == 10
        assert [row.name for row in times.others] == ["Before 2015"]
        shown = [row.count.at_risk for row in (*times.months, *times.years, *times.others)]
        assert sum(shown) == 10 * len(counts)

    @pytest.mark.parametrize("counts", [{}, {"no date": count(8)}, {"2031-02": count(7)}, {"2026-11": count(0)}])
    def test_where_there_is_no_month_to_draw_the_page_is_written_all_the_same(self, counts: Counts) -> None:
        assert "<h1>" in summary_files(summary(months=counts))["summary.html"]


class TestFiles:
    def test_two_runs_whose_parts_end_in_another_order_write_the_same(self) -> None:
        parts = [
            Tally(severities={"warning": 1}, rules={RULES[1]: count(5)}, months={"2026-01": count(5)}),
            Tally(severities={"error": 2}, rules={RULES[0]: count(5)}, months={"2025-01": count(5)}),
        ]
        written = []
        for order in (parts, parts[::-1]):
            whole = Tally(severities={}, rules={}, payers={}, providers={}, months={})
            for part in order:
                whole.add(part)
            written.append(summary_files(Summary(
                on=ON, version="1", files=1, resources=2, rejected=0, seconds=0.5, tally=whole
            )))  # fmt: skip
        assert written[0] == written[1]

    def test_the_page_needs_no_script_and_no_network(self) -> None:
        page = summary_files(summary())["summary.html"]
        assert "<script" not in page
        assert "default-src 'none'" in page
        assert not re.search(r"""(?:src|href)=|url\(|@import|https?://""", page)

    def test_a_name_from_the_claims_is_shown_as_text(self) -> None:
        page = summary_files(summary(providers={"<img src=x>": count(1)}))["summary.html"]
        assert "&lt;img src=x&gt;" in page
        assert "<img" not in page

    def test_where_all_is_correct_the_page_says_so(self) -> None:
        nothing: dict[str, object] = {name: {} for name in ("rules", "payers", "providers", "months", "severities")}
        page = summary_files(summary(**nothing, at_risk=Decimal(0), claims=0, orders=0, charged=Decimal(0)))
        assert "Nothing to correct was found." in page["summary.html"]


class TestText:
    def test_it_fits_80_columns_and_its_figures_stand_under_each_other(self) -> None:
        said = as_text(summary()).splitlines()
        assert max(map(len, said)) <= 80
        table = said[said.index("") + 1 :]
        assert table[-1].startswith(f"{len(RULES) - 12} other causes")
        assert {len(row) for row in table} == {80}

    def test_without_findings_there_is_no_empty_table(self) -> None:
        assert "Cause" not in as_text(summary(rules={}))


@pytest.fixture
def reader(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """A manager who opens the page from a folder, in a browser of their own."""
    file = tmp_path / "summary.html"
    file.write_text(summary_files(summary())["summary.html"])
    contexts = []

    def read(**options: object) -> Page:
        contexts.append(browser.new_context(**options))  # type: ignore[arg-type]
        page = contexts[-1].new_page()
        page.goto(file.as_uri())
        return page

    yield read
    for context in contexts:
        context.close()


class TestInABrowser:
    @pytest.mark.parametrize(("scheme", "width"), [("light", 320), ("dark", 1280)])
    def test_axe_finds_nothing(
        self, scheme: str, width: int, reader: Callable[..., Page], screenshot: Callable[[Page, str], None]
    ) -> None:
        page = reader(viewport={"width": width, "height": 800}, color_scheme=scheme)
        screenshot(page, f"audit-{scheme}-{width}")
        for summary in page.locator("summary").all():
            summary.click()
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()

    @pytest.mark.parametrize("width", [320, 390, 768, 1920])
    def test_every_bar_is_on_the_screen_and_nothing_scrolls_sideways(
        self, width: int, reader: Callable[..., Page]
    ) -> None:
        page = reader(viewport={"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for chart in page.locator("svg.bar, svg.columns").all():
            box = chart.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            assert box["width"] >= width / 5, "a bar is there to be seen"

    def test_on_paper_it_is_light_and_the_months_have_their_numbers(self, reader: Callable[..., Page]) -> None:
        page = reader(viewport={"width": 700, "height": 990}, color_scheme="dark")
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(26, 34, 38)"
        assert page.evaluate("document.documentElement.scrollWidth") <= 700
        assert page.get_by_role("rowheader", name="December 2024").is_visible()
