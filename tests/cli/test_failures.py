"""How a command ends that fails: never with 1, which says that errors were found, and never with what it was given."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fhir_massage.cli import main
from fhir_massage.cli.main import COMMANDS

WORDS = "Pat Example"
CLAIM = Path(__file__).parents[2] / "examples/hooks/order-sign.json"
#: Written line by line, at once, by the terminal's library, and only when all is done.
WRITING = [
    ("rules",),
    ("rules", "--format", "json"),
    ("check", str(CLAIM)),
    ("config", "--format", "json"),
]


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def fails(error: BaseException) -> Callable[..., None]:
    """What fails while it handles another failure, both with a patient's name in what they say."""

    def fail(*_: object, **__: object) -> None:
        try:
            raise LookupError(WORDS)
        except LookupError:
            raise error  # noqa: B904

    return fail


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIR_MASSAGE_DATA", str(tmp_path / "var"))


@pytest.mark.parametrize(
    ("command", "broken"),
    [
        (("check", str(CLAIM)), "fhir_massage.cli.check._open"),
        (("audit", str(CLAIM), "--out", "out"), "fhir_massage.cli.audit.facts_in_use"),
        (("rules",), "fhir_massage.cli.rules.all_rules"),
        (("--version",), "fhir_massage.cli.version.facts_in_use"),
    ],
    ids=["check", "audit", "rules", "version"],
)
@pytest.mark.parametrize("error", [ValueError, RecursionError, MemoryError])
def test_an_unexpected_failure_is_one_sentence_with_its_place_and_status_2(
    monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], broken: str, error: type[Exception]
) -> None:
    monkeypatch.setattr(broken, fails(error(WORDS)))
    ended = run(*command)
    assert ended.exit_code == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith("fhir-massage: it could not be done, by a fault of fhir-massage")
    assert f"({error.__name__} at fhir_massage/cli/{broken.split('.')[2]}.py:" in line
    assert "--traceback" in line
    assert WORDS not in ended.output


def test_the_calls_that_led_to_it_are_shown_on_request_and_nothing_that_was_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fhir_massage.cli.check._open", fails(ValueError(WORDS)))
    ended = run("--traceback", "check", str(CLAIM))
    assert ended.exit_code == 2
    assert "test_failures.py:" in ended.stderr
    assert ended.stderr.splitlines()[-1].endswith("ValueError")
    assert "LookupError" in ended.stderr  # what it came from
    assert WORDS not in ended.output


def test_what_the_machine_refuses_is_said_in_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhir_massage.cli.check._open", fails(OSError(28, "No space left on device", WORDS)))
    ended = run("check", str(CLAIM))
    assert (ended.exit_code, ended.stderr) == (2, "fhir-massage: it could not be done: No space left on device\n")


def test_an_interruption_has_a_status_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhir_massage.cli.check._open", fails(KeyboardInterrupt()))
    ended = run("check", str(CLAIM))
    assert (ended.exit_code, ended.stderr) == (130, "fhir-massage: interrupted\n")


def test_each_wrong_setting_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIR_MASSAGE_MAX_BODY", "x")
    monkeypatch.setenv("FHIR_MASSAGE_WORKERS", "0")
    for command in (("--version",), ("config",), ("check", str(CLAIM))):
        ended = run(*command)
        assert ended.exit_code == 2
        assert ended.stderr.splitlines() == [
            "fhir-massage: FHIR_MASSAGE_MAX_BODY: expected a whole number",
            "fhir-massage: FHIR_MASSAGE_WORKERS: expected 1 or more",
        ]


@pytest.mark.parametrize("name", COMMANDS)
def test_wrong_use_is_still_told_by_the_command(name: str) -> None:
    ended = run(name, "--no-such-option")
    assert ended.exit_code == 2
    assert "No such option" in ended.stderr
    assert "fault" not in ended.stderr


class TestProcesses:
    """What only a process of its own can show."""

    @staticmethod
    def command(*words: str, **streams: int) -> subprocess.Popen[bytes]:
        # Buffered as it is for users, whatever the tests run under.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        words = (sys.executable, "-m", "fhir_massage", *words)
        return subprocess.Popen(words, stderr=subprocess.PIPE, env=environment, **streams)

    @pytest.fixture
    def closed(self) -> Iterator[int]:
        """A pipe that nobody reads."""
        reader, writer = os.pipe()
        os.close(reader)
        yield writer
        os.close(writer)

    @pytest.mark.parametrize("words", WRITING)
    def test_a_reader_that_went_away_is_told_nothing(self, closed: int, words: tuple[str, ...]) -> None:
        process = self.command(*words, stdout=closed)
        _, said = process.communicate(timeout=60)
        assert (process.returncode, said) == (2, b"")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
    @pytest.mark.parametrize("words", WRITING)
    def test_output_that_cannot_be_written_is_told_once(self, words: tuple[str, ...]) -> None:
        with Path("/dev/full").open("wb") as full:
            process = self.command(*words, stdout=full.fileno())
            _, said = process.communicate(timeout=60)
        assert process.returncode == 2
        assert said.decode() == "fhir-massage: it could not be done: No space left on device\n"
