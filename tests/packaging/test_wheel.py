"""The wheel holds everything that is read at run time, and works from an empty folder."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.claims import claim, line

ROOT = Path(__file__).parents[2]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the working tree, built by the locked tools and without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    tree.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "fhir_massage"):
        (tree / name).symlink_to(ROOT / name)
    build = ["wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(tree)]
    subprocess.run([*PIP, *build], check=True, capture_output=True, timeout=300)
    (built,) = folder.glob("*.whl")
    return built


def test_it_holds_every_file_of_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    ours = (file for file in (ROOT / "fhir_massage").rglob("*") if file.is_file() and file.suffix != ".pyc")
    missing = {str(file.relative_to(ROOT)) for file in ours} - held
    assert not missing
    assert "fhir_massage/py.typed" in held
    assert any(name.endswith("licenses/LICENSE") for name in held)


def test_it_reviews_from_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    place, empty = tmp_path / "place", tmp_path / "empty"
    empty.mkdir()
    install = ["install", "--no-index", "--no-deps", "--no-compile", "--target", str(place), str(wheel)]
    subprocess.run([*PIP, *install], check=True, capture_output=True, timeout=300)
    (empty / "claim.json").write_text(json.dumps(claim(line("97140", units=4, minutes=20))))
    program = "import sys, fhir_massage.cli as c; assert sys.argv.pop(1) in c.__file__; c.main()"
    result = subprocess.run(
        [sys.executable, "-c", program, str(place), "check", "--on", "2026-11-10", "--format", "json", "claim.json"],
        cwd=empty,
        env={**os.environ, "PYTHONPATH": str(place)},
        capture_output=True,
        timeout=120,
    )
    assert result.returncode == 1, result.stderr.decode()
    assert [finding["rule"] for finding in json.loads(result.stdout)["findings"]] == ["units-exceed-minutes"]
    assert list(empty.iterdir()) == [empty / "claim.json"], "a check leaves nothing behind"


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-test.txt"])
def test_the_locks_pin_and_hash_everything_and_name_no_host(name: str) -> None:
    text = (ROOT / name).read_text()
    pinned = re.findall(r"^([a-z0-9._-]+)==", text, re.M)
    assert pinned
    assert not re.findall(r"^(?![#\s])(?!\S+==\S+( ; .+)? \\$).+", text, re.M), "every requirement is pinned"
    assert len(re.findall(r"^\S+==.*\\\n +--hash=sha256:", text, re.M)) == len(pinned), "and hashed"
    assert "://" not in text


def test_the_test_lock_installs_the_same_versions_as_the_lock() -> None:
    versions = [
        dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / name).read_text(), re.M))
        for name in ("requirements.txt", "requirements-test.txt")
    ]
    assert versions[0].items() <= versions[1].items()


def test_the_build_tools_are_locked_too() -> None:
    assert {"setuptools", "wheel"} <= set(
        re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.txt").read_text(), re.M)
    )
