"""X12 on the command line: checked, corrected byte for byte, and converted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fhir_massage import review
from fhir_massage.cli import main
from tests.x12.test_reading import EXAMPLE, ON, TEXT, found


def run(*words: str | Path, into: bytes = b"") -> Result:
    result = CliRunner().invoke(main, [*map(str, words)], input=into, env={"FHIR_MASSAGE_DATA": "/nonexistent"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def fixed(tmp_path: Path, content: bytes) -> bytes:
    sent, out = tmp_path / "sent.x12", tmp_path / "fixed.x12"
    sent.write_bytes(content)
    run("check", "--on", "2026-11-10", "--fix", "--out", out, sent)
    return out.read_bytes()


def test_the_text_names_box_and_segment() -> None:
    result = run("check", "--on", "2026-11-10", EXAMPLE)
    assert result.exit_code == 1
    assert "box 24D, line 1; SV101, segment 24 of transaction 0001" in result.stdout


def test_standard_input_is_known_by_its_isa() -> None:
    result = run("check", "--on", "2026-11-10", "--format", "json", "-", into=TEXT.encode())
    assert json.loads(result.stdout)["findings"][0]["x12"]["segment"] == "SV1"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", ""])
def test_only_the_corrected_segment_changes(tmp_path: Path, ends: str, mark: bytes) -> None:
    sent = mark + TEXT.replace("\n", ends).encode()
    assert fixed(tmp_path, sent) == sent.replace(b"SV1*HC:97140*", b"SV1*HC:97140:GP*")


def test_units_take_charge_and_total_along(tmp_path: Path) -> None:
    sent = TEXT.replace("ADD*60 min", "ADD*20 min").replace("HC:97140*", "HC:97140:GP*")
    after = fixed(tmp_path, sent.encode()).decode()
    assert after == sent.replace("97140:GP*232*UN*4", "97140:GP*58*UN*1").replace("VISIT-1*232", "VISIT-1*58")
    assert found(after) == []


def test_nothing_changes_where_nothing_is_to_correct(tmp_path: Path) -> None:
    sent = TEXT.replace("HC:97140*", "HC:97140:GP*").encode()
    assert fixed(tmp_path, sent) == sent


def test_another_version_ends_with_status_two_and_the_segment(tmp_path: Path) -> None:
    result = run("check", "-", into=TEXT.replace("005010X222A1", "004010X098A1").encode())
    assert result.exit_code == 2
    assert "transaction 0001, ST, segment 1: this is X12 837 004010X098A1" in result.stderr


def test_converted_to_a_bundle_it_is_found_the_same(tmp_path: Path) -> None:
    out = tmp_path / "claims.json"
    assert run("convert", EXAMPLE, "--to", "fhir", "--out", out).exit_code == 0
    assert [finding.rule for finding in review(out.read_bytes(), on=ON).findings] == [f["rule"] for f in found(TEXT)]


def test_what_is_no_interchange_is_not_converted() -> None:
    result = run("convert", "-", "--to", "fhir", into=b"{}")
    assert (result.exit_code, result.stderr) == (
        2, "fhir-massage: standard input: this is no X12 interchange: it does not begin with ISA\n",
    )  # fmt: skip


def test_where_x12_is_not_read_it_is_named(tmp_path: Path) -> None:
    run("audit", EXAMPLE, "--out", tmp_path / "out")
    assert "this is an X12 file, which is not read here" in (tmp_path / "out" / "rejected.ndjson").read_text()
