"""Which file of imported facts is in force, and which are still in use.

Each import makes a file of its own in the data folder, and ``ncci.current`` names the one in force. A process
holds the file that it has read, and so do those that are forked from it: what they looked up and what they will
look up is of one import. A file that is not in force is cleared away once nobody holds it.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from fhir_massage.errors import BadFact

if sys.platform != "win32":
    import fcntl

CURRENT = "ncci.current"
#: What an installation has that imported before each import had a file of its own.
_ONLY = "ncci.sqlite"
_NAME = re.compile(r"ncci(-\w+)?\.sqlite")


def in_force(data: Path) -> Path | None:
    """The file in force, ``None`` where nothing was imported. Raises ``BadFact`` where it cannot be told."""
    names = data / CURRENT
    try:
        name = names.read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return data / _ONLY if (data / _ONLY).is_file() else None
    except (OSError, UnicodeDecodeError) as error:
        raise BadFact(str(names), "(file)", f"it cannot be read: {type(error).__name__}") from None
    if not _NAME.fullmatch(name):
        raise BadFact(str(names), "(file)", "it names no file of imported facts; remove it and import again")
    return data / name


def hold(file: Path) -> BinaryIO:
    """The file, in use by this process and those forked from it until they close it or end.

    Raises ``FileNotFoundError`` where it is gone, which means that another one is in force by now.
    """
    held = file.open("rb")
    _lock(held.fileno(), exclusive=False, wait=True)
    try:
        if os.path.samestat(os.fstat(held.fileno()), file.stat()):
            return held
    except FileNotFoundError:
        held.close()
        raise
    held.close()
    raise FileNotFoundError(file)


def not_read(file: Path, error: OSError) -> BadFact:
    """Why the file in force cannot be used."""
    if isinstance(error, FileNotFoundError):
        return BadFact(str(file), "(file)", f"{CURRENT} names it, and it is not there; remove {CURRENT}, import again")
    return BadFact(str(file), "(file)", f"it cannot be read: {error.strerror or type(error).__name__}")


@contextmanager
def new_file(data: Path) -> Iterator[Path]:
    """A new file to import into, which comes into force at the end; where that is not reached, nothing has changed.

    Imports into one folder wait for each other. Raises ``BadFact`` where the folder cannot be written.
    """
    with _alone(data):
        try:
            handle, path = tempfile.mkstemp(prefix="ncci-", suffix=".sqlite", dir=data)
        except OSError as error:
            raise BadFact(str(data), "(folder)", error.strerror or "it cannot be written") from None
        os.close(handle)
        file = Path(path)
        try:
            yield file
            _put_in_force(file)
        except BaseException:
            file.unlink(missing_ok=True)
            raise
        _clear(data)


def clear_away(data: Path) -> None:
    """Remove the files that are neither in force nor in use, unless an import is under way."""
    if not data.is_dir():
        return
    with contextlib.suppress(OSError, BadFact), _open_folder(data) as folder:
        if folder is None or _lock(folder, exclusive=True, wait=False):
            _clear(data)


def _clear(data: Path) -> None:
    current = in_force(data)
    for file in data.glob("ncci*.sqlite"):
        if file == current or not _NAME.fullmatch(file.name):
            continue
        with contextlib.suppress(OSError), file.open("rb") as unused:
            if _lock(unused.fileno(), exclusive=True, wait=False):
                file.unlink()


def _put_in_force(file: Path) -> None:
    """Name the file as the one in force: before or after, and nothing between, for whoever reads it."""
    _write_out(file)
    names = file.with_name(CURRENT)
    draft = file.with_name(f"{CURRENT}.new")
    draft.write_text(f"{file.name}\n", encoding="utf-8")
    for each in (file, draft):
        each.chmod(0o644)  # the service may run as somebody else
    _write_out(draft)
    os.replace(draft, names)
    with contextlib.suppress(OSError), _open_folder(file.parent) as folder:
        if folder is not None:
            os.fsync(folder)


def _write_out(file: Path) -> None:
    with file.open("rb+") as written:
        os.fsync(written.fileno())


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Once no other import into the folder is under way. Raises ``BadFact``."""
    with ExitStack() as stack:
        try:
            data.mkdir(parents=True, exist_ok=True)
            folder = stack.enter_context(_open_folder(data))
        except OSError as error:
            raise BadFact(str(data), "(folder)", error.strerror or "it cannot be written") from None
        if folder is not None:
            _lock(folder, exclusive=True, wait=True)
        yield


@contextmanager
def _open_folder(data: Path) -> Iterator[int | None]:
    """The folder, open; ``None`` where folders cannot be opened."""
    if sys.platform == "win32":
        yield None
        return
    folder = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield folder
    finally:
        os.close(folder)


def _lock(handle: int, *, exclusive: bool, wait: bool) -> bool:
    """Lock what is open. ``False`` where it cannot be: another holds it, or the file system knows no locks."""
    if sys.platform == "win32":
        return True  # what is open cannot be removed there in any case
    how = (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | (0 if wait else fcntl.LOCK_NB)
    try:
        fcntl.flock(handle, how)
    except OSError:
        return False
    return True
