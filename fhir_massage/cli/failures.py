"""How a command ends that could not do what it was asked: in plain words, and never with the status of errors found."""

from __future__ import annotations

import os
import select
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

import fhir_massage
from fhir_massage.errors import FhirMassageError

#: 1 says that errors were found in what was reviewed, so a failure has another.
COULD_NOT_BE_DONE = 2
INTERRUPTED = 130
TRACEBACK = "--traceback"
_OURS = Path(fhir_massage.__file__).parent


@contextmanager
def told_plainly(*, with_traceback: bool) -> Iterator[None]:
    """Errors of ours end in a line for each on standard error, any other in one that says where it happened.

    What an unexpected error says of itself is never shown, for it may repeat what was reviewed.
    """
    try:
        yield
    except (click.exceptions.Exit, click.Abort, click.ClickException):
        raise
    except KeyboardInterrupt:
        _say("interrupted")
        sys.exit(INTERRUPTED)
    except FhirMassageError as error:
        _say(*str(error).splitlines())
    except Exception as error:
        if not (isinstance(error, BrokenPipeError) and _nobody_reads()):
            _say(*_unexpected(error, with_traceback=with_traceback))
        _let_go_of_output()
    else:
        return
    sys.exit(COULD_NOT_BE_DONE)


def flush() -> None:
    """Write what was printed, so that what cannot be written is noticed here, and not when Python ends."""
    print(end="", flush=True)


def _nobody_reads() -> bool:
    """Whether what read our output has gone (``| head``), so that there is nobody to tell anything to."""
    try:
        output = select.poll()
        output.register(sys.stdout.fileno(), 0)
        return bool(output.poll(0))
    except (OSError, ValueError):
        return False


def _let_go_of_output() -> None:
    """Where what was printed cannot be written, have it go nowhere: else Python tries again when it ends."""
    try:
        flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(*lines: str) -> None:
    for line in lines:
        click.echo(f"fhir-massage: {line}", err=True)


def _unexpected(error: Exception, *, with_traceback: bool) -> Iterator[str]:
    kind, place = type(error).__name__, _place(error)
    if isinstance(error, OSError) and error.strerror:
        yield f"it could not be done: {error.strerror}"
    else:
        seen = "" if with_traceback else f", with what `fhir-massage {TRACEBACK} COMMAND ...` shows"
        yield f"it could not be done, by a fault of fhir-massage ({kind} at {place}); please report it{seen}"
    if with_traceback:
        yield from _calls(error)


def _place(error: BaseException) -> str:
    """The last line of our own code that was running, as file:line."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_OURS)] or list(frames)
    return f"{os.path.relpath(ours[-1].filename, _OURS.parent)}:{ours[-1].lineno}" if ours else "an unknown place"


def _calls(error: BaseException) -> Iterator[str]:
    """The calls that led to an error and to those it came from: files, lines and kinds, and nothing that was read."""
    cause = error.__cause__ or error.__context__
    if cause is not None:
        yield from _calls(cause)
        yield "which led to"
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"  {frame.filename}:{frame.lineno} in {frame.name}"
    yield f"  {type(error).__name__}"
