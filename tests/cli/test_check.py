"""``fhir-massage check``: what goes to standard output, to standard error, into files, and the exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fhir_massage.cli import main
from fhir_massage.cli.documents import MOST_TOLD
from fhir_massage.facts.book import shipped
from fhir_massage.synthetic.dataset import DataSet
from fhir_massage.synthetic.files import write_data_set
from tests.claims import bundle, claim, line, resource, varied

Json = dict[str, Any]
GOOD = claim()
BAD = claim(line("97140", units=4, minutes=20, modifiers=("GP",)), payer="medicare-part-b")


def run(*words: str | Path, into: bytes = b"", **settings: str) -> subprocess.CompletedProcess[bytes]:
    """The command as a user runs it, on a day after the claims' services."""
    arguments = ["check", "--on", "2026-11-10", *map(str, words)]
    environment = {"COLUMNS": "80", "FHIR_MASSAGE_DATA": "/nonexistent", **settings}
    result = CliRunner().invoke(main, arguments, input=into, env=environment)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout_bytes, result.stderr_bytes)


def put(folder: Path, name: str, content: Any, **layout: Any) -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content, **layout).encode())
    return file


def findings(result: subprocess.CompletedProcess[bytes]) -> list[Json]:
    found: list[Json] = json.loads(result.stdout)["findings"]
    return found


class TestExitStatus:
    def test_nought_for_a_correct_claim(self, tmp_path: Path) -> None:
        result = run(put(tmp_path, "good.json", GOOD))
        assert (result.returncode, result.stderr) == (0, b"")

    def test_one_for_an_error(self, tmp_path: Path) -> None:
        assert run(put(tmp_path, "bad.json", BAD)).returncode == 1

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b'{"resourceType": "Claim",\n "item": }', "line 2, column 10"),
            ({"resourceType": "Claim", "item": [{"sequence": "one"}]}, "Claim.item[0].sequence: expected an integer"),
            ({"status": "active"}, "resourceType is missing"),
            (b"\x00\x01", "not JSON"),
            (b"", "not JSON"),
        ],
    )
    def test_two_and_one_line_that_names_file_and_place(self, tmp_path: Path, content: Any, why: str) -> None:
        file = put(tmp_path, "wrong.json", content)
        result = run(file)
        assert result.returncode == 2
        assert result.stdout == b""
        (said,) = result.stderr.decode().splitlines()
        assert str(file) in said
        assert why in said

    def test_two_for_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        result = run(tmp_path / "nothing.json")
        assert result.returncode == 2
        assert "nothing.json: No such file" in result.stderr.decode()

    def test_what_can_be_read_is_reviewed_though_a_part_cannot(self, tmp_path: Path) -> None:
        content = bundle(*(entry["resource"] for entry in BAD["entry"]), {"resourceType": "Claim", "item": 3})
        result = run(put(tmp_path, "partly.json", content), "--format", "json")
        assert result.returncode == 2
        assert [finding["rule"] for finding in findings(result)] == ["units-exceed-minutes"]
        assert "resource.item" in result.stderr.decode()

    def test_one_unreadable_file_does_not_hide_another(self, tmp_path: Path) -> None:
        result = run(tmp_path / "nothing.json", put(tmp_path, "bad.json", BAD), "--format", "json")
        assert result.returncode == 2
        assert findings(result)

    def test_two_for_a_wrong_policy(self, tmp_path: Path) -> None:
        put(tmp_path, "own.toml", b'payer = "own"')
        result = run(put(tmp_path, "good.json", GOOD), "--policies", tmp_path)
        assert result.returncode == 2
        assert "own.toml" in result.stderr.decode()
        assert "Traceback" not in result.stderr.decode()

    @pytest.mark.parametrize("words", [("--on", "tomorrow"), ("--format", "xml"), ("--out", "x.json"), ("--nonsense",)])
    def test_two_for_a_wrong_call(self, tmp_path: Path, words: tuple[str, ...]) -> None:
        assert run(put(tmp_path, "good.json", GOOD), *words).returncode == 2


def test_the_installed_command_ends_with_that_status(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("fhir-massage")
    result = subprocess.run([command, "check", "-"], input=b"[]", capture_output=True, cwd=tmp_path, timeout=60)
    assert result.returncode == 2
    assert result.stderr.startswith(b"fhir-massage: standard input: expected a JSON object")


class TestInput:
    def test_standard_input(self) -> None:
        result = run("-", "--format", "json", into=json.dumps(BAD).encode())
        assert result.returncode == 1
        assert findings(result)[0]["resource"] == "Claim/c1"

    def test_several_files(self, tmp_path: Path) -> None:
        result = run(put(tmp_path, "a.json", GOOD), put(tmp_path, "b.json", BAD), "--format", "json")
        assert json.loads(result.stdout)["reviewed"] == {"claims": 2, "orders": 0, "out_of_scope": 0}

    def test_resources_in_files_of_their_own_come_together(self, tmp_path: Path) -> None:
        files = [put(tmp_path, f"{n}.json", entry["resource"]) for n, entry in enumerate(BAD["entry"])]
        assert [f["rule"] for f in findings(run(*files, "--format", "json"))] == ["units-exceed-minutes"]

    def test_two_claims_of_one_name_in_two_files_are_no_duplicates_of_each_other(self, tmp_path: Path) -> None:
        files = [put(tmp_path, f"{n}.json", resource(BAD, "Claim")) for n in range(2)]
        result = run(*files, "--format", "json")
        assert json.loads(result.stdout)["reviewed"]["claims"] == 2
        assert "duplicate-claim" not in [finding["rule"] for finding in findings(result)]

    def test_ndjson_of_bundles(self, tmp_path: Path) -> None:
        file = put(tmp_path, "claims.ndjson", b"\n".join(json.dumps(each).encode() for each in (GOOD, BAD, GOOD)))
        assert json.loads(run(file, "--format", "json").stdout)["reviewed"]["claims"] == 3

    def test_ndjson_of_resources_with_a_broken_line(self, tmp_path: Path) -> None:
        lines = [json.dumps(entry["resource"]).encode() for entry in BAD["entry"]]
        result = run(put(tmp_path, "all.ndjson", b"\n".join([*lines, b'{"resourceType": "Cl'])), "--format", "json")
        assert result.returncode == 2
        assert [finding["rule"] for finding in findings(result)] == ["units-exceed-minutes"]
        assert f"line {len(lines) + 1}" in result.stderr.decode()

    def test_files_of_a_bulk_export_are_reviewed_as_one_file_of_them_all(self, tmp_path: Path) -> None:
        write_data_set(DataSet(shipped(), claims=60, seed=8, errors=0.3), tmp_path)
        files = sorted(each for each in tmp_path.glob("*.ndjson") if each.stem != "answers")
        as_one = b"".join(each.read_bytes() for each in files)
        assert b'"contained"' in (tmp_path / "ServiceRequest.ndjson").read_bytes(), "a referral contains its requester"
        given = json.loads(run(*files, "--format", "json").stdout)
        assert given["reviewed"]["claims"] == 60
        assert given == json.loads(run("-", "--format", "json", into=as_one).stdout)

    def test_a_file_of_ndjson_may_have_one_line_or_none(self, tmp_path: Path) -> None:
        files = [put(tmp_path, f"{n}.ndjson", entry["resource"]) for n, entry in enumerate(BAD["entry"])]
        nameless = put(tmp_path, "nameless.ndjson", {**resource(BAD, "Claim"), "id": None})
        result = run(*files, put(tmp_path, "empty.ndjson", b""), nameless, "--format", "json")
        assert result.stderr == b""
        assert json.loads(result.stdout)["reviewed"]["claims"] == 2

    def test_of_several_files_a_finding_names_file_and_line_where_a_claim_has_no_id(self, tmp_path: Path) -> None:
        nameless = resource(BAD, "Claim") | {"id": None}
        others = [entry["resource"] for entry in BAD["entry"] if entry["resource"]["resourceType"] != "Claim"]
        rest = put(tmp_path, "rest.ndjson", b"\n".join(json.dumps(each).encode() for each in others))
        claims = put(tmp_path, "Claim.ndjson", b"\n" + json.dumps(nameless).encode() + b"\n{")
        result = run(claims, rest, "--format", "json")
        assert [finding["resource"] for finding in findings(result)] == [f"{claims}: line 2: Claim"]
        assert json.loads(result.stdout)["unread"][0]["expression"] == f"{claims}: line 3"
        assert result.stderr.decode().startswith(f"fhir-massage: {claims}: line 3: not JSON")

    def test_bundles_in_files_of_ndjson_stay_each_by_itself(self, tmp_path: Path) -> None:
        coverage = next(entry for entry in GOOD["entry"] if entry["resource"]["resourceType"] == "Coverage")
        without = {**GOOD, "entry": [entry for entry in GOOD["entry"] if entry is not coverage]}
        files = [
            put(tmp_path, "a.ndjson", json.dumps(without).encode()),
            put(tmp_path, "b.ndjson", json.dumps(coverage["resource"]).encode()),
        ]
        assert "reference-unresolved" in [finding["rule"] for finding in findings(run(*files, "--format", "json"))]

    def test_a_file_that_holds_no_fhir_is_told_in_few_lines_and_whole_in_json(self, tmp_path: Path) -> None:
        file = put(tmp_path, "answers.ndjson", b'{"rule": "npi-invalid"}\n' * 437)
        result = run(file, put(tmp_path, "bad.json", BAD), "--format", "json")
        said = result.stderr.decode().splitlines()
        assert result.returncode == 2
        assert len(said) == MOST_TOLD + 1
        assert said[-1] == f"fhir-massage: {file}: 417 more could not be read; --format json lists them all"
        assert len(json.loads(result.stdout)["unread"]) == 437
        assert len(run(file).stderr.decode().splitlines()) == MOST_TOLD + 1

    def test_a_hook_request(self, tmp_path: Path) -> None:
        claims = [entry["resource"] for entry in BAD["entry"] if entry["resource"]["resourceType"] == "Claim"]
        others = [entry["resource"] for entry in BAD["entry"] if entry["resource"]["resourceType"] != "Claim"]
        request = {
            "hook": "order-sign",
            "hookInstance": "0f6a1c1e-0000-4000-8000-000000000001",
            "context": {"patientId": "p1", "draftOrders": bundle(*claims)},
            "prefetch": {"rest": bundle(*others)},
        }
        result = run(put(tmp_path, "hook.json", request), "--format", "json")
        assert [finding["rule"] for finding in findings(result)] == ["units-exceed-minutes"]

    def test_parameters(self, tmp_path: Path) -> None:
        content = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": BAD}]}
        assert findings(run(put(tmp_path, "parameters.json", content), "--format", "json"))

    def test_the_users_own_policies(self, tmp_path: Path) -> None:
        policies = Path(__file__).parents[2] / "examples" / "policies"
        content = claim(line("97140", units=5, minutes=75))
        resource(content, "Coverage")["type"] = {"text": "plan"}
        del resource(content, "Coverage")["payor"][0]["reference"]
        file = put(tmp_path, "claim.json", varied(content, lambda c: c, "Coverage"))
        rules = [finding["rule"] for finding in findings(run(file, "--format", "json", "--policies", policies))]
        assert "units-exceed-policy" in rules
        by_setting = findings(run(file, "--format", "json", FHIR_MASSAGE_POLICIES=str(policies)))
        assert [finding["rule"] for finding in by_setting] == rules


class TestFormats:
    def test_json_as_the_contract_has_it(self, tmp_path: Path) -> None:
        content = json.loads(run(put(tmp_path, "bad.json", BAD), "--format", "json").stdout)
        assert set(content) == {"findings", "reviewed", "corrected"}
        (finding,) = content["findings"]
        assert set(finding) >= {
            "rule", "severity", "message", "expression", "resource", "denial", "at_risk", "citations", "corrections"
        }  # fmt: skip
        assert finding["at_risk"] == {"value": "174.00", "currency": "USD"}
        assert content["corrected"]["Claim/c1"]["item"][0]["quantity"]["value"] == 1

    def test_outcome(self, tmp_path: Path) -> None:
        outcome = json.loads(run(put(tmp_path, "bad.json", BAD), "--format", "outcome").stdout)
        assert outcome["resourceType"] == "OperationOutcome"
        assert outcome["issue"][0]["details"]["coding"][0]["code"] == "units-exceed-minutes"

    def test_cards(self, tmp_path: Path) -> None:
        (card,) = json.loads(run(put(tmp_path, "bad.json", BAD), "--format", "cards").stdout)["cards"]
        assert len(card["summary"]) < 140

    def test_text_names_line_code_money_denial_fix_and_source(self, tmp_path: Path) -> None:
        said = run(put(tmp_path, "bad.json", BAD)).stdout.decode()
        for words in ("Line 1 · 97140-GP", "2026-11-02", "4 units", "$232.00", "$174.00", "CO-151", "Bill 1 unit", "certain",
                      "Medicare Part B", "https://www.cms.gov/", "1 claim reviewed: 1 error"):  # fmt: skip
            assert words in said

    def test_text_for_a_correct_claim_is_a_short_line(self, tmp_path: Path) -> None:
        said = run(put(tmp_path, "good.json", GOOD)).stdout.decode().splitlines()
        assert said[0].endswith("correct")
        assert len(said) == 2

    def test_text_keeps_to_80_columns_but_for_addresses(self, tmp_path: Path) -> None:
        said = run(put(tmp_path, "bad.json", BAD)).stdout.decode().splitlines()
        assert all(len(row) <= 80 for row in said if "https://" not in row)
        assert not any(row != row.rstrip() for row in said)

    def test_no_colour_away_from_a_terminal(self, tmp_path: Path) -> None:
        assert b"\x1b" not in run(put(tmp_path, "bad.json", BAD)).stdout

    def test_nothing_of_the_patient_is_shown(self, tmp_path: Path) -> None:
        result = run(put(tmp_path, "bad.json", BAD))
        assert b"Example" not in result.stdout
        assert b"1957" not in result.stdout


class TestFix:
    def test_the_whole_document_with_the_claim_corrected_and_all_else_as_it_came(self, tmp_path: Path) -> None:
        text = json.dumps(BAD, indent=2).replace('"value": 58.0,', '"value": 58.00,')
        text = text.replace(
            '"status": "active",', '"status": "active",\n        "x-own": {\n          "value": 1.500\n        },', 1
        )
        file, out = put(tmp_path, "bad.json", text.encode()), tmp_path / "fixed.json"
        result = run(file, "--fix", "--out", out)
        assert result.returncode == 1
        assert "1 error" in result.stdout.decode()
        before, after = text.splitlines(), out.read_text().splitlines()
        changed = [new for old, new in zip(before, after, strict=True) if old != new]
        values = [row.strip().rstrip(",") for row in changed if '"value"' in row]
        assert '"value": 1' in values
        assert '"value": 58.00' in values
        assert '"value": 1.500' in out.read_text()
        assert list(json.loads(out.read_text())) == list(BAD)
        assert run(out).returncode == 0

    def test_without_out_the_document_goes_to_standard_output_and_the_report_to_standard_error(
        self, tmp_path: Path
    ) -> None:
        result = run(put(tmp_path, "bad.json", BAD), "--fix")
        assert resource(json.loads(result.stdout), "Claim")["item"][0]["quantity"]["value"] == 1
        assert "units-exceed-minutes" in result.stderr.decode()

    def test_with_json_standard_output_stays_the_report(self, tmp_path: Path) -> None:
        out = tmp_path / "fixed.json"
        result = run(put(tmp_path, "bad.json", BAD), "--fix", "--format", "json", "--out", out)
        assert "findings" in json.loads(result.stdout)
        assert resource(json.loads(out.read_text()), "Claim")["item"][0]["quantity"]["value"] == 1

    def test_a_correct_claim_is_written_as_it_came(self, tmp_path: Path) -> None:
        file, out = put(tmp_path, "good.json", GOOD), tmp_path / "same.json"
        run(file, "--fix", "--out", out)
        assert json.loads(out.read_text()) == GOOD

    def test_a_correction_that_needs_a_person_is_not_made(self, tmp_path: Path) -> None:
        content = claim(line("97140", units=1, minutes=30))
        out = tmp_path / "same.json"
        result = run(put(tmp_path, "claim.json", content), "--fix", "--notes", "--out", out)
        assert "after you confirm" in " ".join(result.stdout.decode().split())
        assert json.loads(out.read_text()) == content

    def test_notes_are_shown_to_those_who_ask(self, tmp_path: Path) -> None:
        """A unit left unbilled is only information: text hides it, and says so; JSON holds it."""
        file = put(tmp_path, "claim.json", claim(line("97140", units=1, minutes=30)))
        hidden = " ".join(run(file).stdout.decode().split())
        assert ": correct" in hidden and "1 note hidden (--notes)" in hidden and "units-below" not in hidden
        shown = " ".join(run(file, "--notes").stdout.decode().split())
        assert "units-below-minutes" in shown and "hidden" not in shown
        findings = json.loads(run(file, "--format", "json").stdout)["findings"]
        assert [each["rule"] for each in findings] == ["units-below-minutes"]

    def test_ndjson_keeps_the_lines_that_need_nothing(self, tmp_path: Path) -> None:
        lines = [json.dumps(each).encode() for each in (GOOD, BAD)] + [b'{"resourceType": "Cl']
        file, out = put(tmp_path, "claims.ndjson", b"\n".join(lines)), tmp_path / "fixed.ndjson"
        result = run(file, "--fix", "--out", out)
        after = out.read_bytes().splitlines()
        assert result.returncode == 2
        assert (after[0], after[2]) == (lines[0], lines[2])
        assert resource(json.loads(after[1]), "Claim")["item"][0]["quantity"]["value"] == 1

    def test_claims_without_an_id_are_corrected_each_in_its_place(self, tmp_path: Path) -> None:
        content = json.loads(json.dumps(BAD))
        second = json.loads(json.dumps(content["entry"][0]))
        second["resource"]["item"][0]["quantity"]["value"] = 3
        second["resource"]["item"][0]["servicedDate"] = "2026-10-20"
        content["entry"].append(second)
        for entry in (content["entry"][0], content["entry"][-1]):
            del entry["fullUrl"], entry["resource"]["id"]
        result = run(put(tmp_path, "two.json", content), "--fix")
        fixed = [e["resource"] for e in json.loads(result.stdout)["entry"] if e["resource"]["resourceType"] == "Claim"]
        assert [each["item"][0]["quantity"]["value"] for each in fixed] == [1, 1]
        assert [each["item"][0]["servicedDate"] for each in fixed] == ["2026-11-02", "2026-10-20"]

    def test_a_place_that_cannot_be_written_is_said(self, tmp_path: Path) -> None:
        result = run(put(tmp_path, "bad.json", BAD), "--fix", "--out", tmp_path / "no" / "such" / "x.json")
        assert result.returncode == 2
        assert "x.json" in result.stderr.decode()
        assert "Traceback" not in result.stderr.decode()
