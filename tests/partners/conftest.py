"""A real HAPI FHIR server, built once from Maven artefacts, each test's data its own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

HAPI = Path(__file__).parent / "hapi"


@pytest.fixture(scope="session")
def hapi() -> Iterator[str]:
    """The base address of a HAPI server that runs for the session."""
    if shutil.which("mvn") is None or shutil.which("java") is None:
        pytest.skip("Java and Maven are not installed")
    built = subprocess.run([HAPI / "build"], capture_output=True, text=True, timeout=600)
    if built.returncode:
        pytest.skip(f"HAPI could not be built: {(built.stdout + built.stderr)[-300:]}")
    process = subprocess.Popen([HAPI / "start"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    assert address.startswith("http://127.0.0.1:"), "HAPI did not start"
    yield address
    process.terminate()
    process.wait(timeout=30)
