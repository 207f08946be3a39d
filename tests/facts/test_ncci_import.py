"""Official NCCI files are loaded whole, or refused by line and reason while what was loaded stays."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from fhir_massage import BadFact
from fhir_massage.facts.book import Facts, read_facts
from fhir_massage.facts.current import CURRENT, in_force
from fhir_massage.facts.imported import ImportedFile, import_file, import_files
from fhir_massage.facts.ncci import quarter_of
from tests.claims import claim, line, reviewed
from tests.facts.files import MUE_HEADER, NOTICE, PTP_HEADER, pair, text, unlikely, workbook, zipped

TODAY = date(2026, 11, 23)
DAY = date(2026, 11, 2)
PAIRS = [
    pair("97140", "97124", "20200101", "20231231", "0"),
    pair("97140", "97124", "20240101", "*", "1"),
    pair("97140", "97530", "20200101", "20200101", "9"),
    pair("98941", "97140", "19960101"),
    pair("99213", "99211", "20150401", "20240630"),
]
UNLIKELY = [unlikely("97124", 3), unlikely("97140", 5, "2 Date of Service Edit: Policy")]


def loaded(file: Path, data: Path, *, quarter: date | None = None) -> list[ImportedFile]:
    return import_file(file, data, today=TODAY, quarter=quarter)


def put(folder: Path, name: str, content: bytes) -> Path:
    file = folder / name
    file.write_bytes(content)
    return file


def stores(data: Path) -> dict[str, bytes]:
    """Everything that imports keep in the folder."""
    return {file.name: file.read_bytes() for file in data.glob("*ncci*")}


def harmed(whole: bytes) -> bytes:
    """A zip of which a few bytes have changed on the way."""
    middle = len(whole) // 2
    return whole[:middle] + bytes(byte ^ 0x55 for byte in whole[middle : middle + 40]) + whole[middle + 40 :]


def facts(data: Path) -> Facts:
    return read_facts(data=data)


class TestPublishedForms:
    @pytest.mark.parametrize("separator", ["\t", ","])
    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    @pytest.mark.parametrize("mark", ["", "\ufeff"])
    def test_pairs_as_text(self, tmp_path: Path, separator: str, end: str, mark: str) -> None:
        content = text(PTP_HEADER, PAIRS, separator=separator, end=end, mark=mark)
        (file,) = loaded(put(tmp_path, "ccipra-v323r0-f4.txt", content), tmp_path)
        assert (file.kind, file.quarter, file.rows) == ("ptp", date(2026, 10, 1), 5)
        self.holds_pairs(tmp_path)

    def test_pairs_in_a_zip_with_its_workbook(self, tmp_path: Path) -> None:
        book = workbook(tmp_path / "book.xlsx", PTP_HEADER, PAIRS).read_bytes()
        members = {"ccipra-v323r0-f4.TXT": text(PTP_HEADER, PAIRS), "ccipra-v323r0-f4.xlsx": book, "readme.txt": b"x"}
        loaded(zipped(tmp_path / "medicare-ncci-2026-q4.zip", members), tmp_path)
        self.holds_pairs(tmp_path)

    def test_pairs_in_a_zip_with_only_a_workbook(self, tmp_path: Path) -> None:
        book = workbook(tmp_path / "book.xlsx", PTP_HEADER, PAIRS).read_bytes()
        loaded(zipped(tmp_path / "practitioner-ptp-edits-v323r0-f4.zip", {"ccipra-v323r0-f4.xlsx": book}), tmp_path)
        self.holds_pairs(tmp_path)

    def test_pairs_as_a_workbook(self, tmp_path: Path) -> None:
        loaded(workbook(tmp_path / "ccipra-v323r0-f4.xlsx", PTP_HEADER, PAIRS), tmp_path)
        self.holds_pairs(tmp_path)

    def test_pairs_with_the_header_of_older_files(self, tmp_path: Path) -> None:
        header = ("Column1", "Column2", "Prior1996", "EffectiveDt", "DeletionDt", "Modifier")
        content = text(header, [row[:6] for row in PAIRS])
        loaded(put(tmp_path, "ccipra-v261r0-f4.txt", content), tmp_path)
        self.holds_pairs(tmp_path)

    def test_pairs_with_the_header_spread_over_four_lines(self, tmp_path: Path) -> None:
        """As CMS publishes the text since 2024: every line has all its tabs, the notice too."""
        lines = [
            f"{NOTICE}\t\t\t\t\t\t",
            "Column1/Column2 Edits\t\t\t\t\t\t",
            "Column 1\tColumn 2\t*=in existence\tEffective\tDeletion\tModifier\tPTP Edit Rationale",
            "\t\tprior to 1996\tDate\tDate\t0=not allowed\t",
            "\t\t\t\t*=no data\t1=allowed\t",
            "\t\t\t\t\t9=not applicable\t",
            *("\t".join(row) for row in PAIRS),
        ]
        content = ("\r\n".join(lines) + "\r\n").encode()
        loaded(put(tmp_path, "ccipra-v322r0-f4.TXT", content), tmp_path)
        self.holds_pairs(tmp_path)

    def holds_pairs(self, data: Path) -> None:
        found = facts(data).ptp_pairs
        assert [row.indicator for row in found.ever(("97140", "97124"))] == ["0", "1"]
        assert found.find(("97140", "97124"), date(2023, 12, 31)).indicator == "0"  # type: ignore[union-attr]
        assert found.find(("97140", "97124"), date(2024, 1, 1)).indicator == "1"  # type: ignore[union-attr]
        assert found.find(("97140", "97124"), date(2019, 12, 31)) is None
        assert found.find(("97140", "97530"), date(2020, 1, 1)) is None, "an edit of indicator 9 never applied"
        assert found.find(("99213", "99211"), date(2024, 6, 30)) is not None
        assert found.find(("99213", "99211"), date(2024, 7, 1)) is None

    @pytest.mark.parametrize("separator", [",", "\t"])
    def test_unlikely_edits_as_text(self, tmp_path: Path, separator: str) -> None:
        content = text(MUE_HEADER, UNLIKELY, separator=separator)
        (file,) = loaded(put(tmp_path, "MCR_MUE_PractitionerServices_Eff_10-01-2026.csv", content), tmp_path)
        assert (file.kind, file.quarter, file.rows) == ("mue", date(2026, 10, 1), 2)
        self.holds_unlikely(tmp_path)

    def test_unlikely_edits_as_a_workbook_in_a_zip(self, tmp_path: Path) -> None:
        book = workbook(tmp_path / "book.xlsx", MUE_HEADER, UNLIKELY).read_bytes()
        name = "MCR_MUE_PractitionerServices_Eff_10-01-2026.xlsx"
        loaded(zipped(tmp_path / "practitioner-services-mue-table.zip", {name: book}), tmp_path)
        self.holds_unlikely(tmp_path)

    def test_a_header_in_one_line_and_code_page_1252(self, tmp_path: Path) -> None:
        header = ("HCPCS/CPT Code", *MUE_HEADER[1:])
        content = text(header, UNLIKELY, separator=",").replace(b"liability", b"liability \x96 none")
        loaded(put(tmp_path, "mue_2026q4.csv", content), tmp_path)
        self.holds_unlikely(tmp_path)

    def holds_unlikely(self, data: Path) -> None:
        found = facts(data).mue
        shipped = read_facts().mue
        edit = found.find("97124", DAY)
        assert edit is not None
        assert (edit.units, edit.adjudication) == (3, "3")
        assert found.find("97140", DAY).adjudication == "2"  # type: ignore[union-attr]
        before = date(2026, 9, 30)
        assert found.find("97124", before) == shipped.find("97124", before), "an earlier day keeps its own value"

    def test_blanks_around_cells_are_no_matter(self, tmp_path: Path) -> None:
        padded = [tuple(f" {cell} " for cell in row) for row in PAIRS]
        loaded(put(tmp_path, "ccipra-v323r0-f4.txt", text(PTP_HEADER, padded)), tmp_path)
        self.holds_pairs(tmp_path)

    def test_of_two_rows_for_one_day_the_newer_one_holds(self, tmp_path: Path) -> None:
        rows = [pair("97140", "97124", "20200101", "*", "0"), pair("97140", "97124", "20240101", "*", "1")]
        loaded(put(tmp_path, "ccipra-v323r0-f4.txt", text(PTP_HEADER, rows)), tmp_path)
        assert facts(tmp_path).ptp_pairs.find(("97140", "97124"), DAY).indicator == "1"  # type: ignore[union-attr]


class TestQuarters:
    @pytest.mark.parametrize(
        ("name", "quarter"),
        [
            ("ccipra-v303r0-f1.txt", date(2024, 10, 1)),
            ("medicare-ncci-2025q1-practitioner-ptp-edits-ccipra-v310r0-f2.zip", date(2025, 1, 1)),
            ("MCR_MUE_PractitionerServices_Eff_01-01-2025.csv", date(2025, 1, 1)),
            ("medicare-ncci-2026-q3-practitioner-services-mue-table.zip", date(2026, 7, 1)),
            ("edits.txt", None),
        ],
    )
    def test_the_name_tells_the_quarter(self, name: str, quarter: date | None) -> None:
        assert quarter_of(name) == quarter

    def test_a_newer_quarter_brings_additions_and_deletions(self, tmp_path: Path) -> None:
        loaded(put(tmp_path, "ccipra-v322r0-f4.txt", text(PTP_HEADER, PAIRS)), tmp_path)
        newer = [
            pair("97140", "97124", "20200101", "20231231", "0"),
            pair("97140", "97124", "20240101", "20260930", "1"),
            pair("97140", "97010", "20261001"),
            pair("99213", "99211", "20150401", "20240630"),
        ]
        loaded(put(tmp_path, "ccipra-v323r0-f4.txt", text(PTP_HEADER, newer)), tmp_path)
        found = facts(tmp_path)
        assert found.ptp_pairs.find(("97140", "97124"), DAY) is None, "deleted"
        assert found.ptp_pairs.find(("97140", "97010"), DAY) is not None, "added"
        assert found.ptp_pairs.find(("98941", "97140"), DAY) is None, "gone without a word"
        assert found.imported is not None
        assert [file.name for file in found.imported.files.values()] == ["ccipra-v323r0-f4.txt"]

    def test_a_corrected_edition_takes_the_place_of_its_quarters_first_one(self, tmp_path: Path) -> None:
        loaded(put(tmp_path, "ccipra-v323r0-f4.txt", text(PTP_HEADER, PAIRS)), tmp_path)
        loaded(put(tmp_path, "ccipra-v323r1-f4.txt", text(PTP_HEADER, [PAIRS[1], PAIRS[4]])), tmp_path)
        found = facts(tmp_path)
        assert found.ptp_pairs.find(("97140", "97124"), DAY) is not None
        assert found.ptp_pairs.find(("97140", "97124"), date(2023, 12, 31)) is None, "taken back by CMS"
        assert found.imported is not None
        assert [file.name for file in found.imported.files.values()] == ["ccipra-v323r1-f4.txt"]

    def test_the_parts_of_one_quarter_stand_side_by_side(self, tmp_path: Path) -> None:
        loaded(put(tmp_path, "ccipra-v323r0-f1.txt", text(PTP_HEADER, [pair("00100", "00102", "20200101")])), tmp_path)
        before = facts(tmp_path)
        assert before.ptp_pairs.find(("97140", "97124"), DAY) == read_facts().ptp_pairs.find(("97140", "97124"), DAY)
        loaded(put(tmp_path, "ccipra-v323r0-f4.txt", text(PTP_HEADER, PAIRS)), tmp_path)
        after = facts(tmp_path)
        assert after.ptp_pairs.find(("00100", "00102"), DAY) is not None
        assert after.ptp_pairs.find(("97140", "97124"), DAY).indicator == "1"  # type: ignore[union-attr]

    def test_an_older_quarter_of_pairs_is_refused(self, tmp_path: Path) -> None:
        loaded(put(tmp_path, "ccipra-v323r0-f4.txt", text(PTP_HEADER, PAIRS)), tmp_path)
        with pytest.raises(BadFact, match="hold its history"):
            loaded(put(tmp_path, "ccipra-v310r0-f4.txt", text(PTP_HEADER, PAIRS[:1])), tmp_path)
        assert facts(tmp_path).ptp_pairs.find(("98941", "97140"), DAY) is not None

    def test_unlikely_edits_of_several_quarters_hold_each_for_its_own(self, tmp_path: Path) -> None:
        for quarter, units in (("10-01-2026", 3), ("01-01-2026", 2)):
            content = text(MUE_HEADER, [unlikely("97124", units)], separator=",")
            loaded(put(tmp_path, f"MCR_MUE_PractitionerServices_Eff_{quarter}.csv", content), tmp_path)
        found = facts(tmp_path).mue
        units_on = {day: found.find("97124", day).units for day in (date(2026, 9, 30), date(2026, 10, 1))}  # type: ignore[union-attr]
        assert units_on == {date(2026, 9, 30): 2, date(2026, 10, 1): 3}


class TestRefused:
    """Each names the line and the reason, and leaves what was loaded."""

    @pytest.mark.parametrize(
        ("name", "content", "place", "reason"),
        [
            ("notes.txt", b"These are no edits.\r\nAt all.\r\n", "line 2", "no header"),
            ("empty.txt", b"", "line 1", "no header"),
            ("picture.txt", b"\x89PNG\0\0\0", "line 1", "no text"),
            ("none.txt", text(PTP_HEADER, []), "line", "no pair"),
            ("bad.txt", text(PTP_HEADER, [PAIRS[0], pair("97140", "97124", "2024-01-01")]), "line 13", "no day"),
            ("bad.txt", text(PTP_HEADER, [PAIRS[0], pair("97140", "97124", "20241301")]), "line 13", "no day"),
            ("bad.txt", text(PTP_HEADER, [PAIRS[0], pair("97140", "97124", "20240230")]), "line 13", "no day"),
            (
                "bad.txt",
                text(PTP_HEADER, [PAIRS[0], pair("97140", "97124", "20240101", "20240631")]),
                "line 13",
                "no day",
            ),
            (
                "bad.txt",
                text(PTP_HEADER, [PAIRS[0], pair("97140", "97124", "20240101", "*", "7")]),
                "line 13",
                "0, 1 and 9",
            ),
            ("bad.txt", text(PTP_HEADER, [PAIRS[0], ("97140", "x")]), "line 13", "no pair of procedure codes"),
            (
                "bad.csv",
                text(MUE_HEADER, [UNLIKELY[0], ("97140", "many", "3", "")], separator=","),
                "line 7",
                "whole number",
            ),
            (
                "bad.csv",
                text(MUE_HEADER, [UNLIKELY[0], ("97140", "4", "8", "")], separator=","),
                "line 7",
                "1, 2 and 3",
            ),
            ("bad.csv", text(MUE_HEADER, [("manual", "4", "3", "")], separator=","), "line 6", "no procedure code"),
            (
                "dme.csv",
                text(("HCPCS Code", "DME Supplier Services MUE Values", "MUE Adjudication Indicator"), UNLIKELY),
                "(file)",
                "medical equipment",
            ),
            (
                "table.csv",
                text(("HCPCS/CPT Code", "Outpatient Hospital Services MUE Values", "x"), UNLIKELY, separator=","),
                "line",
                "practitioner",
            ),
            ("ccioph-v323r0-f1.txt", text(PTP_HEADER, PAIRS), "(file)", "outpatient hospitals"),
            (
                "practitioner-quarterly-additions-deletions-revisions-ptp.txt",
                text(PTP_HEADER, PAIRS[:1]),
                "(file)",
                "the whole table",
            ),
            ("broken.xlsx", b"PK\x03\x04 cut off", "(workbook)", "cannot be read"),
        ],
    )
    def test_a_wrong_file(self, tmp_path: Path, name: str, content: bytes, place: str, reason: str) -> None:
        loaded(put(tmp_path, "ccipra-v322r0-f4.txt", text(PTP_HEADER, PAIRS)), tmp_path)
        before = stores(tmp_path)
        with pytest.raises(BadFact) as refused:
            loaded(put(tmp_path, name, content), tmp_path, quarter=date(2026, 10, 1))
        assert refused.value.file == name
        assert place in refused.value.key
        assert reason in refused.value.reason
        assert stores(tmp_path) == before, "and nothing half-loaded is left behind"

    def test_several_files_of_which_one_is_wrong_load_nothing(self, tmp_path: Path) -> None:
        right = put(tmp_path, "ccipra-v323r0-f4.txt", text(PTP_HEADER, PAIRS))
        with pytest.raises(BadFact, match="no pair"):
            import_files([right, put(tmp_path, "ccipra-v323r0-f1.txt", text(PTP_HEADER, []))], tmp_path, today=TODAY)
        assert not stores(tmp_path).keys()

    @pytest.mark.parametrize("harm", [lambda whole: whole[:-200], lambda whole: b"<html>Licence</html>", harmed])
    def test_a_zip_that_is_broken(self, tmp_path: Path, harm: Callable[[bytes], bytes]) -> None:
        whole = zipped(tmp_path / "f4.zip", {"ccipra-v323r0-f4.txt": text(PTP_HEADER, PAIRS * 2000)}).read_bytes()
        with pytest.raises(BadFact, match="broken or not whole"):
            loaded(put(tmp_path, "ccipra-v323r0-f4.zip", harm(whole)), tmp_path)
        assert not stores(tmp_path)

    def test_a_zip_without_edits(self, tmp_path: Path) -> None:
        with pytest.raises(BadFact, match="no text file and no workbook"):
            loaded(zipped(tmp_path / "edits.zip", {"edits.pdf": b"%PDF"}), tmp_path)

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(BadFact, match="no such file"):
            loaded(tmp_path / "nothing.zip", tmp_path)

    def test_a_store_that_is_no_store(self, tmp_path: Path) -> None:
        (tmp_path / "ncci-x.sqlite").write_bytes(b"not a database, but long enough to be taken for one" * 20)
        (tmp_path / CURRENT).write_text("ncci-x.sqlite\n")
        with pytest.raises(BadFact, match=r"ncci-x\.sqlite"):
            facts(tmp_path)

    @pytest.mark.parametrize("names", ["ncci-gone.sqlite", "../ncci-x.sqlite", "/etc/passwd", "", "\0"])
    def test_a_list_that_names_no_store(self, tmp_path: Path, names: str) -> None:
        (tmp_path / CURRENT).write_text(names)
        for use in (facts, lambda data: loaded(put(data, "ccipra-v323r0-f4.txt", text(PTP_HEADER, PAIRS)), data)):
            with pytest.raises(BadFact, match=r"ncci\.current"):
                use(tmp_path)


class TestInUse:
    def test_the_file_is_what_is_cited(self, tmp_path: Path) -> None:
        content = text(MUE_HEADER, [unlikely("97124", 1)], separator=",")
        loaded(put(tmp_path, "MCR_MUE_PractitionerServices_Eff_10-01-2026.csv", content), tmp_path)
        from fhir_massage import review

        content_of_claim = claim(line("97124", units=2, minutes=30), payer="medicare-part-b")
        report = review(content_of_claim, on=date(2026, 11, 10), facts=facts(tmp_path))
        finding = next(f for f in report.findings if f.rule == "units-exceed-mue")
        assert "MCR_MUE_PractitionerServices_Eff_10-01-2026.csv" in finding.citations[0].title
        assert "row 97124" in finding.citations[0].title
        assert not [f for f in reviewed(content_of_claim).findings if f.rule == "units-exceed-mue"]

    def test_what_keeps_two_services_apart_is_known_for_imported_pairs(self, tmp_path: Path) -> None:
        rows = [
            pair("97140", "97124", "20200101"),  # as shipped
            pair("98942", "97112", "20200101"),
            pair("97530", "97537", "20200101"),
            pair("99213", "99211", "20200101"),
        ]
        loaded(put(tmp_path, "ccipra-v323r0-f4.txt", text(PTP_HEADER, rows)), tmp_path)
        found = facts(tmp_path).ptp_pairs
        apart = {(one, two): found.find((one, two), DAY).apart for one, two, *_ in rows}  # type: ignore[union-attr]
        assert apart == {
            ("97140", "97124"): "interval",
            ("98942", "97112"): "region",
            ("97530", "97537"): "interval",
            ("99213", "99211"): "other",
        }

    def test_a_missing_pair_is_known_to_be_none_within_what_was_loaded(self, tmp_path: Path) -> None:
        rows = [pair("20560", "97124", "20200101"), pair("97140", "99211", "20200101")]
        loaded(put(tmp_path, "ccipra-v323r0-f1.txt", text(PTP_HEADER, rows)), tmp_path)
        known = facts(tmp_path).codes_in_pairs
        assert "97140" in known
        assert "99211" not in known, "its own pairs are in a part that was not loaded"

    def test_imported_rows_are_read_after_a_fork(self, tmp_path: Path) -> None:
        loaded(put(tmp_path, "ccipra-v323r0-f4.txt", text(PTP_HEADER, PAIRS)), tmp_path)
        found = facts(tmp_path)
        assert found.ptp_pairs.find(("97140", "97124"), DAY) is not None
        fork = multiprocessing.get_context("fork")
        queue = fork.Queue()

        def look_up() -> None:
            pair = found.ptp_pairs.find(("98941", "97140"), DAY)
            assert found.imported is not None
            queue.put((pair is not None, found.imported._process == os.getpid()))

        child = fork.Process(target=look_up)
        child.start()
        assert queue.get(timeout=20) == (True, True), "by a connection of its own"
        child.join()

    def test_the_store_keeps_where_it_came_from(self, tmp_path: Path) -> None:
        (file,) = loaded(put(tmp_path, "ccipra-v323r0-f4.txt", text(PTP_HEADER, PAIRS)), tmp_path)
        with sqlite3.connect(str(in_force(tmp_path))) as database:
            row = database.execute("select name, quarter, sha256, imported, rows from file").fetchone()
        assert row == (file.name, "2026-10-01", file.sha256, "2026-11-23", 5)
        assert len(file.sha256) == 64
