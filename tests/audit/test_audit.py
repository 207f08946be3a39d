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
from typing import Any

import pytest
import zstandard
from pyarrow import parquet

from fhir_massage import review
from fhir_massage.audit.run import day_of_unfinished
from tests.audit.cases import BAD, GOOD, ON, bundle, findings, found, put, rejected, run, summary, together
from tests.claims import claim


def children(process: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def is_running(process: int) -> bool:
    """Whether there is such a process, and it is not only waiting for its end to be noticed."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


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
        (tmp_path / "b.json").write_text(json.dumps(together((*bundle(1, *BAD), *bundle(2, *BAD)))))
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

    def test_a_zst_file_that_is_cut_off_between_two_blocks_is_told_of(self, tmp_path: Path) -> None:
        rows = [json.dumps(r).encode() + b"\n" for n in range(40) for r in bundle(n, *BAD)]
        packer = zstandard.ZstdCompressor().compressobj()
        begun = packer.compress(b"".join(rows)) + packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        (tmp_path / "cut.ndjson.zst").write_bytes(begun)
        run(tmp_path / "cut.ndjson.zst", "--out", tmp_path / "out")
        assert sum(found(tmp_path / "out").values()) == 40
        (told,) = rejected(tmp_path / "out")
        assert (told["line"], told["reason"]) == (len(rows) + 1, "the file cannot be read further: it is cut off")

    def test_a_zst_file_of_several_frames_is_read_to_its_end(self, tmp_path: Path) -> None:
        frames = [zstandard.compress("".join(json.dumps(r) + "\n" for r in bundle(n, *BAD)).encode()) for n in (1, 2)]
        (tmp_path / "two.ndjson.zst").write_bytes(b"".join(frames))
        run(tmp_path / "two.ndjson.zst", "--out", tmp_path / "out")
        assert sum(found(tmp_path / "out").values()) == 2

    @pytest.mark.parametrize("name", ["bad.ndjson.zst", "bad.json.zst", "bad.ndjson.gz", "bad.json.gz"])
    def test_a_packed_file_that_is_damaged_is_set_aside_and_loses_no_other(self, tmp_path: Path, name: str) -> None:
        folder = put(tmp_path / "in", bundle(1, *BAD))
        content = "".join(json.dumps(r) + "\n" for r in bundle(2, *BAD)).encode() * 200
        checked = zstandard.ZstdCompressor(write_checksum=True)  # as the command zstd does
        packed = bytearray(gzip.compress(content) if name.endswith(".gz") else checked.compress(content))
        packed[len(packed) // 2 : len(packed) // 2 + 8] = b"\xff" * 8
        (folder / name).write_bytes(packed)
        result = run(folder, "--out", tmp_path / "out")
        assert result.returncode == 1, result.stderr
        assert found(tmp_path / "out")["Claim/c1-1", "units-exceed-minutes"] == 1
        assert any("cannot be read further" in each["reason"] for each in rejected(tmp_path / "out"))

    @pytest.mark.parametrize("packed", [gzip.compress, zstandard.compress])
    def test_standard_input_may_be_packed(self, tmp_path: Path, packed: Any) -> None:
        content = "".join(json.dumps(r) + "\n" for r in bundle(1, *BAD)).encode() + b"no resource\n"
        run("-", "--out", tmp_path / "out", stdin=packed(content))
        assert found(tmp_path / "out") == Counter({("Claim/c1-1", "units-exceed-minutes"): 1})
        assert [each["file"] for each in rejected(tmp_path / "out")] == ["standard input"]

    def test_standard_input_may_be_one_document_over_many_lines(self, tmp_path: Path) -> None:
        whole = together(bundle(1, *BAD))
        run("-", "--out", tmp_path / "out", stdin=json.dumps(whole, indent=2).encode())
        assert found(tmp_path / "out") == Counter({("Claim/c1-1", "units-exceed-minutes"): 1})
        assert rejected(tmp_path / "out") == []

    def test_a_bad_first_line_on_standard_input_loses_no_other(self, tmp_path: Path) -> None:
        content = "no resource\n" + "".join(json.dumps(r) + "\n" for r in bundle(1, *BAD))
        run("-", "--out", tmp_path / "out", stdin=content.encode())
        assert found(tmp_path / "out") == Counter({("Claim/c1-1", "units-exceed-minutes"): 1})
        assert [each["line"] for each in rejected(tmp_path / "out")] == [1]

    def test_a_file_named_twice_is_read_once(self, tmp_path: Path) -> None:
        folder = put(tmp_path / "in", bundle(1, *BAD))
        (tmp_path / "again").symlink_to(folder)
        run(folder, tmp_path / "in" / "." / "Claim.ndjson", tmp_path / "again", "--out", tmp_path / "out")
        assert found(tmp_path / "out") == Counter({("Claim/c1-1", "units-exceed-minutes"): 1})
        assert summary(tmp_path / "out")["reviewed"]["claims"] == 1
        assert summary(tmp_path / "out")["read"]["copies"] == 0

    def test_of_copies_of_a_resource_the_newest_counts(self, tmp_path: Path) -> None:
        older, newer = bundle(1, *BAD), bundle(1, *GOOD)
        for resource, day in ((older, "2026-11-02"), (newer, "2026-11-03")):
            for each in resource:
                each["meta"] = {"lastUpdated": f"{day}T00:00:00Z"}
        put(tmp_path / "in" / "1", newer)
        put(tmp_path / "in" / "2", older)
        result = run(tmp_path / "in", "--out", tmp_path / "out")
        assert found(tmp_path / "out") == Counter()
        told = summary(tmp_path / "out")
        assert (told["reviewed"]["claims"], told["read"]["mixed_patients"]) == (1, 0)
        assert told["read"]["copies"] == 3, "of the patient, the coverage and the claim"
        assert b"3 resources came once more" in result.stdout

    def test_two_servers_with_the_same_ids_are_told_of(self, tmp_path: Path) -> None:
        one, other = bundle(1, *BAD), bundle(1, *BAD)
        for resources, born in ((one, "1980-01-01"), (other, "1990-01-01")):
            next(each for each in resources if each["resourceType"] == "Patient")["birthDate"] = born
        put(tmp_path / "one", one)
        put(tmp_path / "other", other)
        result = run(tmp_path / "one", tmp_path / "other", "--out", tmp_path / "out")
        assert summary(tmp_path / "out")["read"]["mixed_patients"] == 1
        assert b"of several servers" in result.stdout

    def test_the_same_claim_in_two_bundles_is_no_duplicate_of_itself(self, tmp_path: Path) -> None:
        whole = together(bundle(1, *GOOD))
        (tmp_path / "a.json").write_text(json.dumps(whole))
        (tmp_path / "b.json").write_text(json.dumps(whole, indent=1))
        run(tmp_path / "a.json", tmp_path / "b.json", "--out", tmp_path / "out")
        assert found(tmp_path / "out") == Counter()

    def test_a_document_spread_over_lines_is_read_whatever_its_name(self, tmp_path: Path) -> None:
        whole = together(bundle(1, *BAD))
        (tmp_path / "spread.ndjson").write_text(json.dumps(whole, indent=2))
        run(tmp_path / "spread.ndjson", "--out", tmp_path / "out")
        assert found(tmp_path / "out") == Counter({("Claim/c1-1", "units-exceed-minutes"): 1})
        assert rejected(tmp_path / "out") == []

    def test_a_first_line_that_is_cut_off_makes_no_document_of_the_others(self, tmp_path: Path) -> None:
        content = "{\n" + "".join(json.dumps(r) + "\n" for r in bundle(1, *BAD))
        (tmp_path / "all.ndjson").write_text(content)
        run(tmp_path / "all.ndjson", "--out", tmp_path / "out")
        assert found(tmp_path / "out") == Counter({("Claim/c1-1", "units-exceed-minutes"): 1})
        assert [each["line"] for each in rejected(tmp_path / "out")] == [1]

    def test_names_in_capitals_are_read_too(self, tmp_path: Path) -> None:
        content = "".join(json.dumps(r) + "\n" for r in bundle(1, *BAD)).encode()
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "ALL.NDJSON.GZ").write_bytes(gzip.compress(content))
        run(tmp_path / "in", "--out", tmp_path / "out")
        assert found(tmp_path / "out") == Counter({("Claim/c1-1", "units-exceed-minutes"): 1})

    def test_where_nothing_was_read_nothing_is_said_to_be_correct(self, tmp_path: Path) -> None:
        (tmp_path / "note.txt").write_text("no resource\n")
        result = run(tmp_path / "note.txt", "--out", tmp_path / "out")
        assert result.returncode == 2
        assert b"no FHIR resource was read" in result.stderr
        assert len(rejected(tmp_path / "out")) == 1

    def test_an_input_that_is_not_there_makes_no_folder(self, tmp_path: Path) -> None:
        assert run(tmp_path / "none", "--out", tmp_path / "out").returncode == 2
        assert not (tmp_path / "out").exists()

    def test_results_within_the_input_are_no_input(self, tmp_path: Path) -> None:
        folder = put(tmp_path / "in", bundle(1, *BAD))
        first = run(folder, "--out", folder / "out")
        again = run(folder, "--out", folder / "out")
        assert (first.returncode, again.returncode) == (1, 1), again.stderr
        assert rejected(folder / "out") == []

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

    def test_results_that_were_removed_are_written_again(self, tmp_path: Path) -> None:
        folder = put(tmp_path / "in", bundle(1, *BAD))
        run(folder, "--out", tmp_path / "out")
        for file in (tmp_path / "out").glob("findings*"):
            file.unlink()
        assert run(folder, "--out", tmp_path / "out").returncode == 1
        assert found(tmp_path / "out") == Counter({("Claim/c1-1", "units-exceed-minutes"): 1})

    def test_a_folder_of_other_policies_is_refused_though_their_folder_is_the_same(self, tmp_path: Path) -> None:
        folder, policies = put(tmp_path / "in", bundle(1, *BAD)), tmp_path / "policies"
        policies.mkdir()
        own = (Path(__file__).parents[2] / "examples/policies/evergreen-mutual.toml").read_text()
        (policies / "evergreen.toml").write_text(own)
        assert run(folder, "--out", tmp_path / "out", "--policies", policies).returncode == 1
        (policies / "evergreen.toml").write_text(own.replace("2026-01-01", "2026-02-01"))
        result = run(folder, "--out", tmp_path / "out", "--policies", policies)
        assert result.returncode == 2
        assert b"other facts or policies" in result.stderr

    def test_a_run_that_was_cut_off_keeps_its_day_and_a_finished_one_does_not(self, tmp_path: Path) -> None:
        folder = put(tmp_path / "in", bundle(1, *BAD))
        assert day_of_unfinished(tmp_path / "out") is None
        run(folder, "--out", tmp_path / "out")
        assert day_of_unfinished(tmp_path / "out") is None
        (tmp_path / "out" / ".audit" / "finished.json").unlink()
        assert day_of_unfinished(tmp_path / "out") == date.fromisoformat(ON)

    def test_workers_end_with_a_run_that_is_killed(self, tmp_path: Path) -> None:
        folder = put(tmp_path / "in", [r for n in range(3000) for r in bundle(n, *GOOD)])
        command = [sys.executable, "-m", "fhir_massage", "audit", str(folder), "--out", str(tmp_path / "out")]
        process = subprocess.Popen([*command, "--on", ON, "--workers", "2"], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while not (workers := children(process.pid)) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
        process.wait(timeout=30)
        assert workers
        deadline = time.monotonic() + 30
        while any(map(is_running, workers)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not any(map(is_running, workers))

    def test_a_folder_of_another_input_is_not_written_over(self, tmp_path: Path) -> None:
        run(put(tmp_path / "in", bundle(1, *BAD)), "--out", tmp_path / "out")
        result = run(put(tmp_path / "other", bundle(2, *BAD)), "--out", tmp_path / "out")
        assert result.returncode == 2
        assert b"another input" in result.stderr
