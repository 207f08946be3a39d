"""An audit that is ended from outside goes on where it was, wherever that was; and memory does not grow with what is wrong."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.audit.cases import BAD, GOOD, ON, bundle, findings, named_by_role, put, rejected, run, summary
from tests.claims import TAXONOMY

#: Audits, and at the moment that is named ends itself and its workers by SIGKILL.
ENDED = """
import os, signal, sys
from datetime import date
from pathlib import Path
from fhir_massage.audit import run
from fhir_massage.facts.book import shipped

source, out, on, moment = sys.argv[1:]
end = lambda: os.killpg(0, signal.SIGKILL)

def watch(progress):
    if progress.step == moment and 0 < progress.done < progress.total:
        end()

write_summary = run.write_summary
def write_and_end(*args):
    write_summary(*args)
    if moment == "summary":
        end()

run.write_summary = write_and_end
run.audit([source], Path(out), on=date.fromisoformat(on), facts=shipped(), workers=2, watch=watch)
"""

#: Audits, and says the most kilobytes that this process and the largest of its workers held.
MEASURED = """
import resource, sys
from datetime import date
from pathlib import Path
from fhir_massage.audit import run
from fhir_massage.facts.book import shipped

run.audit([sys.argv[1]], Path(sys.argv[2]), on=date.fromisoformat(sys.argv[3]), facts=shipped(), workers=1)
print(*(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
"""


@pytest.mark.parametrize("moment", ["reading", "reviewing", "summary"])
def test_ended_at_any_moment_it_loses_nothing_and_counts_nothing_twice(tmp_path: Path, moment: str) -> None:
    resources = [r for n in range(1500) for r in bundle(n, *(BAD if n % 3 == 0 else GOOD), profession=None)]
    roles = [named_by_role(n, TAXONOMY["physical-therapist"]) for n in range(0, 1500, 2)]
    folder = put(tmp_path / "in", [*resources, *roles])
    with (folder / "Claim.ndjson").open("a") as stream:
        stream.write("{\n" * 3)
    run(folder, "--out", tmp_path / "whole")
    out = tmp_path / "out"
    ended = subprocess.run(
        [sys.executable, "-c", ENDED, str(folder), str(out), ON, moment], start_new_session=True, timeout=120
    )
    assert ended.returncode == -signal.SIGKILL
    assert not (out / ".audit" / "finished.json").exists()
    assert run(folder, "--out", out).returncode == 1
    assert sorted(map(str, findings(out))) == sorted(map(str, findings(tmp_path / "whole")))
    assert len([each for each in findings(out) if each["rule"] == "provider-unknown"]) == 750
    assert summary(out) == summary(tmp_path / "whole")
    assert rejected(out) == rejected(tmp_path / "whole") and len(rejected(out)) == 3
    assert not (out / ".audit" / "laid").exists()


def test_memory_does_not_grow_with_the_lines_that_cannot_be_read(tmp_path: Path) -> None:
    def most(name: str, lines: int) -> list[int]:
        (tmp_path / f"{name}.ndjson").write_text('{"resourceType": "Claim", \n' * lines)
        command = [sys.executable, "-c", MEASURED, str(tmp_path / f"{name}.ndjson"), str(tmp_path / name), ON]
        kilobytes = subprocess.run(command, capture_output=True, check=True, timeout=120).stdout.split()
        assert len(rejected(tmp_path / name)) == lines
        return [int(each) for each in kilobytes]

    few, many = most("few", 1_000), most("many", 100_000)
    assert all(later - earlier < 16 * 1024 for earlier, later in zip(few, many, strict=True)), (few, many)
