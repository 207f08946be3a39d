"""What there is to read: files and folders, cut into chunks that are read by themselves."""

from __future__ import annotations

import errno
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

import msgspec

from fhir_massage.errors import FhirMassageError
from fhir_massage.read.read import is_json_lines

#: Bytes of plain NDJSON that one worker reads in one go, at most and at least.
CHUNK = 64 * 1024 * 1024
LEAST_CHUNK = 2 * 1024 * 1024
#: Bytes by which NDJSON is told from one document.
SNIFFED = 256 * 1024
LINES = (".ndjson", ".jsonl")
READ = (*LINES, ".json")
TABLES = (".parquet",)
PACKED = (".gz", ".zst")
#: A document written over several lines: a brace by itself, and a key on the next line.
_SPREAD = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{[ \t]*\r?\n\s*\"")
_MAGIC = {".gz": b"\x1f\x8b", ".zst": b"\x28\xb5\x2f\xfd"}
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
    suffix = plain.suffix.lower()
    return suffix if suffix in (*READ, *TABLES) else ""


def is_packed(file: PurePath) -> bool:
    """Whether a file is packed, by its name."""
    return file.suffix.lower() in PACKED


def find_files(inputs: Iterable[str], out: Path | None = None) -> list[Path]:
    """The files that the inputs name, each once, in the order of their names. What lies in ``out`` is none of them.

    Raises ``BadInput`` where there is none.
    """
    found: list[Path] = []
    for each in inputs:
        path = Path(each)
        if path.is_dir():
            inside = [
                file
                for file in path.rglob("*")
                if file.is_file()
                and ending(file.name) in READ
                and file.name != ANSWER_KEY
                and not (out is not None and file.resolve().is_relative_to(out.resolve()))
            ]
            if not inside:
                raise BadInput(f"{each}: holds no .ndjson, .jsonl or .json files (plain, .gz or .zst)")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise BadInput(f"{each}: there is no such file or folder")
    once = {file.resolve(): file for file in sorted(found, key=str, reverse=True)}
    return sorted(once.values(), key=str)


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
    with unpacking(), open_input(Path(piece.file)) as stream:
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
    """A file for reading, unpacked by its name. To be read within ``unpacking``."""
    if file.suffix.lower() == ".gz":
        return gzip.open(file)  # its own buffer gives out what came before a file is cut off
    if file.suffix.lower() == ".zst":
        return io.BufferedReader(_Zst(file), 1 << 17)
    return io.BufferedReader(io.FileIO(file), 1 << 20)


@contextmanager
def unpacking() -> Iterator[None]:
    """Tell a packed file that is damaged as what it is: an ``OSError``."""
    import zstandard

    try:
        yield
    except (zlib.error, zstandard.ZstdError):
        raise OSError(errno.EIO, "it is damaged") from None
    except gzip.BadGzipFile:
        raise OSError(errno.EIO, "it is no gzip file, or damaged") from None
    except EOFError:
        raise EOFError("it is cut off") from None


#: Packed bytes that are unpacked in one go: a hundred megabytes come of them at the very worst.
_SIP = 4096


class _Zst(io.RawIOBase):
    """A Zstandard file unpacked. Unlike the library's own reader it tells a file that is cut off, by ``EOFError``."""

    def __init__(self, file: Path) -> None:
        self._packed = file.open("rb")
        self._frame: Any = None
        self._unpacked = b""

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:
        """Fill the room with what follows; 0 at the end of the last whole frame."""
        while not self._unpacked:
            packed = self._packed.read(_SIP)
            if not packed:
                if self._frame is not None:
                    raise EOFError("the packed file is cut off")
                return 0
            self._unpacked = self._unpack(packed)
        size = min(len(room), len(self._unpacked))
        room[:size] = self._unpacked[:size]
        self._unpacked = self._unpacked[size:]
        return size

    def _unpack(self, packed: bytes) -> bytes:
        import zstandard

        found = []
        while packed:
            if self._frame is None:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            found.append(self._frame.decompress(packed))
            packed = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame = None
        return b"".join(found)

    def close(self) -> None:
        self._packed.close()
        super().close()


def _cut(file: Path, length: int, size: int) -> Iterator[Piece]:
    for start in range(0, length, size):
        yield Piece(str(file), start, min(start + size, length))


def _holds_lines(file: Path) -> bool:
    """Whether it is NDJSON: by its name, unless one document is plainly spread over its lines, else by how it begins."""
    try:
        begin = _begin(file)
    except (OSError, EOFError):
        return True
    if ending(file.name) in LINES:
        return _SPREAD.match(begin) is None
    return is_json_lines(begin)


def is_document(file: Path) -> bool:
    """Whether a file of no telling name begins as one JSON document; anything else is read line by line."""
    try:
        begin = _begin(file).lstrip()
    except (OSError, EOFError):
        return False
    return begin.startswith(b"{") and not is_json_lines(begin)


def _begin(file: Path) -> bytes:
    """The whole lines with which a file begins."""
    with unpacking(), open_input(file) as stream:
        begin = stream.read(SNIFFED)
        more = bool(stream.read(1))
    return begin[: begin.rfind(b"\n") + 1] if more else begin  # the last line that was read may be cut off


def packed_as(begin: bytes) -> str:
    """The ending of a packed file, by its first bytes; empty for a plain one."""
    return next((ending for ending, magic in _MAGIC.items() if begin.startswith(magic)), "")
