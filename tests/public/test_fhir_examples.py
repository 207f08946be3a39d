"""Every JSON example of FHIR R4, as HL7 and IBM publish them: none of it is ours, and none of it makes trouble.

The files are fetched from Maven's central index once and are no part of this repository.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from fhir_massage import review
from fhir_massage.case.scope import NOT_REVIEWED
from fhir_massage.cli.main import main
from fhir_massage.errors import Unreadable
from fhir_massage.settings.model import Settings
from fhir_massage.web.app import create_app
from tests.claims import TODAY, Json

pytestmark = pytest.mark.needs_maven
ARTIFACT = "com.ibm.fhir:fhir-examples:4.11.1"
JAR = Path.home() / ".m2/repository/com/ibm/fhir/fhir-examples/4.11.1/fhir-examples-4.11.1.jar"
#: Types that a door of the service validates.
VALIDATED = ("Claim", "ServiceRequest", "Coverage")
#: Files that are no FHIR resource, though they are JSON.
NO_RESOURCES = {"json/spec/package-min-ver.json"}

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def files() -> Files:
    """Every JSON file of the artifact by name."""
    if not JAR.exists():
        maven = shutil.which("mvn")
        if maven is None:
            pytest.skip("Maven is not installed")
        command = [maven, "-q", "dependency:get", f"-Dartifact={ARTIFACT}", "-Dtransitive=false"]
        if subprocess.run(command, check=False, timeout=300, capture_output=True).returncode or not JAR.exists():
            pytest.skip("Maven's central index cannot be reached")
    with zipfile.ZipFile(JAR) as jar:
        return {name: jar.read(name) for name in sorted(jar.namelist()) if name.endswith(".json")}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    app = create_app(Settings(data=tmp_path_factory.mktemp("data"), hook_seconds=2))
    with app.test_client() as client:
        yield client


def resources(files: Files, *kinds: str) -> Iterator[tuple[str, Json]]:
    for name, content in files.items():
        if any(f'"{kind}"'.encode() in content for kind in kinds):
            resource = json.loads(content.decode("utf-8-sig"))
            if isinstance(resource, dict) and resource.get("resourceType") in kinds:
                yield name, resource


def test_they_are_all_there(files: Files) -> None:
    assert len(files) == 4_741


def test_a_review_reads_them_all_and_finds_nothing(files: Files) -> None:
    unread, found = set(), []
    for name, content in files.items():
        try:
            report = review(content, on=TODAY)
        except Unreadable:
            unread.add(name)
            continue
        assert not report.broken, name
        unread |= {name} if report.unread else set()
        found += [(name, finding.rule) for finding in report.findings if finding.severity != "information"]
    assert found == []
    assert unread <= NO_RESOURCES


def test_validate_says_of_their_claims_that_they_are_not_ours(files: Files, client: FlaskClient) -> None:
    count = 0
    for name, resource in resources(files, *VALIDATED):
        answer = client.post(
            f"/fhir/{resource['resourceType']}/$validate", data=files[name], content_type="application/fhir+json"
        )
        assert answer.status_code in (200, 400), name
        issues = answer.json["issue"]
        if resource["resourceType"] == "Claim" and resource.get("status") not in NOT_REVIEWED:
            count += 1
            assert answer.status_code == 200
            rules = {issue["details"]["coding"][0]["code"] for issue in issues if "coding" in issue.get("details", {})}
            assert "not-ours" in rules and len(rules) == 1, (name, rules)
    assert count > 10


def test_a_hook_has_no_card_for_them(files: Files, client: FlaskClient) -> None:
    for name, resource in resources(files, "Claim", "ServiceRequest"):
        request = {
            "hook": "order-sign",
            "hookInstance": "11111111-2222-4333-8444-555555555555",
            "context": {
                "userId": "Practitioner/p",
                "patientId": "p1",
                "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource}]},
            },
            "prefetch": {},
        }
        answer = client.post("/cds-services/fhir-massage-order-sign", json=request)
        assert answer.status_code in (200, 400, 412), (name, answer.text)
        if answer.status_code == 200:
            assert answer.json["cards"] == [], name


def test_an_audit_counts_them_with_nothing_at_risk(files: Files, tmp_path: Path) -> None:
    claims = [json.dumps(resource) for _, resource in resources(files, "Claim", "Coverage", "Patient", "Organization")]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "all.ndjson").write_text("\n".join(claims), encoding="utf-8")
    result = CliRunner().invoke(main, ["audit", str(tmp_path / "in"), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["out_of_scope"] > 10
    assert (summary["reviewed"]["claims"], float(summary["at_risk"])) == (0, 0.0)
    assert (tmp_path / "out" / "rejected.ndjson").read_text(encoding="utf-8") == ""
