"""A real HAPI FHIR server, built once from Maven artefacts, each test's data its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

HAPI = Path(__file__).parents[2] / "examples/hapi"

Start = Callable[..., AbstractContextManager[str]]


@pytest.fixture(scope="session")
def start_hapi() -> Start:
    """Starts a HAPI server with the settings of its interceptor, and gives its base address."""
    if shutil.which("mvn") is None or shutil.which("java") is None:
        pytest.skip("Java and Maven are not installed")
    built = subprocess.run([HAPI / "build"], capture_output=True, text=True, timeout=600)
    if built.returncode:
        pytest.skip(f"HAPI could not be built: {(built.stdout + built.stderr)[-300:]}")
    return _started


@contextmanager
def _started(**settings: str) -> Iterator[str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("FHIR_MASSAGE_")}
    environment = {**others, **{f"FHIR_MASSAGE_{name.upper()}": value for name, value in settings.items()}}
    process = subprocess.Popen(
        [HAPI / "start"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), "HAPI did not start"
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="session")
def hapi(start_hapi: Start) -> Iterator[str]:
    """The base address of a HAPI server that runs for the session and has nothing reviewed."""
    with start_hapi() as address:
        yield address
