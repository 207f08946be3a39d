"""``make sbom``: what the locked dependencies are, as a CycloneDX bill of materials; no network is asked."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import fhir_massage

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements.txt"


def bill_of_materials() -> dict[str, Any]:
    """The components of the lock with their hashes, and which of them the product itself asks for."""
    options = [
        "--pyproject",
        "pyproject.toml",
        "--spec-version",
        "1.6",
        "--output-reproducible",
        "--output-format",
        "JSON",
    ]
    command = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", *options, LOCK.name]
    bill: dict[str, Any] = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    # The version is written in the package and not in pyproject.toml, where the generator looks for it.
    product = bill["metadata"]["component"]
    product["version"] = fhir_massage.__version__
    product["purl"] = f"pkg:pypi/{product['name']}@{product['version']}"
    references = {_normal(component["name"]): component["bom-ref"] for component in bill["components"]}
    asked = sorted(references[name] for name in direct() if name in references)
    bill["dependencies"] = [
        *(each for each in bill["dependencies"] if each["ref"] != product["bom-ref"]),
        {"ref": product["bom-ref"], "dependsOn": asked},
    ]
    return bill


def direct() -> set[str]:
    """The names of the distributions that the product itself asks for, as indexes write them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {distribution(requirement) for requirement in project["dependencies"]}


def distribution(requirement: str) -> str:
    """The name in a requirement, as indexes write it: ``psycopg`` of ``psycopg[binary]>=3.2``."""
    return _normal(re.split(r"[^\w.-]", requirement.strip(), maxsplit=1)[0])


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(bill_of_materials(), indent=2) + "\n", encoding="utf-8")
    print(f"wrote {file}")
