"""Data that every audit test makes alike, and how the command is called."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.claims import claim, concept, line

ON = "2026-11-10"
Json = dict[str, Any]
GOOD = [line("97140", units=1, minutes=15)]
BAD = [line("97140", units=2, minutes=15)]


def bundle(number: int, *lines: Json, **given: Any) -> list[Json]:
    """A claim of one's own with all that belongs to it, each resource with a name of its own."""
    made = claim(*lines, **given)
    text = json.dumps([entry["resource"] for entry in made["entry"]])
    for resource in json.loads(text):
        kind, name = resource["resourceType"], resource["id"]
        text = text.replace(f'"{kind}/{name}"', f'"{kind}/{name}-{number}"')
    resources: list[Json] = json.loads(text)
    for resource in resources:
        resource["id"] = f"{resource['id']}-{number}"
    return resources


def together(resources: Iterable[Json]) -> Json:
    """The resources as a Bundle."""
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in resources]}


def put(folder: Path, resources: list[Json]) -> Path:
    """The resources as FHIR Bulk Data gives them: a file a kind."""
    folder.mkdir(parents=True, exist_ok=True)
    by_kind: dict[str, list[Json]] = {}
    for resource in resources:
        by_kind.setdefault(resource["resourceType"], []).append(resource)
    for kind, each in by_kind.items():
        (folder / f"{kind}.ndjson").write_text("".join(json.dumps(r) + "\n" for r in each))
    return folder


def run(
    *arguments: Any, stdin: bytes | None = None, before: Sequence[str] = (), **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """``fhir-massage audit`` on the day of the tests."""
    import os

    command = [*(before or (sys.executable, "-m", "fhir_massage", "audit")), *map(str, arguments), "--on", ON]
    return subprocess.run(
        command, input=stdin, capture_output=True, timeout=300, check=False, env={**os.environ, **environment}
    )


def findings(out: Path) -> list[Json]:
    """Every finding that was written."""
    return [json.loads(row) for file in sorted(out.glob("findings*.ndjson")) for row in file.read_text().splitlines()]


def found(out: Path) -> Counter[tuple[str, str]]:
    """Errors and warnings: the resource and the rule."""
    return Counter((f["resource"], f["rule"]) for f in findings(out) if f["severity"] != "information")


def rejected(out: Path) -> list[Json]:
    """Every line that was set aside."""
    return [json.loads(row) for row in (out / "rejected.ndjson").read_text().splitlines()]


def summary(out: Path) -> Json:
    """The summary, without the time it took."""
    content: Json = json.loads((out / "summary.json").read_text())
    return {**content, "seconds": None}


def named_by_role(number: int, taxonomy: str, *, id: str | None = None, element: str = "code", **given: Any) -> Json:
    """A role that names the therapist of ``bundle(number)`` and says what they are."""
    return {
        "resourceType": "PractitionerRole",
        "id": id or f"role-{number}",
        "practitioner": {"reference": f"Practitioner/therapist-{number}"},
        element: [concept(taxonomy, "http://nucc.org/provider-taxonomy")],
        **given,
    }
