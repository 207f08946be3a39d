"""The wheel and the source archive hold what they should, are the same bytes each time, and work in an empty folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import site
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import fhir_massage
from scripts.sbom import bill_of_materials, direct, distribution
from tests.claims import claim, line

ROOT = Path(__file__).parents[2]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
BUILD = [sys.executable, "-m", "build", "--no-isolation"]
PACKAGED = ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md")
DATE = "1790000000"


def _tree(folder: Path, *, age: int, mode: int) -> Path:
    """What is packaged, copied with files of that age in seconds and that mode, as another checkout has them."""
    folder.mkdir()
    for name in PACKAGED:
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "fhir_massage", folder / "fhir_massage", ignore=shutil.ignore_patterns("__pycache__"))
    for file in folder.rglob("*"):
        if file.is_file():
            file.chmod(mode)
            os.utime(file, (1_700_000_000 - age, 1_700_000_000 - age))
    return folder


def _build(tree: Path, *what: str, date: str = DATE) -> Path:
    """What the build makes of the tree: the folder of it."""
    out = tree.parent / f"{tree.name}-built-{'-'.join(what)}"
    environment = {**os.environ, "SOURCE_DATE_EPOCH": date, "PYTHONPATH": ""}
    command = [*BUILD, *(f"--{each}" for each in what), "--outdir", str(out), str(tree)]
    subprocess.run(command, check=True, capture_output=True, timeout=300, env=environment, cwd=tree.parent)
    return out


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheel and source archive of the working tree, built by the locked tools and without a network."""
    return _build(_tree(tmp_path_factory.mktemp("build") / "tree", age=0, mode=0o644), "sdist", "wheel")


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    (wheel,) = built.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def sdist(built: Path) -> Path:
    (sdist,) = built.glob("*.tar.gz")
    return sdist


def _ours() -> set[str]:
    files = (file for file in (ROOT / "fhir_massage").rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    return {str(file.relative_to(ROOT)) for file in files}


def test_the_wheel_holds_every_file_of_the_package_and_no_other(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    beside = {name for name in held if name.startswith(f"fhir_massage-{fhir_massage.__version__}.dist-info/")}
    assert held - beside == _ours()
    assert "fhir_massage/py.typed" in held
    assert any(name.endswith("licenses/LICENSE") for name in beside)


def test_the_source_archive_holds_the_package_and_what_builds_it_and_no_more(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert held == _ours() | {*PACKAGED, "PKG-INFO"}


def test_no_file_that_a_person_or_a_run_leaves_behind_is_packaged(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    kinds = {".csv", ".toml", ".json", ".html", ".css", ".js", ".svg", ".md", ".py", ".typed", ".ini", ".mako", ".sql"}
    assert {Path(name).suffix for name in names if ".dist-info/" not in name} <= kinds


def test_another_checkout_builds_the_same_bytes(built: Path, tmp_path: Path) -> None:
    again = _build(_tree(tmp_path / "elsewhere", age=86_400, mode=0o600), "sdist", "wheel")
    assert {f.name: f.read_bytes() for f in again.iterdir()} == {f.name: f.read_bytes() for f in built.iterdir()}


def test_another_date_builds_other_bytes(wheel: Path, tmp_path: Path) -> None:
    later = _build(_tree(tmp_path / "later", age=0, mode=0o644), "wheel", date="1800000000")
    assert (later / wheel.name).read_bytes() != wheel.read_bytes(), "so that the date is what the others agree in"


def test_the_source_archive_builds_the_same_wheel(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (tree,) = tmp_path.iterdir()
    assert (_build(tree, "wheel") / wheel.name).read_bytes() == wheel.read_bytes()


def test_it_reviews_from_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    """As pipx does it: an environment of its own, the wheel into it, and the command from anywhere."""
    place, empty = tmp_path / "place", tmp_path / "empty"
    empty.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True, timeout=300)
    install = ["--python", str(place), "install", "--no-index", "--no-deps", "--no-compile", str(wheel)]
    subprocess.run([*PIP, *install], check=True, capture_output=True, timeout=300)
    # Its dependencies are those that the tests run with: no index is asked.
    (packages,) = place.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    (empty / "claim.json").write_text(json.dumps(claim(line("97140", units=4, minutes=20))))
    result = subprocess.run(
        [place / "bin" / "fhir-massage", "check", "--on", "2026-11-10", "--format", "json", "claim.json"],
        cwd=empty,
        env={name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "FHIR_MASSAGE_"))},
        capture_output=True,
        timeout=120,
    )
    assert result.returncode == 1, result.stderr.decode()
    assert [finding["rule"] for finding in json.loads(result.stdout)["findings"]] == ["units-exceed-minutes"]
    assert list(empty.iterdir()) == [empty / "claim.json"], "a check leaves nothing behind"
    where = subprocess.run(
        [place / "bin" / "python", "-c", "import fhir_massage; print(fhir_massage.__file__)"],
        cwd=empty, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert where.stdout.startswith(str(packages)), "the wheel is what ran"


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
    assert {"build", "flit-core"} <= _locked("requirements.txt")


# --- extras ----------------------------------------------------------------------------------------------


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def _locked(name: str) -> set[str]:
    return {distribution(line) for line in re.findall(r"^[a-z0-9._-]+==", (ROOT / name).read_text(), re.M)}


@pytest.mark.parametrize("extra", PROJECT["optional-dependencies"])
def test_what_an_extra_asks_for_is_locked(extra: str) -> None:
    asked = {distribution(requirement) for requirement in PROJECT["optional-dependencies"][extra]}
    assert asked
    assert asked <= _locked("requirements-test.txt")


def test_the_promised_extras_are_there() -> None:
    assert {"audit", "docs", "frame", "postgres", "spark"} <= set(PROJECT["optional-dependencies"])


def test_the_wheel_says_which_pythons_and_extras_there_are(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"fhir_massage-{fhir_massage.__version__}.dist-info/METADATA").decode()
    assert "Requires-Python: >=3.11" in metadata
    assert re.findall(r"^Classifier: Programming Language :: Python :: (3\.\d+)$", metadata, re.M) == [
        "3.11", "3.12", "3.13", "3.14",
    ]  # fmt: skip
    assert set(re.findall(r"^Provides-Extra: (\S+)$", metadata, re.M)) == set(PROJECT["optional-dependencies"])
    assert "License-Expression: Apache-2.0" in metadata


def _find(version: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / "scripts/find-python", version], capture_output=True, text=True, timeout=60)


def test_the_tests_run_on_each_python_that_is_promised() -> None:
    (tried,) = re.findall(r"for version in (.+?); do", (ROOT / "Makefile").read_text())
    promised = [each.rpartition(" ")[2] for each in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d+$", each)]
    assert tried.split() == promised


def test_a_python_is_found_on_the_path_or_among_those_of_pyenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "versions" / "3.98.1" / "bin"
    kept.mkdir(parents=True)
    (kept / "python").symlink_to(sys.executable)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert _find("3.98").returncode == 0
    assert _find("3.98").stdout.strip().endswith("/python")
    assert (_find("3.99").returncode, _find("3.99").stdout) == (1, "")


# --- bill of materials -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bill() -> dict:
    return bill_of_materials()


def test_the_bill_of_materials_lists_what_is_locked_with_its_hashes(bill: dict) -> None:
    text = (ROOT / "requirements.txt").read_text()
    pinned = dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", text, re.M))
    assert {component["name"]: component["version"] for component in bill["components"]} == pinned
    hashed = {
        each["content"]
        for component in bill["components"]
        for reference in component["externalReferences"]
        for each in reference["hashes"]
    }
    assert hashed == set(re.findall(r"--hash=sha256:([0-9a-f]{64})", text))


def test_the_bill_of_materials_names_the_product_and_what_it_asks_for(bill: dict) -> None:
    product = bill["metadata"]["component"]
    assert (product["name"], product["version"]) == ("fhir-massage", fhir_massage.__version__)
    names = {component["bom-ref"]: distribution(component["name"]) for component in bill["components"]}
    (asked,) = (each["dependsOn"] for each in bill["dependencies"] if each["ref"] == product["bom-ref"])
    assert {names[reference] for reference in asked} == direct()


def test_the_bill_of_materials_is_the_same_each_time_and_valid(bill: dict) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert bill_of_materials() == bill
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None
