"""The newest NCCI files are found, had and compared before they are loaded; what goes wrong on the way loads nothing."""

from __future__ import annotations

import hashlib
import json
import socket
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fhir_massage.cli import main
from fhir_massage.facts import download
from fhir_massage.facts.age import old_quarters, quarters_between
from fhir_massage.facts.book import read_facts
from fhir_massage.facts.download import Home
from fhir_massage.facts.published import Published, newest, on_page
from fhir_massage.facts.update import look
from tests.facts.files import MUE_HEADER, PTP_HEADER, Row, pair, text, unlikely, zipped

PAGE = "https://www.cms.gov/medicare/coding-billing/ncci/ptp-edits"
PTP = "medicare-ncci-2026q4-practitioner-ptp-edits-ccipra-v323r0-f4.zip"
MUE = "medicare-ncci-2026-q4-practitioner-services-mue-table.zip"
BEFORE = [
    pair("97140", "97124", "20240101", "*", "0"),
    pair("97140", "97530", "20240101", "*", "1"),
    pair("97140", "99213", "20240101", "*", "1"),
]
AFTER = [
    pair("97140", "97124", "20240101", "20260930", "0"),
    pair("97140", "97124", "20261001", "*", "1"),
    pair("97140", "97530", "20240101", "20260930", "1"),
    pair("97140", "97010", "20261001", "*", "0"),
    pair("97140", "99213", "20240101", "*", "0"),
]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FHIR_MASSAGE_DATA", str(tmp_path / "var"))
    return tmp_path / "var"


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["facts", *words])


def ptp_zip(folder: Path, rows: list[Row], version: str = "v323r0") -> bytes:
    return zipped(folder / "made.zip", {f"ccipra-{version}-f4.TXT": text(PTP_HEADER, rows)}).read_bytes()


def mue_zip(folder: Path, units: int, day: str = "10-01-2026") -> bytes:
    table = text(MUE_HEADER, [unlikely("97124", units), unlikely("97140", 6)], separator=",")
    return zipped(folder / "made.zip", {f"MCR_MUE_PractitionerServices_Eff_{day}.csv": table}).read_bytes()


def page(*links: str) -> str:
    return "<html><body>" + "".join(f'<p><a class="x" href="{link}">Edits</a>' for link in links) + "</body></html>"


class Mirror:
    """A mirror of CMS on loopback: a page with links, and the files."""

    def __init__(self, server: HTTPServer, files: dict[str, bytes]) -> None:
        self.server = server
        self.files = files
        self.address = server.url_for("/ncci/")
        server.expect_request("/ncci/").respond_with_data(page(*(f"/files/{name}" for name in files)))
        for name, content in files.items():
            server.expect_request(f"/files/{name}").respond_with_data(content, content_type="application/zip")

    @property
    def asked(self) -> list[str]:
        return [request.path for request, _ in self.server.log]


@pytest.fixture
def mirror(httpserver: HTTPServer, tmp_path: Path) -> Mirror:
    return Mirror(httpserver, {PTP: ptp_zip(tmp_path, AFTER), MUE: mue_zip(tmp_path, 3)})


@pytest.fixture
def loaded(data: Path, tmp_path: Path) -> Path:
    """A folder into which the quarter before was loaded."""
    for name, content in {
        "practitioner-ptp-edits-ccipra-v322r0-f4.zip": ptp_zip(tmp_path, BEFORE, "v322r0"),
        "2026-q3-practitioner-services-mue-table.zip": mue_zip(tmp_path, 4, "07-01-2026"),
    }.items():
        file = tmp_path / name
        file.write_bytes(content)
        assert run("import", str(file)).exit_code == 0
    return data


def kept(data: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in data.glob("ncci*")}


class TestUpdate:
    def test_it_tells_what_changes_and_then_loads(self, mirror: Mirror, loaded: Path) -> None:
        result = run("update", "--from", mirror.address)
        assert result.exit_code == 0, result.output
        said = result.output
        assert "97140 with 97124: indicator 0 -> 1, since 2026-10-01" in said
        assert "97140 with 97010: new pair, indicator 0, since 2026-10-01" in said
        assert "97140 with 97530: pair ended on 2026-09-30 (indicator 1)" in said
        assert "97124: MUE value 4 -> 3" in said
        assert "97140: MUE" not in said, "it stays as it was"
        assert "with another code: 1 with another indicator" in said
        assert said.index("97124: MUE") < said.index("Kept in")
        facts = read_facts(data=loaded)
        found = facts.ptp_pairs.find(("97140", "97124"), date(2026, 11, 2))
        assert found is not None and found.indicator == "1"
        units = facts.mue.find("97124", date(2026, 11, 2))
        assert units is not None and units.units == 3

    def test_list_shows_the_signature_of_what_was_loaded(self, mirror: Mirror, data: Path) -> None:
        run("update", "--from", mirror.address)
        said = run("list", "--on", "2026-11-23").output
        assert "2026 quarter 4, file ccipra-v323r0-f4.TXT" in said
        assert hashlib.sha256(mirror.files[PTP]).hexdigest() in said

    def test_what_new_files_do_not_cover_stays_and_is_not_called_ended(self, mirror: Mirror, data: Path) -> None:
        said = run("update", "--from", mirror.address).output
        assert "20560 with" not in said
        assert "stay in use as they were" in said
        assert read_facts(data=data).ptp_pairs.find(("20560", "29260"), date(2026, 11, 2)) is not None

    def test_a_second_one_finds_nothing_to_load(self, mirror: Mirror, data: Path) -> None:
        run("update", "--from", mirror.address)
        before, asked = kept(data), len(mirror.asked)
        result = run("update", "--from", mirror.address)
        assert result.exit_code == 0
        assert "nothing to load" in result.output
        assert kept(data) == before
        assert mirror.asked[asked:] == ["/ncci/"], "no file is fetched again"

    def test_a_corrected_edition_of_the_quarter_is_newer(self, data: Path, tmp_path: Path) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        (folder / PTP).write_bytes(ptp_zip(tmp_path, AFTER))
        run("update", "--from", str(folder))
        (folder / PTP.replace("r0", "r1")).write_bytes(ptp_zip(tmp_path, AFTER[:2], "v323r1"))
        assert run("update", "--check", "--from", str(folder)).exit_code == 1
        said = run("update", "--from", str(folder)).output
        assert "revision 1" in said
        assert "97140 with 97010: pair ended: it is listed no more (indicator 0)" in said
        assert run("update", "--check", "--from", str(folder)).exit_code == 0

    def test_an_older_quarter_is_left(self, loaded: Path, tmp_path: Path) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        (folder / PTP.replace("2026q4", "2026q2").replace("v323", "v321")).write_bytes(b"")
        before = kept(loaded)
        assert run("update", "--check", "--from", str(folder)).exit_code == 0
        assert "nothing to load" in run("update", "--from", str(folder)).output
        assert kept(loaded) == before

    def test_one_file_of_a_mirror(self, mirror: Mirror, data: Path) -> None:
        result = run("update", "--from", mirror.server.url_for(f"/files/{MUE}"))
        assert result.exit_code == 0
        assert "PTP" not in result.output


class TestCheck:
    def test_it_says_whether_something_newer_is_out_and_loads_nothing(self, mirror: Mirror, loaded: Path) -> None:
        before = kept(loaded)
        result = run("update", "--check", "--from", mirror.address)
        assert result.exit_code == 1
        assert "PTP edits: 2026 quarter 4 is out, 2026 quarter 3 is in use" in result.output
        assert kept(loaded) == before
        assert mirror.asked == ["/ncci/"]
        run("update", "--from", mirror.address)
        assert run("update", "--check", "--from", mirror.address).exit_code == 0

    def test_a_failure_has_its_own_status(self, data: Path, httpserver: HTTPServer) -> None:
        httpserver.expect_request("/ncci/").respond_with_data("gone", status=500)
        result = run("update", "--check", "--from", httpserver.url_for("/ncci/"))
        assert result.exit_code == 2
        assert "does not give it (500)" in result.output


class TestLicense:
    def test_without_it_nothing_is_asked_of_cms(self, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("it connected"))
        result = run("update")
        assert result.exit_code == 2
        assert "American Medical Association" in result.output
        assert "https://www.cms.gov/license/ama" in result.output
        assert "--accept-license" in result.output
        assert not kept(data)

    def test_a_link_through_the_license_is_had_once_it_is_accepted(
        self, data: Path, httpserver: HTTPServer, tmp_path: Path
    ) -> None:
        httpserver.expect_request("/ncci").respond_with_data(page(f"/license/ama?file=/files/zip/{PTP}"))
        httpserver.expect_request(f"/files/zip/{PTP}", query_string="agree=yes&next=Accept").respond_with_data(
            ptp_zip(tmp_path, AFTER)
        )
        address = httpserver.url_for("/ncci")
        assert run("update", "--check", "--from", address).exit_code == 1
        refused = run("update", "--from", address)
        assert refused.exit_code == 2 and "--accept-license" in refused.output
        assert not kept(data)
        accepted = run("update", "--from", address, "--accept-license")
        assert accepted.exit_code == 0, accepted.output


class TestOnTheWay:
    """Each ends with status 2 and a reason, and what was loaded stays."""

    @pytest.fixture(autouse=True)
    def nothing_changes(self, loaded: Path) -> Iterator[None]:
        before = kept(loaded)
        yield
        assert kept(loaded) == before

    def refused(self, address: str) -> str:
        result = run("update", "--from", address)
        assert result.exit_code == 2, result.output
        assert "fault of fhir-massage" not in result.output
        return result.output

    def test_a_file_that_is_slow(self, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(download, "SECONDS", 1.0)

        def dripping(_: Request) -> Response:
            def drops() -> Iterator[bytes]:
                for _ in range(60):
                    yield b"x"
                    time.sleep(0.2)

            return Response(drops())

        httpserver.expect_request("/ncci/").respond_with_data(page(f"/files/{PTP}"))
        httpserver.expect_request(f"/files/{PTP}").respond_with_handler(dripping)
        begun = time.monotonic()
        assert "did not come in time" in self.refused(httpserver.url_for("/ncci/"))
        assert time.monotonic() - begun < 6

    def test_a_file_that_is_too_large(self, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(download, "LARGEST_FILE", 100)
        assert "more than 100 bytes" in self.refused(mirror.address)

    def test_a_broken_zip_beside_a_whole_one(self, httpserver: HTTPServer, tmp_path: Path) -> None:
        Mirror(httpserver, {PTP: ptp_zip(tmp_path, AFTER), MUE: mue_zip(tmp_path, 3)[:-60]})
        assert "broken or not whole" in self.refused(httpserver.url_for("/ncci/"))

    def test_a_file_that_breaks_off(self, httpserver: HTTPServer, tmp_path: Path) -> None:
        httpserver.expect_request("/ncci/").respond_with_data(page(f"/files/{PTP}"))
        httpserver.expect_request(f"/files/{PTP}").respond_with_handler(
            lambda _: Response(iter([b"PK"]), headers={"Content-Length": "9000"})
        )
        said = self.refused(httpserver.url_for("/ncci/"))
        assert "broke off" in said

    def test_a_page_in_place_of_a_file(self, httpserver: HTTPServer) -> None:
        Mirror(httpserver, {PTP: b"\n<!DOCTYPE html><html><h1>License</h1></html>"})
        said = self.refused(httpserver.url_for("/ncci/"))
        assert "a web page came" in said and "facts import" in said

    def test_a_file_of_another_quarter_than_the_page_said(self, httpserver: HTTPServer, tmp_path: Path) -> None:
        Mirror(httpserver, {PTP: ptp_zip(tmp_path, AFTER, "v330r0")})
        said = self.refused(httpserver.url_for("/ncci/"))
        assert "holds PTP edits of 2027 quarter 1 where PTP edits of 2026 quarter 4 was announced" in said

    def test_a_file_of_another_table_than_the_page_said(self, httpserver: HTTPServer, tmp_path: Path) -> None:
        Mirror(httpserver, {PTP: mue_zip(tmp_path, 3)})
        assert "holds MUE values of 2026 quarter 4 where PTP edits" in self.refused(httpserver.url_for("/ncci/"))

    def test_values_of_another_quarter_than_the_page_said(self, httpserver: HTTPServer, tmp_path: Path) -> None:
        Mirror(httpserver, {MUE: mue_zip(tmp_path, 3, "01-01-2027")})
        assert "2027 quarter 1" in self.refused(httpserver.url_for("/ncci/"))

    def test_a_file_that_is_gone_since(self, httpserver: HTTPServer) -> None:
        httpserver.expect_request("/ncci/").respond_with_data(page(f"/files/{PTP}"))
        httpserver.expect_request(f"/files/{PTP}").respond_with_data("", status=404)
        assert "not there (404)" in self.refused(httpserver.url_for("/ncci/"))

    @pytest.mark.parametrize(
        "elsewhere", ["http://127.0.0.1:9/x.zip", "https://example.org/x.zip", "http://www.cms.gov/x.zip", "file:///x"]
    )
    def test_a_redirect_to_somewhere_else(self, httpserver: HTTPServer, elsewhere: str) -> None:
        httpserver.expect_request("/ncci/").respond_with_data(page(f"/files/{PTP}"))
        httpserver.expect_request(f"/files/{PTP}").respond_with_data("", status=302, headers={"Location": elsewhere})
        assert "neither CMS nor the address" in self.refused(httpserver.url_for("/ncci/"))

    def test_a_redirect_without_end(self, httpserver: HTTPServer) -> None:
        httpserver.expect_request("/ncci/").respond_with_data("", status=302, headers={"Location": "/ncci/"})
        assert "without end" in self.refused(httpserver.url_for("/ncci/"))

    def test_a_page_without_files(self, httpserver: HTTPServer) -> None:
        httpserver.expect_request("/ncci/").respond_with_data(page("/files/medicare-ncci-manual.pdf"))
        assert "has no NCCI file for practitioners" in self.refused(httpserver.url_for("/ncci/"))

    @pytest.mark.parametrize("address", ["http://example.org/", "ftp://127.0.0.1/", "https://me:secret@example.org/"])
    def test_an_address_that_is_not_taken(self, address: str) -> None:
        assert "secret" not in self.refused(address)


def test_a_redirect_within_the_mirror_is_followed(httpserver: HTTPServer, data: Path, tmp_path: Path) -> None:
    httpserver.expect_request("/ncci").respond_with_data("", status=301, headers={"Location": "/new/"})
    httpserver.expect_request("/new/").respond_with_data(page(PTP))
    httpserver.expect_request(f"/new/{PTP}").respond_with_data(ptp_zip(tmp_path, AFTER))
    assert run("update", "--from", httpserver.url_for("/ncci")).exit_code == 0


class TestPublished:
    LINKS = (
        "/files/zip/medicare-ncci-2026q4-practitioner-quarterly-additions-deletions-revisions-ptp.zip",
        "/license/ama?file=/files/zip/medicare-ncci-2026-q4-hospital-ptp-edits-ccioph-v323r0-f1.zip",
        *(f"/license/ama?file=/files/zip/{PTP.replace('f4', f'f{part}')}" for part in (2, 1)),
        "/license/ama?file=/files/zip/medicare-ncci-2026q3-practitioner-ptp-edits-ccipra-v322r0-f1.zip",
        f"/files/zip/{MUE}",
        "/files/zip/medicare-ncci-2026-q4-dme-supplier-services-mue-table.zip",
        "/files/zip/medicare-ncci-2026-q4-facility-outpatient-hospital-services-mue-table.zip",
        "/files/document/how-to-use-ncci-tools.pdf",
    )

    def found(self) -> list[Published]:
        return on_page(page(*self.LINKS), PAGE)

    def test_the_parts_of_the_newest_edition_in_order(self) -> None:
        found = newest(self.found(), "ptp")
        assert [(each.part, each.quarter, each.licensed) for each in found] == [
            (1, date(2026, 10, 1), True),
            (2, date(2026, 10, 1), True),
        ]
        address = f"https://www.cms.gov/files/zip/{PTP.replace('f4', 'f1')}?agree=yes&next=Accept"
        assert found[0].place == address, "as CMS's page has it once it is accepted"

    def test_unlikely_edits_are_had_without_a_license(self) -> None:
        assert [(each.name, each.licensed) for each in newest(self.found(), "mue")] == [(MUE, False)]

    def test_a_page_of_cms_without_its_files_says_what_to_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def empty(page: str, into: object, *_: object, **__: object) -> str:
            return page

        monkeypatch.setattr(download, "download", empty)
        from fhir_massage.facts.published import NotBrought

        with pytest.raises(NotBrought, match="facts import FILE"):
            look(None)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("https://www.cms.gov/files/zip/x.zip", True),
        ("https://cms.gov/x", True),
        ("http://www.cms.gov/x", False),
        ("https://www.cms.gov:8443/x", False),
        ("https://evilcms.gov/x", False),
        ("https://cms.gov.example.org/x", False),
        ("https://mirror.example.org/x", True),
        ("https://mirror.example.org:8443/x", False),
        ("http://mirror.example.org/x", False),
        ("https://user@mirror.example.org/x", False),
    ],
)
def test_where_files_may_come_from(address: str, allowed: bool) -> None:
    assert Home("https://mirror.example.org/ncci/").allows(address) is allowed


class TestDiff:
    @pytest.fixture
    def files(self, tmp_path: Path, data: Path) -> tuple[Path, Path]:
        old, new = tmp_path / "ccipra-v322r0-f4.txt", tmp_path / "ccipra-v323r0-f4.txt"
        old.write_bytes(text(PTP_HEADER, BEFORE))
        new.write_bytes(text(PTP_HEADER, AFTER))
        return old, new

    def test_two_files_in_words(self, files: tuple[Path, Path]) -> None:
        result = run("diff", *map(str, files))
        assert result.exit_code == 0
        assert "Compared on 2026-10-01" in result.output
        assert "97140 with 97124: indicator 0 -> 1, since 2026-10-01" in result.output
        assert "97140 with 97530: pair ended on 2026-09-30" in result.output

    def test_two_files_as_json(self, files: tuple[Path, Path]) -> None:
        said = json.loads(run("diff", *map(str, files), "--format", "json").output)
        assert said["changes"][1] == {
            "table": "ptp",
            "codes": ["97140", "97124"],
            "what": "indicator",
            "before": "0",
            "after": "1",
            "since": "2026-10-01",
            "words": "97140 with 97124: indicator 0 -> 1, since 2026-10-01",
        }
        assert said["others"] == {"indicator": 1}
        assert said["new"][0]["quarter"] == "2026-10-01"

    def test_the_same_twice(self, files: tuple[Path, Path]) -> None:
        assert "Nothing changes" in run("diff", str(files[1]), str(files[1])).output

    def test_a_last_day_that_is_told_ahead(self, files: tuple[Path, Path], tmp_path: Path) -> None:
        later = tmp_path / "ccipra-v323r1-f4.txt"
        later.write_bytes(text(PTP_HEADER, [*AFTER[:3], pair("97140", "97010", "20261001", "20261231", "0")]))
        said = run("diff", str(files[1]), str(later)).output
        assert "97140 with 97010: pair ends on 2026-12-31 (indicator 0)" in said

    def test_folders_of_which_one_lacks_a_table(self, files: tuple[Path, Path], tmp_path: Path) -> None:
        old, new = tmp_path / "old", tmp_path / "new"
        for folder, file in zip((old, new), files, strict=True):
            folder.mkdir()
            file.rename(folder / file.name)
        (new / MUE).write_bytes(mue_zip(tmp_path, 3))
        said = run("diff", str(old), str(new)).output
        assert "indicator 0 -> 1" in said
        assert "NEW alone has MUE values" in said

    def test_values_of_units(self, tmp_path: Path, data: Path) -> None:
        old, new = tmp_path / "2026-q3-mue.zip", tmp_path / "2026-q4-mue.zip"
        old.write_bytes(mue_zip(tmp_path, 4, "07-01-2026"))
        new.write_bytes(mue_zip(tmp_path, 3))
        assert "97124: MUE value 4 -> 3" in run("diff", str(old), str(new)).output

    def test_files_of_two_tables_are_not_compared(self, files: tuple[Path, Path], tmp_path: Path) -> None:
        (tmp_path / MUE).write_bytes(mue_zip(tmp_path, 3))
        result = run("diff", str(files[0]), str(tmp_path / MUE))
        assert result.exit_code == 2
        assert "another table" in result.output


class TestAge:
    def test_quarters(self) -> None:
        assert quarters_between(date(2024, 7, 1), date(2026, 11, 27)) == 9
        assert quarters_between(date(2026, 10, 1), date(2026, 12, 31)) == 0
        assert quarters_between(date(2027, 1, 1), date(2026, 12, 31)) == 0, "published ahead"

    def test_words(self) -> None:
        told = old_quarters(read_facts(), date(2026, 11, 27))
        assert told["ptp_pairs"] == "NCCI pairs are of July 2024, 9 quarters old"
        assert old_quarters(read_facts(), date(2024, 11, 27))["mue"].endswith("1 quarter old")
        assert not old_quarters(read_facts(), date(2024, 8, 1))
