"""An audit as a manager runs it: many claims, joined across files, nothing lost, nothing counted twice."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
import zstandard
from pyarrow import parquet

from fhir_massage import review
from tests.audit.cases import BAD, GOOD, ON, bundle, findings, found, put, rejected, run, summary
from tests.claims import claim


class TestJoining:
    def test_a_folder_of_bulk_data_is_joined_by_reference(self, tmp_path: Path) -> None:
        resources = [r for n in range(20) for r in bundle(n, *(BAD if n % 4 == 0 else GOOD))]
        result = run(put(tmp_path / "in", resources), "--out", tmp_path / "out")
        assert result.returncode == 1, result.stderr
        assert found(tmp_path / "out") == Counter((f"Claim/c1-{n}", "units-exceed-minutes") for n in range(0, 20, 4))
        assert summary(tmp_path / "out")["reviewed"] == {"claims": 20, "orders": 0}

    def test_findings_are_those_of_a_review_by_itself(self, tmp_path: Path) -> None:
        made = claim(*BAD)
        (tmp_path / "one.json").write_text(json.dumps(made, indent=1))
        run(tmp_path / "one.json", "--out", tmp_path / "out")
        from fhir_massage.present.finding import as_json

        alone = [as_json(finding) for finding in review(made, on=date.fromisoformat(ON)).findings]
        assert findings(tmp_path / "out") == json.loads(json.dumps(alone, default=float))

    def test_correct_claims_bring_nothing_and_end_with_nought(self, tmp_path: Path) -> None:
        result = run(put(tmp_path / "in", bundle(1, *GOOD)), "--out", tmp_path / "out")
        assert (result.returncode, found(tmp_path / "out")) == (0, Counter())
        assert summary(tmp_path / "out")["correct"] == 1

    def test_a_patients_claims_in_two_files_are_each_others_history(self, tmp_path: Path) -> None:
        first = bundle(1, *GOOD)
        second = json.loads(json.dumps(next(r for r in first if r["resourceType"] == "Claim")))
        second["id"] = "again"
        put(tmp_path / "in", first)
        (tmp_path / "in" / "Claim.second.ndjson").write_text(json.dumps(second) + "\n")
        run(tmp_path / "in", "--out", tmp_path / "out")
        assert found(tmp_path / "out") == Counter({("Claim/again", "duplicate-claim"): 1})

    def test_a_coverage_of_another_patient_is_found_and_told(self, tmp_path: Path) -> None:
        mine, others = bundle(1, *GOOD), bundle(2, *GOOD)
        of_other = next(r for r in others if r["resourceType"] == "Coverage")
        claim_of_mine = next(r for r in mine if r["resourceType"] == "Claim")
        claim_of_mine["insurance"][0]["coverage"] = {"reference": f"Coverage/{of_other['id']}"}
        run(put(tmp_path / "in", mine + others), "--out", tmp_path / "out")
        assert ("Claim/c1-1", "coverage-wrong-patient") in found(tmp_path / "out")

    def test_bundles_of_one_name_do_not_lend_each_other_their_resources(self, tmp_path: Path) -> None:
        active, ended = claim(*GOOD), claim(*GOOD)
        coverage = next(e["resource"] for e in ended["entry"] if e["resource"]["resourceType"] == "Coverage")
        coverage["status"] = "cancelled"
        for entry in ended["entry"]:
            if entry["resource"]["resourceType"] == "Claim":
                entry["resource"]["id"] = "later"
                for item in entry["resource"]["item"]:
                    item["servicedDate"] = "2026-11-03"
        lines = "".join(json.dumps(each) + "\n" for each in (active, ended))
        (tmp_path / "bundles.ndjson").write_text(lines)
        run(tmp_path / "bundles.ndjson", "--out", tmp_path / "out")
        assert {name for name, rule in found(tmp_path / "out") if rule == "coverage-not-active"} == {"Claim/later"}

    def test_a_bundle_of_two_patients_is_parted(self, tmp_path: Path) -> None:
        together = {"resourceType": "Bundle", "type": "collection", "entry": [
            {"resource": resource} for resource in (*bundle(1, *BAD), *bundle(2, *BAD))
        ]}  # fmt: skip
        (tmp_path / "b.json").write_text(json.dumps(together))
        run(tmp_path / "b.json", "--out", tmp_path / "out")
        assert found(tmp_path / "out") == Counter((f"Claim/c1-{n}", "units-exceed-minutes") for n in (1, 2))


class TestInput:
    @pytest.mark.parametrize("form", ["plain", "gz", "zst", "stdin"])
    def test_plain_packed_and_standard_input_give_the_same(self, tmp_path: Path, form: str) -> None:
        content = "".join(json.dumps(r) + "\n" for r in bundle(1, *BAD)).encode()
        stdin = None
        if form == "plain":
            (given := tmp_path / "all.ndjson").write_bytes(content)
        elif form == "gz":
            (given := tmp_path / "all.ndjson.gz").write_bytes(gzip.compress(content))
        elif form == "zst":
            (given := tmp_path / "all.ndjson.zst").write_bytes(zstandard.compress(content))
        else:
            given, stdin = Path("-"), content
        run(given, "--out", tmp_path / "out", stdin=stdin)
        assert found(tmp_path / "out") == Counter({("Claim/c1-1", "units-exceed-minutes"): 1})

    def test_bad_lines_are_set_aside_by_file_and_line_and_lose_no_other(self, tmp_path: Path) -> None:
        folder = put(tmp_path / "in", [r for n in range(3) for r in bundle(n, *BAD)])
        file = folder / "Claim.ndjson"
        good = file.read_text().splitlines()
        wrong = json.dumps({**json.loads(good[0]), "id": "w", "item": "none"})
        file.write_text(
            "\n".join([good[0], '{"resourceType": "Claim", ', "", good[1], "[]", '{"id": "x"}', wrong, good[2]])
        )
        result = run(folder, "--out", tmp_path / "out")
        assert result.returncode == 1
        assert sum(found(tmp_path / "out").values()) == 3
        told = rejected(tmp_path / "out")
        assert [(each["file"], each["line"]) for each in told] == [(str(file), n) for n in (2, 5, 6, 7)]
        assert "not JSON" in told[0]["reason"] and "resourceType is missing" in told[2]["reason"]
        assert "expected an array" in told[3]["reason"]

    def test_a_packed_file_that_is_cut_off_keeps_what_came(self, tmp_path: Path) -> None:
        content = b"".join(json.dumps(r).encode() + b"\n" for n in range(400) for r in bundle(n, *BAD))
        packed = gzip.compress(content)
        (tmp_path / "cut.ndjson.gz").write_bytes(packed[: len(packed) * 9 // 10])
        result = run(tmp_path / "cut.ndjson.gz", "--out", tmp_path / "out")
        assert result.returncode == 1
        assert sum(found(tmp_path / "out").values()) > 200
        assert any("cannot be read further" in each["reason"] for each in rejected(tmp_path / "out"))

    def test_lines_keep_their_numbers_where_a_file_is_cut_into_chunks(self, tmp_path: Path) -> None:
        line_of = json.dumps({"resourceType": "Basic", "id": "x", "text": "y" * 900})
        rows = [line_of] * 9000
        rows[4000] = rows[8999] = "{"
        (tmp_path / "long.ndjson").write_text("\n".join(rows) + "\n")
        run(tmp_path / "long.ndjson", "--out", tmp_path / "out")
        assert [each["line"] for each in rejected(tmp_path / "out")] == [4001, 9000]

    def test_an_input_that_is_not_there_fails_the_run(self, tmp_path: Path) -> None:
        result = run(tmp_path / "nothing", "--out", tmp_path / "out")
        assert result.returncode == 2
        assert b"there is no such file or folder" in result.stderr


class TestWriting:
    def test_parquet_has_the_same_findings_with_payer_provider_and_day(self, tmp_path: Path) -> None:
        run(put(tmp_path / "in", [r for n in range(5) for r in bundle(n, *BAD)]), "--out", tmp_path / "out")
        rows = [
            row for file in sorted((tmp_path / "out").glob("*.parquet")) for row in parquet.read_table(file).to_pylist()
        ]
        shown = findings(tmp_path / "out")
        assert [(r["resource"], r["rule"]) for r in rows] == [(f["resource"], f["rule"]) for f in shown]
        assert [json.loads(r["corrections"]) for r in rows] == [f["corrections"] for f in shown]
        serious = [row for row in rows if row["severity"] == "error"]
        assert {(row["payer"], row["day"]) for row in serious} == {("Evergreen Mutual Health", date(2026, 11, 2))} or {
            row["payer_class"] for row in serious
        } == {"commercial"}
        assert all(row["at_risk"] > 0 and row["certain"] for row in serious)

    def test_corrected_claims_on_request_are_correct(self, tmp_path: Path) -> None:
        folder = put(tmp_path / "in", bundle(1, *BAD))
        run(folder, "--out", tmp_path / "out", "--corrected")
        mended = [row for file in (tmp_path / "out").glob("corrected*.ndjson") for row in file.read_text().splitlines()]
        assert len(mended) == 1
        (folder / "Claim.ndjson").write_text(mended[0] + "\n")
        assert run(folder, "--out", tmp_path / "again").returncode == 0

    def test_the_summary_adds_up_and_is_a_page_for_a_manager(self, tmp_path: Path) -> None:
        run(
            put(tmp_path / "in", [r for n in range(6) for r in bundle(n, *(BAD if n < 2 else GOOD))]),
            "--out",
            tmp_path / "out",
        )
        told = summary(tmp_path / "out")
        assert (told["correct"], told["with_errors"]) == (4, 2)
        assert told["by_rule"]["units-exceed-minutes"]["findings"] == 2
        assert told["at_risk"] == told["by_month"]["2026-11"]["at_risk"] != "0.00"
        page = (tmp_path / "out" / "summary.html").read_text()
        assert "units-exceed-minutes" in page and "<svg" in page and "<script" not in page


class TestGoingOn:
    def test_a_run_that_is_killed_goes_on_and_counts_nothing_twice(self, tmp_path: Path) -> None:
        folder = put(tmp_path / "in", [r for n in range(3000) for r in bundle(n, *(BAD if n % 3 == 0 else GOOD))])
        expected = run(folder, "--out", tmp_path / "whole")
        assert expected.returncode == 1
        out = tmp_path / "out"
        command = [sys.executable, "-m", "fhir_massage", "audit", str(folder), "--out", str(out), "--on", ON]
        kills = 0
        for _ in range(4):
            process = subprocess.Popen(
                command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            before = len(list(out.glob(".audit/parts/*.part")))
            deadline = time.monotonic() + 30
            while process.poll() is None and time.monotonic() < deadline:
                if len(list(out.glob(".audit/parts/*.part"))) > before:
                    break
                time.sleep(0.01)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                kills += 1
            process.wait(timeout=30)
        assert kills > 0, "it was never cut off"
        assert run(folder, "--out", out).returncode == 1
        assert sorted(map(str, findings(out))) == sorted(map(str, findings(tmp_path / "whole")))
        assert summary(out) == summary(tmp_path / "whole")

    def test_run_again_when_done_it_says_the_same_and_does_nothing(self, tmp_path: Path) -> None:
        folder = put(tmp_path / "in", bundle(1, *BAD))
        run(folder, "--out", tmp_path / "out")
        changed = {file: file.stat().st_mtime_ns for file in (tmp_path / "out").glob("findings*")}
        again = run(folder, "--out", tmp_path / "out")
        assert again.returncode == 1
        assert {file: file.stat().st_mtime_ns for file in (tmp_path / "out").glob("findings*")} == changed

    def test_a_folder_of_another_input_is_not_written_over(self, tmp_path: Path) -> None:
        run(put(tmp_path / "in", bundle(1, *BAD)), "--out", tmp_path / "out")
        result = run(put(tmp_path / "other", bundle(2, *BAD)), "--out", tmp_path / "out")
        assert result.returncode == 2
        assert b"another input" in result.stderr
