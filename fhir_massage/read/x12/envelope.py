"""The envelopes of X12: interchanges, groups and transactions, and what of them cannot be read."""

from __future__ import annotations

import msgspec

from fhir_massage.errors import Unreadable
from fhir_massage.read.x12.split import Segment, segments

PROFESSIONAL, INSTITUTIONAL = "005010X222A1", "005010X223A2"
#: Each version that is read, with the earlier name of it that some senders still write.
VERSIONS = {
    PROFESSIONAL: PROFESSIONAL,
    "005010X222": PROFESSIONAL,
    INSTITUTIONAL: INSTITUTIONAL,
    "005010X223": INSTITUTIONAL,
    "005010X223A1": INSTITUTIONAL,
}
_READ = f"837 professional ({PROFESSIONAL}) and institutional ({INSTITUTIONAL}) are read here"
_MOST_NAME = 12


class Transaction(msgspec.Struct, frozen=True):
    """One transaction from ST to SE. The position of a segment counts from ST, which is 1."""

    interchange: str
    control: str
    version: str
    segments: tuple[Segment, ...]


class Envelopes(msgspec.Struct, frozen=True):
    """The transactions that can be read, and a reason for each thing that cannot."""

    transactions: tuple[Transaction, ...]
    unread: tuple[Unreadable, ...]


def open_envelopes(content: bytes) -> Envelopes:
    """The transactions of every interchange in the content. Raises ``Unreadable`` where there is no interchange."""
    reader = _Reader()
    place = 0
    try:
        for place, segment in enumerate(segments(content), start=1):
            reader.take(segment, place)
    except Unreadable as error:
        if not place:
            raise
        reader.unread.append(Unreadable(error.reason, place=f"ISA, segment {place + 1} of the file"))
    reader.close_interchange(place)
    return Envelopes(tuple(reader.transactions), tuple(reader.unread))


class _Reader:
    def __init__(self) -> None:
        self.transactions: list[Transaction] = []
        self.unread: list[Unreadable] = []
        self.isa: Segment | None = None
        self.gs: Segment | None = None
        self.current: list[Segment] | None = None
        self.groups = self.in_group = 0

    def take(self, segment: Segment, place: int) -> None:
        """The next segment, which is segment ``place`` of the file."""
        if segment.name == "ISA":
            self.close_interchange(place - 1)
            self.isa, self.groups = segment, 0
        elif not segment.ended:
            self._cut_off(segment, place)
        elif segment.name == "GS":
            self._close_transaction()
            self.gs, self.in_group = segment, 0
            self.groups += 1
        elif segment.name == "ST":
            self._close_transaction()
            self.current = [segment]
            self.in_group += 1
        elif segment.name == "GE":
            self._close_transaction()
            self._counted(segment, place, self.in_group, "transactions")
            self.gs = None
        elif segment.name == "IEA":
            self._close_transaction()
            self._counted(segment, place, self.groups, "groups")
            if self.isa is not None and segment.at(2) != self.isa.at(13):
                self._note("its control number is not that of its ISA", f"IEA, segment {place} of the file")
            self.isa = None
        elif self.current is not None:
            self.current.append(segment)
            if segment.name == "SE":
                self._close_transaction()
        elif segment.name != "TA1":
            self._note("it stands outside of any transaction", f"{_name(segment)}, segment {place} of the file")

    def close_interchange(self, place: int) -> None:
        """Say what is missing at the end of an interchange, which is segment ``place`` of the file."""
        self._close_transaction()
        if self.isa is not None:
            self._note("the interchange has no end (IEA): it may be cut off", f"after segment {place} of the file")
        self.isa = self.gs = None

    def _cut_off(self, segment: Segment, place: int) -> None:
        if self.current is None and segment.name in ("IEA",):
            self.take(msgspec.structs.replace(segment, ended=True), place)  # the last terminator is often left out
            return
        if self.current is not None:
            self.current.append(segment)
            self._set_aside("the file is cut off within this segment", segment, len(self.current))
            self.current = None
        else:
            self._note("the file is cut off within this segment", f"{_name(segment)}, segment {place} of the file")

    def _counted(self, segment: Segment, place: int, counted: int, what: str) -> None:
        if segment.at(1) != str(counted) and not (segment.at(1).isdecimal() and int(segment.at(1)) == counted):
            where = f"{segment.name}01, segment {place} of the file"
            self._note(f"it does not count the {counted} {what} that are there", where)

    def _close_transaction(self) -> None:
        if self.current is None:
            return
        found = self.current
        first, last = found[0], found[-1]
        version = first.at(3) or ("" if self.gs is None else self.gs.at(8))
        kind = first.at(1)
        if kind != "837" or version not in VERSIONS:
            self._set_aside(_refusal(kind, version), first, 1)
        elif last.name != "SE":
            self._set_aside("the transaction has no end (SE): it may be cut off", last, len(found))
        elif not last.at(1).isdecimal() or int(last.at(1)) != len(found):
            self._set_aside(f"SE01 does not count the {len(found)} segments that are there", last, len(found))
        elif last.at(2) != first.at(2):
            self._set_aside("SE02 is not the control number of its ST", last, len(found))
        else:
            self.transactions.append(Transaction(self._interchange(), first.at(2), VERSIONS[version], tuple(found)))
        self.current = None

    def _interchange(self) -> str:
        return "" if self.isa is None else self.isa.at(13)

    def _set_aside(self, reason: str, segment: Segment, position: int) -> None:
        control = self.current[0].at(2)[:_MOST_NAME] if self.current else ""
        self.unread.append(set_aside(reason, self._interchange(), control, segment, position))

    def _note(self, reason: str, where: str) -> None:
        self.unread.append(Unreadable(reason, place=f"interchange {self._interchange()}, {where}"))


def set_aside(reason: str, interchange: str, control: str, segment: Segment, position: int) -> Unreadable:
    """Why a transaction is set aside, with the segment at fault and its position in it."""
    place = f"interchange {interchange}, transaction {control}, {_name(segment)}, segment {position}"
    return Unreadable(reason, place=place)


def _refusal(kind: str, version: str) -> str:
    shown = f"{kind[:_MOST_NAME]} {version[:_MOST_NAME]}".strip()
    if kind == "835":
        return f"this is an 835 ({version[:_MOST_NAME]}), a payer's answer and no claim; {_READ}"
    return f"this is X12 {shown or 'of no named kind'}; {_READ}"


def _name(segment: Segment) -> str:
    """A segment's name; what is none may be anything, and is not repeated."""
    return segment.name if 2 <= len(segment.name) <= 3 and segment.name.isascii() and segment.name.isalnum() else "?"
