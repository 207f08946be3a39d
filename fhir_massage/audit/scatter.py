"""Laying each resource beside those of the same patient, on disk, so that memory stays flat.

Each chunk of input becomes spills: a ``.data`` file whose records stand by part (a share of the patients), and a
``.index`` file that says where each part begins, where resources that others may refer to are found, and where
the roles of a practitioner are.
"""

from __future__ import annotations

import mmap
import os
import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from operator import itemgetter
from pathlib import Path

import msgspec

from fhir_massage.audit.inputs import Chunk, read_piece
from fhir_massage.audit.routing import Routed, address_hash, route
from fhir_massage.errors import Unreadable

#: Bytes held in memory before they are laid down.
SPILL = 24 * 1024 * 1024
#: What a rule may look up by reference though it belongs to another patient, or to nobody.
REFERRED = frozenset(
    "Patient Coverage ServiceRequest Practitioner PractitionerRole Organization Procedure Condition".split()
)
#: Bytes of a patient's address that are kept; a longer one is none that a server gives.
LONGEST_OWNER = 1024
#: How the files end that hold what was set aside.
REJECTED = ".rejected"
_HEAD = struct.Struct("<IIBHI")  # piece, line, together, length of the owner, length of the content


class Record(msgspec.Struct, frozen=True):
    """A resource as it came, with where it stood: the chunk's piece and its line there, from one.

    ``owner`` is the patient it belongs to, empty for what belongs to nobody.
    """

    chunk: int
    piece: int
    line: int
    together: bool
    owner: bytes
    content: bytes

    @property
    def size(self) -> int:
        """Its bytes on disk."""
        return _HEAD.size + len(self.owner) + len(self.content)


class Rejected(msgspec.Struct, frozen=True, order=True, array_like=True):
    """A line that could not be read, with the reason. ``line`` counts within the piece, from one."""

    chunk: int
    piece: int
    line: int
    reason: str


class Scattered(msgspec.Struct, frozen=True):
    """What became of a chunk: its spills, the lines of each piece, how many were set aside, whether it held claims."""

    chunk: int
    spills: int
    lines: tuple[int, ...]
    rejected: int
    resources: int
    claims: int


def scatter(chunk: Chunk, folder: Path, parts: int, spill: int = SPILL) -> Scattered:
    """Lay down a chunk. Nothing counts until its ``.done`` file is there, which is written last."""
    laying = _Laying(chunk.number, folder, parts, spill)
    with (folder / f"{chunk.number:06d}{REJECTED}").open("wb") as aside:
        rejected = 0
        lines = []
        for number, piece in enumerate(chunk.pieces):
            count = 0
            try:
                for count, line in enumerate(read_piece(piece), start=1):
                    reason = laying.take(number, count, line) if line.strip() else None
                    if reason is not None:
                        aside.write(rejected_line(Rejected(chunk.number, number, count, reason)))
                        rejected += 1
            except (OSError, EOFError) as error:  # the file is cut off, or is no longer there: what came is kept
                why = (isinstance(error, OSError) and error.strerror) or str(error)
                reason = f"the file cannot be read further: {why}"
                aside.write(rejected_line(Rejected(chunk.number, number, count + 1, reason)))
                rejected += 1
            lines.append(count)
    laying.lay_down()
    done = Scattered(chunk.number, laying.spills, tuple(lines), rejected, laying.resources, laying.claims)
    write_whole(folder / f"{chunk.number:06d}.done", msgspec.json.encode(done))
    return done


def rejected_line(rejected: Rejected) -> bytes:
    """What was set aside as a line of the files that ``read_rejected`` reads."""
    return msgspec.json.encode(rejected) + b"\n"


def read_rejected(file: Path) -> Iterator[Rejected]:
    """What was set aside of a chunk or part, one by one."""
    with file.open("rb") as stream:
        for line in stream:
            yield msgspec.json.decode(line, type=Rejected)


_Found = tuple[int, int, int]  # the hash of an address, the part, and the offset there


class _Laying:
    """The records of a chunk by part, until they are laid down."""

    def __init__(self, chunk: int, folder: Path, parts: int, spill: int) -> None:
        self.chunk = chunk
        self.folder = folder
        self.parts = parts
        self.spill = spill
        self.spills = 0
        self.resources = 0
        self.claims = 0
        self._empty()

    def _empty(self) -> None:
        self.held = 0
        self.by_part: list[list[bytes]] = [[] for _ in range(self.parts)]
        self.lengths = [0] * self.parts
        self.addresses: list[_Found] = []
        self.roles: list[_Found] = []

    def take(self, piece: int, line: int, content: bytes) -> str | None:
        """Take a resource in; the reason where it cannot be read."""
        try:
            for routed in route(content.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n")):
                self._keep(piece, line, routed)
        except Unreadable as error:
            return str(error)
        if self.held > self.spill:
            self.lay_down()
        return None

    def _keep(self, piece: int, line: int, routed: Routed) -> None:
        owner = (routed.patient or "").encode()[:LONGEST_OWNER]
        part = address_hash(owner or routed.address or "") % self.parts
        if routed.address is not None and routed.kind in REFERRED:
            self.addresses.append((address_hash(routed.address), part, self.lengths[part]))
        if routed.person is not None:
            self.roles.append((address_hash(routed.person), part, self.lengths[part]))
        head = _HEAD.pack(piece, line, routed.together, len(owner), len(routed.content)) + owner
        self.by_part[part] += (head, routed.content)
        self.lengths[part] += len(head) + len(routed.content)
        self.held += len(head) + len(routed.content)
        self.resources += 1
        self.claims += routed.kind == "Claim" or (routed.together and b'"Claim"' in routed.content)

    def lay_down(self) -> None:
        """Write what is held as one spill."""
        if not self.held:
            return
        starts = array("Q", [0])
        for length in self.lengths:
            starts.append(starts[-1] + length)
        index = array("Q", [self.parts, *starts, *_by_key(self.addresses, starts), *_by_key(self.roles, starts)])
        name = f"{self.chunk:06d}-{self.spills:04d}"
        with (self.folder / f"{name}.data").open("wb") as data:
            for records in self.by_part:
                data.writelines(records)
        (self.folder / f"{name}.index").write_bytes(index.tobytes())
        self.spills += 1
        self._empty()


def _by_key(found: list[_Found], starts: array[int]) -> Iterator[int]:
    """How many they are, their keys in order, and the place of each; those of one key in the order of the input."""
    found.sort(key=itemgetter(0))
    yield len(found)
    yield from (key for key, _, _ in found)
    yield from (starts[part] + offset for _, part, offset in found)


class _Places:
    """Where the records of a key are."""

    def __init__(self, numbers: memoryview[int]) -> None:
        count = numbers[0]
        self._keys, self._places = numbers[1 : count + 1], numbers[count + 1 : 2 * count + 1]
        self.rest = numbers[2 * count + 1 :]

    def of(self, key: int) -> Iterator[int]:
        """The places of a key, in the order of the input; of two addresses that share it, those of both."""
        at = bisect_left(self._keys, key)
        while at < len(self._keys) and self._keys[at] == key:
            yield self._places[at]
            at += 1


class Spill:
    """A spill as it lies on disk, opened for reading."""

    def __init__(self, index: Path) -> None:
        self.chunk = int(index.name[:6])
        self._data = os.open(index.with_suffix(".data"), os.O_RDONLY)
        with index.open("rb") as stream:  # mapped, so that the pages are the system's and not each worker's
            numbers = memoryview(mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ)).cast("Q")
        parts = numbers[0]
        self.starts = numbers[1 : parts + 2]
        self.addresses = _Places(numbers[parts + 2 :])
        self.roles = _Places(self.addresses.rest)

    def part(self, number: int) -> Iterator[Record]:
        """The records of a part, in the order in which they came."""
        start, end = self.starts[number], self.starts[number + 1]
        content = os.pread(self._data, end - start, start)
        at = 0
        while at < len(content):
            record = self._record(content, at)
            at += record.size
            yield record

    def at(self, place: int) -> Record:
        """The record at a place."""
        head = os.pread(self._data, _HEAD.size, place)
        return self._record(head + os.pread(self._data, sum(_HEAD.unpack(head)[3:]), place + _HEAD.size), 0)

    def _record(self, content: bytes, at: int) -> Record:
        piece, line, together, owner, length = _HEAD.unpack_from(content, at)
        begin = at + _HEAD.size
        middle = begin + owner
        return Record(self.chunk, piece, line, bool(together), content[begin:middle], content[middle : middle + length])


def open_spills(folder: Path) -> list[Spill]:
    """Every spill, in the order of the input."""
    return [Spill(index) for index in sorted(folder.glob("*.index"))]


def clear_unfinished(folder: Path, finished: Iterable[int]) -> None:
    """Remove what an interrupted run left of chunks that it did not finish."""
    kept = set(finished)
    for file in folder.iterdir():
        if int(file.name[:6]) not in kept:
            file.unlink()


def write_whole(file: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    unfinished = file.with_name(file.name + ".tmp")
    with unfinished.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(file)
