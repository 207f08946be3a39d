"""What there is to read: files and folders, cut into chunks that are read by themselves."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath, PurePosixPath

import msgspec

from fhir_massage.errors import FhirMassageError
from fhir_massage.fhir.read import is_json_lines

#: Bytes of plain NDJSON that one worker reads in one go, at most and at least.
CHUNK = 64 * 1024 * 1024
LEAST_CHUNK = 2 * 1024 * 1024
#: Bytes by which NDJSON is told from one document.
SNIFFED = 256 * 1024
LINES = (".ndjson", ".jsonl")
READ = (*LINES, ".json")
TABLES = (".parquet",)
PACKED = (".gz", ".zst")
#: The answer key beside generated data, which holds no resources.
ANSWER_KEY = "answers.ndjson"


class BadInput(FhirMassageError):
    """An input cannot be read at all: names it and says why."""


class Piece(msgspec.Struct, frozen=True):
    """A part of a file: the whole lines that begin in ``start`` to ``end``, or all of it where ``end`` is ``None``."""

    file: str
    start: int = 0
    end: int | None = None
    lines: bool = True


class Chunk(msgspec.Struct, frozen=True):
    """What one worker reads in one go."""

    number: int
    pieces: tuple[Piece, ...]
    bytes: int


def ending(name: str) -> str:
    """The ending by which a file's name or address says what it holds, packed or not; empty for nothing that is read."""
    path = PurePosixPath(name)
    plain = PurePosixPath(path.stem) if is_packed(path) else path
    return plain.suffix if plain.suffix in (*READ, *TABLES) else ""


def is_packed(file: PurePath) -> bool:
    """Whether a file is packed, by its name."""
    return file.suffix in PACKED


def find_files(inputs: Iterable[str]) -> list[Path]:
    """The files that the inputs name, in the order of their names. Raises ``BadInput`` where there is none."""
    found: list[Path] = []
    for each in inputs:
        path = Path(each)
        if path.is_dir():
            inside = [
                file
                for file in path.rglob("*")
                if file.is_file() and ending(file.name) in READ and file.name != ANSWER_KEY
            ]
            if not inside:
                raise BadInput(f"{each}: holds no .ndjson, .jsonl or .json files (plain, .gz or .zst)")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise BadInput(f"{each}: there is no such file or folder")
    return sorted(set(found), key=str)


def chunks(files: Iterable[Path], size: int) -> list[Chunk]:
    """The files cut into chunks of about ``size`` bytes, in their order. Packed files and single documents stay whole."""
    found: list[Chunk] = []
    small: list[Piece] = []
    held = 0

    def close() -> None:
        nonlocal small, held
        if small:
            found.append(Chunk(len(found), tuple(small), held))
            small, held = [], 0

    for file in files:
        length = file.stat().st_size
        lines = _holds_lines(file)
        if held + length > size:
            close()
        if length < size:
            small.append(Piece(str(file), lines=lines))
            held += length
        elif lines and not is_packed(file):
            found += [
                Chunk(len(found) + number, (piece,), (piece.end or length) - piece.start)
                for number, piece in enumerate(_cut(file, length, size))
            ]
        else:
            found.append(Chunk(len(found), (Piece(str(file), lines=lines),), length))
    close()
    return found


def read_piece(piece: Piece) -> Iterator[bytes]:
    """The lines of a piece; the whole document as one where it is not NDJSON. Raises ``OSError``, ``EOFError``."""
    with open_input(Path(piece.file)) as stream:
        if not piece.lines:
            yield stream.read()
            return
        if piece.end is None:
            yield from stream
            return
        if piece.start > 0:
            stream.seek(piece.start - 1)
            stream.readline()  # the rest of a line that began before belongs to the piece before
        while stream.tell() < piece.end and (line := stream.readline()):
            yield line


def open_input(file: Path) -> io.BufferedIOBase:
    """A file for reading, unpacked by its name."""
    if file.suffix == ".gz":
        return gzip.open(file)  # its own buffer gives out what came before a file is cut off
    if file.suffix == ".zst":
        import zstandard

        return io.BufferedReader(zstandard.open(file, "rb"), 1 << 20)
    return io.BufferedReader(io.FileIO(file), 1 << 20)


def _cut(file: Path, length: int, size: int) -> Iterator[Piece]:
    for start in range(0, length, size):
        yield Piece(str(file), start, min(start + size, length))


def _holds_lines(file: Path) -> bool:
    """Whether it is NDJSON: by its name, else by how it begins."""
    if ending(file.name) in LINES:
        return True
    try:
        with open_input(file) as stream:
            begin = stream.read(SNIFFED)
            more = bool(stream.read(1))
    except (OSError, EOFError):
        return True
    if more:  # the last line that was read may be cut off
        begin = begin[: begin.rfind(b"\n") + 1]
    return is_json_lines(begin)
