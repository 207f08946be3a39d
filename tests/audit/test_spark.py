"""Apache Spark gives the very rows that one machine does, on two cores and on a cluster of two workers."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pyspark
import pytest
from pyarrow import parquet

from fhir_massage.audit.gather import MOST_ROLES
from tests.audit.cases import BAD, GOOD, Json, bundle, findings, named_by_role, put, rejected, run, summary, together
from tests.claims import TAXONOMY, claim

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs a Java runtime (17 or later)")
MASSAGE, PHYSICAL = TAXONOMY["massage-therapist"], TAXONOMY["physical-therapist"]
#: What only a role says to be a massage therapist's, which Medicare does not pay.
BY_ROLE = {f"Claim/c1-{number}" for number in (100, 103, 104, 105, 107, 108)}
QUIET = {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}


def hard_input(folder: Path) -> Path:
    """Resources that meet only across files and patients, one patient with very many claims, and bad lines."""
    resources = [r for n in range(30) for r in bundle(n, *(BAD if n % 3 == 0 else GOOD))]
    by_name = {f"{r['resourceType']}/{r['id']}": r for r in resources}
    by_name["Claim/c1-4"]["insurance"][0]["coverage"] = {"reference": "Coverage/cov-5"}  # another patient's
    for number in range(1, 12):  # every claim is rendered by the first one's therapist
        by_name[f"Claim/c1-{number}"]["careTeam"] = by_name["Claim/c1-0"].get("careTeam", [])
        by_name[f"Claim/c1-{number}"]["provider"] = by_name["Claim/c1-0"]["provider"]
    for number in range(150):  # one patient's hundred and fifty visits, two of them billed twice
        again: Json = json.loads(json.dumps(by_name["Claim/c1-7"]))
        again["id"] = f"visit-{number:03d}"
        for item in again["item"]:
            item["servicedDate"] = f"2026-{1 + number // 25:02d}-{1 + min(number, 148) % 25:02d}"
        resources.append(again)
    put(folder, resources)
    claims = folder / "Claim.ndjson"
    rows = claims.read_text().splitlines()
    rows[10:10] = [
        "{",
        "",
        '{"id": "no type"}',
        json.dumps({"resourceType": "Claim", "id": "w", "patient": {"reference": "Patient/p1-3"}, "item": 1}),
    ]
    claims.write_text("\n".join(rows) + "\n")
    put_roles(folder)
    coverage = folder / "Coverage.ndjson"
    (folder / "Coverage.ndjson.gz").write_bytes(gzip.compress(coverage.read_bytes()))
    coverage.unlink()
    (folder / "bundle.json").write_text(json.dumps(claim(*BAD), indent=2))
    return folder


def put_roles(folder: Path) -> None:
    """Claims to Medicare of which only a role tells who rendered them; of those in ``BY_ROLE``, a massage therapist."""
    made = {n: bundle(n, *GOOD, payer="medicare-part-b", profession=None) for n in range(100, 109)}
    roles = [
        named_by_role(100, MASSAGE, practitioner={"reference": "http://ehr.example.org/Practitioner/therapist-100"}),
        named_by_role(101, MASSAGE, practitioner={"reference": "Practitioner/therapist-101/_history/2"}),
        named_by_role(101, PHYSICAL, id="role-101-too"),
        named_by_role(103, MASSAGE),
        named_by_role(104, PHYSICAL),
        named_by_role(107, MASSAGE),
        *(named_by_role(108, MASSAGE, id=f"role-108-{n}") for n in range(MOST_ROLES)),
        named_by_role(108, PHYSICAL, id="past-the-most"),
    ]
    del roles[0]["id"]
    bundles = [
        together(r for r in made[102] if r["resourceType"] != "Coverage"),  # the coverage is loose
        together(made[103]),  # the role is
        together([*made[104], named_by_role(104, MASSAGE)]),  # both have one: the Bundle's own counts
        together([*(r for r in made[105] if r["resourceType"] != "Practitioner"), named_by_role(105, MASSAGE)]),
        together([named_by_role(106, MASSAGE)]),  # lends it to no other
    ]
    rows = [json.dumps(r) for n in (100, 101, 106, 108) for r in made[n]]
    rows += [json.dumps(r).replace("/", r"\/") for r in made[107]]  # as some servers write
    rows += [json.dumps(r) for r in made[102] if r["resourceType"] == "Coverage"]
    rows += [json.dumps(r) for r in made[105] if r["resourceType"] == "Practitioner"]
    (folder / "A-roles.ndjson").write_text("".join(json.dumps(each) + "\n" for each in roles[:3]))
    (folder / "Z-roles.ndjson").write_text("".join(json.dumps(each) + "\n" for each in roles[3:]))
    (folder / "Medicare.ndjson").write_text("\n".join(rows) + "\n")
    (folder / "bundles.ndjson").write_text("".join(json.dumps(each) + "\n" for each in bundles))


def same(ours: Path, theirs: Path) -> None:
    assert sorted(map(json.dumps, findings(ours))) == sorted(map(json.dumps, findings(theirs)))
    assert rejected(ours) == rejected(theirs)
    assert summary(ours) == summary(theirs)


def table(out: Path) -> list[str]:
    rows = [row for file in out.glob("findings*.parquet") for row in parquet.read_table(file).to_pylist()]
    return sorted(map(str, rows))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """The input, and what each engine makes of it."""
    folder = tmp_path_factory.mktemp("engines")
    given = hard_input(folder / "in")
    assert run(given, "--out", folder / "local", "--corrected").returncode == 1
    options = {"PYSPARK_SUBMIT_ARGS": "--master local[2] pyspark-shell", **QUIET}
    told = run(given, "--out", folder / "spark", "--engine", "spark", "--corrected", **options)
    assert told.returncode == 1, told.stderr.decode()[-2000:]
    return given, folder / "local", folder / "spark"


class TestSameRows:
    def test_findings_rejected_lines_and_summary_are_the_same(self, both: tuple[Path, Path, Path]) -> None:
        _, local, spark = both
        rules = {finding["rule"] for finding in findings(local)}
        assert {"coverage-wrong-patient", "duplicate-claim", "units-exceed-minutes"} <= rules
        assert len(rejected(local)) == 3
        same(spark, local)

    def test_a_role_that_names_a_practitioner_is_found_wherever_it_stands(self, both: tuple[Path, Path, Path]) -> None:
        for out in both[1:]:
            told = {(f["resource"], f["rule"]) for f in findings(out)}
            assert {name for name, rule in told if rule == "provider-not-payable"} == BY_ROLE
            assert {name for name, rule in told if rule == "provider-unknown"} == {"Claim/c1-102", "Claim/c1-106"}
            assert ("Claim/c1-102", "coverage-missing") not in told

    def test_the_parquet_is_the_same(self, both: tuple[Path, Path, Path]) -> None:
        _, local, spark = both
        assert table(spark) == table(local) != []

    def test_corrected_claims_are_the_same(self, both: tuple[Path, Path, Path]) -> None:
        _, local, spark = both
        ours, theirs = (
            sorted(row for file in out.glob("corrected*.ndjson") for row in file.read_text().splitlines())
            for out in (spark, local)
        )
        assert ours == theirs != []

    def test_parquet_is_read_like_ndjson(self, tmp_path: Path) -> None:
        resources = [r for n in range(6) for r in bundle(n, *BAD)]
        run(put(tmp_path / "in", resources), "--out", tmp_path / "local")
        (tmp_path / "tables").mkdir()
        rows = pyarrow.table({"resource": [json.dumps(resource) for resource in resources]})
        parquet.write_table(rows, tmp_path / "tables" / "all.parquet")
        options = {"PYSPARK_SUBMIT_ARGS": "--master local[2] pyspark-shell", **QUIET}
        told = run(tmp_path / "tables", "--out", tmp_path / "spark", "--engine", "spark", **options)
        assert told.returncode == 1, told.stderr.decode()[-2000:]
        assert sorted(map(json.dumps, findings(tmp_path / "spark"))) == sorted(
            map(json.dumps, findings(tmp_path / "local"))
        )


def test_where_spark_cannot_be_started_it_says_what_is_needed(tmp_path: Path) -> None:
    put(tmp_path / "in", bundle(1, *GOOD))
    told = run(tmp_path / "in", "--out", tmp_path / "out", "--engine", "spark", JAVA_HOME=str(tmp_path / "nowhere"))
    assert told.returncode == 2
    (last,) = told.stderr.decode().splitlines()[-1:]
    assert "Spark could not be started" in last
    assert "Java 17" in last


class TestCluster:
    @pytest.fixture
    def master(self, tmp_path: Path) -> Iterator[str]:
        """A standalone cluster of two workers on loopback."""
        spark_class = Path(pyspark.__file__).parent / "bin" / "spark-class"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        address = f"spark://127.0.0.1:{port}"
        where = ["--host", "127.0.0.1", "--webui-port", "0"]
        main = ["org.apache.spark.deploy.master.Master", *where, "--port", str(port)]
        worker = ["org.apache.spark.deploy.worker.Worker", *where, "--cores", "1", "--memory", "1g"]
        started = []
        try:
            for number, (role, *rest) in enumerate((main, [*worker, address], [*worker, address])):
                work = ["--work-dir", str(tmp_path / f"work-{number}")] if number else []
                log = (tmp_path / f"log-{number}").open("wb")
                command = [str(spark_class), role, *work, *rest]
                started.append(subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **QUIET}))
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                if (tmp_path / "log-0").read_text().count("Registering worker") == 2:
                    break
                time.sleep(0.2)
            yield address
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(timeout=30)

    def test_spark_submit_to_two_workers_gives_the_same_rows(
        self, tmp_path: Path, master: str, both: tuple[Path, Path, Path]
    ) -> None:
        given, local, _ = both
        submit = str(Path(pyspark.__file__).parent / "bin" / "spark-submit")
        command = (
            submit,
            "--master",
            master,
            "--executor-memory",
            "512m",
            str(ROOT / "examples" / "spark" / "audit.py"),
        )
        told = run(given, "--out", tmp_path / "out", before=command, PYTHONPATH=str(ROOT), **QUIET)
        assert told.returncode == 1, told.stderr.decode()[-2000:]
        assert (tmp_path / "log-0").read_text().count("Launching executor") >= 2
        same(tmp_path / "out", local)


def test_without_spark_the_command_says_what_to_install(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['pyspark'] = None; from fhir_massage.cli import main; main()"
    given = put(tmp_path / "in", bundle(1, *GOOD))
    told = run(given, "--engine", "spark", "--out", tmp_path / "out", before=(sys.executable, "-c", hidden, "audit"))
    assert told.returncode == 2
    assert b"pip install 'fhir-massage[spark]'" in told.stderr
