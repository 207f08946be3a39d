"""Facts load only with their sources; policies are refused by file, key and reason, and may be one's own."""

from __future__ import annotations

import csv
import shutil
from datetime import date
from pathlib import Path

import pytest

from fhir_massage import BadFact
from fhir_massage.facts import load
from fhir_massage.facts.book import TABLES, Facts, read_facts, shipped
from fhir_massage.facts.policy import ENTRY_KEYS

DAY = date(2026, 11, 2)
POLICY = """
payer = "example-health"
title = "Example Health"
class = "commercial"
extends = "commercial"

[[payors]]
name = "example health"

[sources.handbook]
title = "Provider handbook 2026"
url = "https://example.org/handbook"

[[daily_units]]
codes = ["97124", "97140"]
units = 4
effective = 2026-01-01
source = "handbook"
section = "4.2"
checked = 2026-11-01
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped facts, to be spoiled."""
    copied = tmp_path / "facts"
    for part in ("sources", "tables", "policies"):
        shutil.copytree(load.SHIPPED / part, copied / part)
    return copied


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder of the user's own policies."""
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "example-health.toml").write_text(POLICY)
    return folder


def spoil(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


class TestShipped:
    @pytest.mark.parametrize("table", TABLES)
    def test_every_table_loads_and_holds_rows(self, table: str) -> None:
        assert shipped().rows_of(table)

    def test_every_policy_loads_for_every_year(self) -> None:
        for payer, history in shipped().policies.items():
            for year in range(2015, 2028):
                assert history.on(date(year, 1, 1)).payer == payer

    def test_every_policy_file_bears_its_payers_name(self) -> None:
        for file in (load.SHIPPED / "policies").glob("*.toml"):
            assert load.read_policy(file, load.read_sources()).payer == file.stem

    def test_the_ten_payer_classes_have_a_policy(self) -> None:
        classes = (
            "medicare-part-b medicare-advantage medicaid commercial veterans-affairs tricare "
            "workers-compensation auto hsa-fsa self-pay"
        )
        assert set(classes.split()) <= set(shipped().policies)


class TestTables:
    def test_a_row_whose_source_is_listed_nowhere_is_refused(self, folder: Path) -> None:
        spoil(folder / "tables" / "mue.csv", "cms-ncci-mue-2024q3", "hearsay")
        with pytest.raises(BadFact) as refused:
            read_facts(folder=folder)
        assert (refused.value.file, refused.value.key) == ("mue.csv", "line 2")
        assert "hearsay" in refused.value.reason

    def test_a_row_without_the_section_of_its_source_is_refused(self, folder: Path) -> None:
        spoil(folder / "tables" / "mue.csv", ",row 20560,", ",,")
        with pytest.raises(BadFact, match="section"):
            read_facts(folder=folder)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("20560,1,2,", "20560,one,2,"),
            ("20560,1,2,", "20560,1,7,"),
            ("2024-07-01", "July"),
            ("20560,1,2,", "20560,1,"),
        ],
    )
    def test_a_cell_of_the_wrong_kind_is_refused_by_its_line(self, folder: Path, old: str, new: str) -> None:
        spoil(folder / "tables" / "mue.csv", old, new)
        with pytest.raises(BadFact) as refused:
            read_facts(folder=folder)
        assert (refused.value.file, refused.value.key) == ("mue.csv", "line 2")

    def test_two_rows_in_force_on_one_day_are_refused(self, folder: Path) -> None:
        with (folder / "tables" / "mue.csv").open("a") as table:
            table.write("20560,9,2,2025-01-01,,cms-ncci-mue-2024q3,row 20560,2026-11-23\n")
        with pytest.raises(BadFact, match="two rows are in force on 2025-01-01"):
            read_facts(folder=folder)

    def test_a_row_that_ends_before_it_begins_is_refused(self, folder: Path) -> None:
        spoil(folder / "tables" / "mue.csv", "2024-07-01,,", "2024-07-01,2024-06-30,")
        with pytest.raises(BadFact, match="before it takes effect"):
            read_facts(folder=folder)

    def test_a_source_without_an_address_is_refused(self, folder: Path) -> None:
        with (folder / "sources" / "procedures.csv").open("a") as sources:
            sources.write("nameless,Somebody,A title,2026,\n")
        with pytest.raises(BadFact, match="needs id, owner, title and url"):
            read_facts(folder=folder)

    def test_a_source_listed_twice_is_refused(self, folder: Path) -> None:
        with (folder / "sources" / "procedures.csv").open("a") as sources:
            sources.write("cms-ncci-mue-2024q3,Somebody,A title,2026,https://example.org\n")
        with pytest.raises(BadFact, match="listed twice"):
            read_facts(folder=folder)


def rewrite(file: Path, change: str) -> None:
    """Take the first row's ``source`` away, or write the row ``twice``."""
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    rows = [rows[0], *rows] if change == "twice" else [rows[0] | {change: ""}, *rows[1:]]
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize("table", TABLES)
class TestEveryTable:
    @pytest.mark.parametrize("cell", ["source", "section", "effective", "checked"])
    def test_refuses_a_row_that_does_not_say_from_where_or_since_when(
        self, folder: Path, table: str, cell: str
    ) -> None:
        rewrite(folder / "tables" / f"{table}.csv", cell)
        with pytest.raises(BadFact) as refused:
            load.read_table(table, TABLES[table][0], load.read_sources(folder), folder)
        assert (refused.value.file, refused.value.key) == (f"{table}.csv", "line 2")

    def test_refuses_two_rows_of_one_fact_for_one_day(self, folder: Path, table: str) -> None:
        rewrite(folder / "tables" / f"{table}.csv", "twice")
        with pytest.raises(BadFact, match="two rows are in force") as refused:
            read_facts(folder=folder)
        assert refused.value.file == f"{table}.csv"

    def test_was_confirmed_on_a_day_that_has_been(self, table: str) -> None:
        for row in shipped().rows_of(table):
            assert row.checked <= date.today(), row


#: What an entry of each key says, besides its dates and source.
SAYS = {
    "counting": 'value = "cms"',
    "distinct_modifier": 'value = "XS"',
    "payable": 'answer = "yes"',
    "coverage": 'answer = "no"',
    "referral": "required = true",
    "authorization": "required = true",
    "authorization_after": "visits = 6",
    "daily_units": "units = 4",
    "yearly_visits": "visits = 20",
    "filing_limit": "days = 90",
    "supporting_diagnoses": 'prefixes = ["M54"]',
    "accepted_code": 'code = "97014"\naccepted = "G0283"',
}


def entry(key: str, since: str, more: str = 'source = "handbook"\nsection = "1"\nchecked = 2026-11-01') -> str:
    return f"\n[[{key}]]\n{SAYS.get(key, 'value = true')}\neffective = {since}\n{more}\n"


@pytest.mark.parametrize("key", ENTRY_KEYS)
class TestEveryPolicyKey:
    def read(self, folder: Path, entries: str) -> Facts:
        head = POLICY.split("[[daily_units]]")[0]
        (folder / "example-health.toml").write_text(head + entries)
        return read_facts(folder)

    def test_takes_a_cited_entry(self, own: Path, key: str) -> None:
        history = self.read(own, entry(key, "2026-01-01")).policies["example-health"]
        assert [name for name, _ in history.entries()] == [key]

    @pytest.mark.parametrize("missing", ["source", "section", "checked"])
    def test_refuses_an_entry_without_its_source(self, own: Path, key: str, missing: str) -> None:
        cited = {"source": 'source = "handbook"', "section": 'section = "1"', "checked": "checked = 2026-11-01"}
        del cited[missing]
        with pytest.raises(BadFact) as refused:
            self.read(own, entry(key, "2026-01-01", "\n".join(cited.values())))
        assert refused.value.file == "example-health.toml"
        assert refused.value.key == f"{key}[0]"
        assert missing in refused.value.reason

    def test_refuses_an_entry_that_another_keeps_from_being_heard(self, own: Path, key: str) -> None:
        with pytest.raises(BadFact, match="speaks of the same from 2026-07-01") as refused:
            self.read(own, entry(key, "2026-01-01") + entry(key, "2026-07-01"))
        assert refused.value.key == f"{key}[1]"


class TestDates:
    """The row of the date of service decides, on both sides of each boundary."""

    @pytest.mark.parametrize(("day", "billable"), [("2021-09-30", True), ("2021-10-01", False), ("2026-11-02", False)])
    def test_low_back_pain_was_split_on_2021_10_01(self, day: str, billable: bool) -> None:
        row = shipped().diagnosis_codes.find("M54.5", date.fromisoformat(day))
        assert row is not None
        assert row.billable is billable

    @pytest.mark.parametrize(
        ("year", "dollars"),
        [
            (2018, 2010),
            (2019, 2040),
            (2020, 2080),
            (2021, 2110),
            (2022, 2150),
            (2023, 2230),
            (2024, 2330),
            (2025, 2410),
            (2026, 2480),
        ],
    )
    def test_the_therapy_threshold_is_that_of_the_year(self, year: int, dollars: int) -> None:
        for day in (date(year, 1, 1), date(year, 12, 31)):
            row = shipped().therapy_thresholds.find("pt-slp", day)
            assert row is not None
            assert row.dollars == dollars

    @pytest.mark.parametrize(("day", "retired"), [("2016-12-31", False), ("2017-01-01", True)])
    def test_evaluation_codes_retired_at_the_end_of_2016(self, day: str, retired: bool) -> None:
        assert (shipped().retired_procedures.find("97001", date.fromisoformat(day)) is not None) is retired


class TestOwnPolicies:
    def read(self, own: Path) -> Facts:
        return read_facts(own)

    def test_a_new_payer_needs_no_code(self, own: Path) -> None:
        facts = self.read(own)
        policy = facts.policy("example-health", DAY)
        assert policy is not None
        assert policy.daily_units[0].units == 4
        assert policy.counting == facts.policy("commercial", DAY).counting  # type: ignore[union-attr]
        assert facts.payor("name", "example health", DAY) == "example-health"
        assert facts.sources["handbook"].title == "Provider handbook 2026"

    def test_ones_own_file_goes_ahead_of_the_shipped_one(self, own: Path) -> None:
        changed = POLICY.replace('payer = "example-health"', 'payer = "commercial"').replace(
            'extends = "commercial"\n', ""
        )
        (own / "commercial.toml").write_text(changed)
        facts = self.read(own)
        policy = facts.policy("commercial", DAY)
        assert policy is not None
        assert policy.daily_units[0].units == 4
        assert policy.counting is not None, "what it does not say stays as shipped"
        aetna = facts.policy("aetna", DAY)
        assert aetna is not None
        assert aetna.daily_units, "and payers of that class follow"

    def test_a_policy_holds_from_its_day_on(self, own: Path) -> None:
        facts = self.read(own)
        assert not facts.policy("example-health", date(2025, 12, 31)).daily_units  # type: ignore[union-attr]
        assert facts.policy("example-health", date(2026, 1, 1)).daily_units  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        ("old", "new", "key", "reason"),
        [
            ("units = 4", 'units = "four"', "daily_units[0].units", "Expected `int`"),
            ("units = 4", "unit = 4", "daily_units[0]", "unit"),
            ('class = "commercial"', "", "(file)", "class"),
            ("effective = 2026-01-01", "", "daily_units[0]", "effective"),
            ("effective = 2026-01-01", "effective = 2026-13-01", "(file)", "line"),
            ('source = "handbook"', 'source = "rumour"', "daily_units[0]", "rumour"),
            ('section = "4.2"', 'section = ""', "daily_units[0]", "section"),
            (
                "checked = 2026-11-01",
                "checked = 2026-11-01\nend = 2025-01-01",
                "daily_units[0]",
                "before it takes effect",
            ),
            ('extends = "commercial"', 'extends = "nobody"', "extends", "nobody"),
            ('extends = "commercial"', 'extends = "example-health"', "extends", "circle"),
            ("[[daily_units]]", "[[daily_unit]]", "(file)", "daily_unit"),
            ("[[daily_units]]", "[[daily_units", "(file)", "line"),
        ],
    )
    def test_a_wrong_file_is_refused_by_file_key_and_reason(
        self, own: Path, old: str, new: str, key: str, reason: str
    ) -> None:
        spoil(own / "example-health.toml", old, new)
        with pytest.raises(BadFact) as refused:
            self.read(own)
        assert refused.value.file == "example-health.toml"
        assert refused.value.key.startswith(key)
        assert reason in refused.value.reason

    def test_a_folder_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(BadFact, match="no such folder"):
            read_facts(tmp_path / "nothing")

    def test_the_example_in_the_documentation_loads(self) -> None:
        examples = Path(__file__).parents[2] / "examples" / "policies"
        facts = read_facts(examples)
        assert {file.stem for file in examples.glob("*.toml")} <= set(facts.policies)
