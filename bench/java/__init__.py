"""HAPI's validator of FHIR R4 structure, warmed, where Maven and a JDK are at hand."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.measure import Spread

HERE = Path(__file__).parent
LONGEST = 600


def validator(files: Sequence[Path]) -> dict[str, Spread] | str:
    """Microseconds a validation of each file, by its name; or why it was not measured."""
    if shutil.which("mvn") is None or shutil.which("java") is None:
        return "not measured: there is no Maven here"
    try:
        build = ["mvn", "-q", "-B", "-DoutputDirectory=target/lib", "package", "dependency:copy-dependencies"]
        subprocess.run(build, cwd=HERE, check=True, capture_output=True, timeout=LONGEST)
        run = ["java", "-XX:ActiveProcessorCount=1", "-cp", "target/classes:target/lib/*", "Validate", *map(str, files)]
        told = subprocess.run(run, cwd=HERE, check=True, capture_output=True, timeout=LONGEST, text=True).stdout
    except (subprocess.SubprocessError, OSError) as error:
        return f"not measured: {type(error).__name__}"
    return {
        Path(file).stem: Spread(float(median), float(least), float(most))
        for file, median, least, most in (line.split() for line in told.splitlines())
    }
