"""Packages as pip would leave them: modules, and the metadata that names their entry points."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "plugin"
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
OFFLINE = ["--no-index", "--no-deps", "--no-build-isolation"]

RULE = '''
from fhir_massage.plugin import claim_rule, Found

@claim_rule("{id}", family="claim", severity="warning", title="A rule for a test")
def rule_for_a_test(case):
    """A rule.

    What it checks
    Nothing.

    Why it is denied
    It is not.

    What to do
    Nothing.

    Source
    None.
    """
    yield Found("Claim", "found by {id}")
'''


def install_example(place: Path) -> None:
    """The example package, built and installed by pip without a network."""
    subprocess.run([*PIP, "install", *OFFLINE, "--target", str(place), str(EXAMPLE)], check=True, timeout=300)


def install(place: Path, package: str, files: dict[str, str], entry_points: dict[str, str]) -> None:
    """A package of these files. ``entry_points`` are modules by ``group:name``, the group short (``rules``)."""
    for path, text in files.items():
        file = place / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    metadata = place / f"{package.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = []
    for point, module in entry_points.items():
        group, name = point.split(":")
        lines += [f"[fhir_massage.{group}]", f"{name} = {module}", ""]
    (metadata / "entry_points.txt").write_text("\n".join(lines))


class Installation:
    """The product with packages beside it, each call a process of its own."""

    def __init__(self, place: Path, data: Path) -> None:
        self.place = place
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("FHIR_MASSAGE_")},
            "PYTHONPATH": str(place),
            "FHIR_MASSAGE_DATA": str(data),
            "COLUMNS": "100",
        }

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """``fhir-massage`` with these words."""
        return self.python("from fhir_massage.cli import main; main()", *words)

    def python(self, program: str, *words: str) -> subprocess.CompletedProcess[str]:
        """A program in Python."""
        return subprocess.run(
            [sys.executable, "-c", program, *words],
            env=self.environment, capture_output=True, text=True, timeout=120, cwd=self.place,
        )  # fmt: skip

    def plugins(self) -> dict[tuple[str, str], dict[str, Any]]:
        """What ``fhir-massage plugins`` says, by group (short) and package."""
        said = json.loads(self.run("plugins", "--format", "json").stdout)
        return {(each["group"].removeprefix("fhir_massage."), each["package"]): each for each in said}
