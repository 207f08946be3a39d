"""What is under ``deploy`` fits the product: paths, commands and settings are those that there are."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from fhir_massage.cli.main import COMMANDS, main
from fhir_massage.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy/systemd/fhir-massage.service"
CONTAINERFILE = ROOT / "deploy/Containerfile"
KNOWN = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {f"{PREFIX}CONFIG"}


def instructions() -> list[tuple[str, str]]:
    """The Containerfile's instructions with their arguments, continued lines put together."""
    text = re.sub(r"\\\n\s*", " ", CONTAINERFILE.read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def refuses_nothing(words: list[str]) -> None:
    """A command of ours with its options can be called so."""
    assert words[0] == "fhir-massage"
    assert words[1] in COMMANDS
    command = main.get_command(None, words[1])  # type: ignore[arg-type]
    assert command is not None
    command.make_context(words[1], words[2:])


class TestUnit:
    def read(self) -> configparser.ConfigParser:
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str  # type: ignore[assignment, method-assign]
        unit.read(UNIT)
        return unit

    def test_it_starts_and_reloads_the_service(self) -> None:
        service = self.read()["Service"]
        words = shlex.split(service["ExecStart"])
        refuses_nothing([Path(words[0]).name, *words[1:]])
        assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
        assert int(service["TimeoutStopSec"]) > 10  # what workers are given to finish

    def test_its_settings_are_known_and_its_folder_is_the_one_it_may_write_to(self) -> None:
        named = dict(re.findall(r"^#?Environment=(\w+)=(.*)$", UNIT.read_text(), re.M))
        assert {name.removesuffix("_FILE") for name in named} <= KNOWN
        assert named["FHIR_MASSAGE_DATA"] == f"/var/lib/{self.read()['Service']['StateDirectory']}"

    def test_systemd_finds_no_fault_in_it(self, tmp_path: Path) -> None:
        """Where systemd is at hand; what can be read without it is tested above in any case."""
        program = shutil.which("systemd-analyze")
        if program is None:
            return
        unit = tmp_path / UNIT.name
        unit.write_text(UNIT.read_text().replace("/opt/fhir-massage/bin/fhir-massage", sys.executable))
        found = subprocess.run([program, "verify", unit], capture_output=True, text=True, timeout=60)
        assert [line for line in found.stderr.splitlines() if UNIT.name in line] == []
        assert found.returncode == 0, found.stderr


class TestContainerfile:
    def test_what_it_copies_is_there(self) -> None:
        for word, rest in instructions():
            if word == "COPY" and not rest.startswith("--from"):
                for source in rest.split()[:-1]:
                    assert (ROOT / source).exists(), source

    def test_it_installs_what_is_locked_and_all_that_the_build_reads(self) -> None:
        installs = [rest for word, rest in instructions() if word == "RUN" and "pip install" in rest]
        assert "--require-hashes -r requirements.txt" in installs[0]
        assert "--no-index --no-deps --no-build-isolation" in installs[1]
        copied = " ".join(rest for word, rest in instructions() if word == "COPY")
        project = (ROOT / "pyproject.toml").read_text()
        for name in re.findall(r'readme = "(.+?)"|license-files = \["(.+?)"\]', project):
            assert "".join(name) in copied

    def test_it_starts_the_service_by_a_user_without_rights(self) -> None:
        found = dict(instructions())
        words = re.findall(r'"(.*?)"', found["CMD"])
        refuses_nothing(words)
        assert found["USER"] not in ("0", "root")
        assert found["EXPOSE"] == words[words.index("--port") + 1]
        # An engine restarts what is unhealthy, which would not bring a database back.
        assert f":{found['EXPOSE']}/healthz" in found["HEALTHCHECK"]

    def test_it_can_speak_to_postgresql(self) -> None:
        assert re.search(r"^psycopg-binary==", (ROOT / "requirements.txt").read_text(), re.M)

    def test_its_settings_are_known(self) -> None:
        assert set(re.findall(rf"{PREFIX}[A-Z_]+[A-Z]", CONTAINERFILE.read_text())) <= KNOWN
