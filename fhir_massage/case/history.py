"""Earlier visits: what other claims and explanations of benefits billed for the same patient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from functools import cached_property

import msgspec

from fhir_massage.case.lines import day_of, service_of, single_day_of
from fhir_massage.case.people import Directory, People, rendering_member
from fhir_massage.case.seen import EarlierLine
from fhir_massage.case.visits import Days, Visits
from fhir_massage.read import codes, dates, elements
from fhir_massage.read.read import Entry
from fhir_massage.read.references import Index

#: HL7's code for a related claim that is for other services, and so replaces nothing.
ASSOCIATED = "associated"


class _Bill:
    """A claim or answer that came along, and its place in the document. The rest of it is read when it is asked for."""

    def __init__(self, directory: Directory, entry: Entry, billed: elements.Billed, place: int) -> None:
        self._directory = directory
        self._index = directory.index
        self._billed = billed
        self._single_day = single_day_of(billed.billable_period)
        self.entry = entry
        self.place = place

    @cached_property
    def name(self) -> str:
        """What tells the claim, or the claim that is answered, from others."""
        return _answered(self._index, self.entry, self._billed) or name_of(self._index, self.entry)

    @cached_property
    def replaces(self) -> frozenset[str]:
        """The claims that it says it replaces or follows."""
        return replaced_by(self._index, self.entry, self._billed)

    @cached_property
    def lines(self) -> tuple[EarlierLine, ...]:
        """What it billed."""
        return self._read_lines()

    def _read_lines(self) -> tuple[EarlierLine, ...]:
        billed = self._billed
        rendering = _Rendering(People(self._directory, self.entry), billed)
        referral = self._index.identity(billed.referral, self.entry)
        return tuple(
            [
                EarlierLine(
                    claim=self.name,
                    asks_only=_asks_only(billed),
                    provider=rendering.of(item),
                    referral=referral,
                    day=day_of(item, self._index, self.entry, self._single_day),
                    code=code,
                    modifiers=modifiers,
                    charge=None if item.net is None or item.net.value is None else Decimal(str(item.net.value)),
                )
                for item in billed.item
                for code, modifiers in (service_of(item),)
            ]
        )

    def services(self) -> Iterator[tuple[date | None, str | None]]:
        """The day and code of each line, for which nobody has to be looked up."""
        for item in self._billed.item:
            yield day_of(item, self._index, self.entry, self._single_day), codes.procedure_code(item.product_or_service)


class History:
    """Every Claim and ExplanationOfBenefit that came along, sorted once for all the claims of an arrival.

    An explanation of benefits of a claim that is here too stands in for nothing: that claim is counted already.
    """

    def __init__(self, directory: Directory, entries: Sequence[Entry]) -> None:
        self._directory = directory
        self._index = directory.index
        self._entries = entries
        self._days: dict[str, Days] = {}
        self._names: dict[str, dict[str, list[_Bill]]] = {}
        self._by_entry: dict[str, dict[int, _Bill]] = {}

    def before(self, claim: Entry, index: Index, origin: Entry) -> Before:
        """What was billed beside ``claim``, which is ``origin`` or a corrected copy of it, found in ``index``."""
        return Before(self, claim, index, origin)

    @cached_property
    def bills_besides(self) -> bool:
        """Whether more came along than one claim by itself."""
        bills = (entry for entry in self._entries if isinstance(entry.resource, elements.Billed))
        return next(bills, None) is not None and next(bills, None) is not None

    @cached_property
    def of_patient(self) -> dict[str, list[_Bill]]:
        """The bills of each patient, in the order of the document."""
        found: dict[str, list[_Bill]] = {}
        for place, entry in enumerate(self._entries):
            billed = entry.resource
            if not isinstance(billed, elements.Billed):
                continue
            patient = self._index.identity(billed.patient, entry)
            if patient is None or not _counts(billed) or self._answers_what_is_here(entry, billed):
                continue
            bill = _Bill(self._directory, entry, billed, place)
            found.setdefault(patient, []).append(bill)
        return found

    def days_of(self, patient: str) -> Days:
        """The days that the patient's bills billed, counted once."""
        if patient not in self._days:
            self._days[patient] = Days(line for bill in self.of_patient.get(patient, ()) for line in bill.lines)
        return self._days[patient]

    def by_name(self, patient: str) -> dict[str, list[_Bill]]:
        """The patient's bills by what tells them from others."""
        if patient not in self._names:
            names = self._names[patient] = {}
            for bill in self.of_patient.get(patient, ()):
                names.setdefault(bill.name, []).append(bill)
        return self._names[patient]

    def bill_of(self, patient: str, entry: Entry) -> _Bill | None:
        """The bill that an entry is, where it counts as one."""
        if patient not in self._by_entry:
            self._by_entry[patient] = {id(bill.entry): bill for bill in self.of_patient.get(patient, ())}
        return self._by_entry[patient].get(id(entry))

    @cached_property
    def of_service(self) -> dict[tuple[str, date, str], list[tuple[_Bill, int]]]:
        """The bills of each patient, day and code, with the position of the line, in the order of the document."""
        found: dict[tuple[str, date, str], list[tuple[_Bill, int]]] = {}
        for patient, bills in self.of_patient.items():
            for bill in bills:
                for position, (day, code) in enumerate(bill.services()):
                    if day is not None and code is not None:
                        found.setdefault((patient, day, code), []).append((bill, position))
        return found

    def place_of(self, entry: Entry) -> int:
        """Where the entry stands in the document."""
        return self._places[id(entry)]

    @cached_property
    def _places(self) -> dict[int, int]:
        return {id(entry): place for place, entry in enumerate(self._entries)}

    def _answers_what_is_here(self, entry: Entry, billed: elements.Billed) -> bool:
        if not isinstance(billed, elements.ExplanationOfBenefit):
            return False
        return self._index.find(billed.claim, entry) is not None


class _Rendering:
    """Who rendered the lines of a bill, by the key that lines of the claim under review have too."""

    def __init__(self, people: People, billed: elements.Billed) -> None:
        self._people = people
        self._billed = billed
        self._known: dict[tuple[int, ...], str | None] = {}

    def of(self, item: elements.Item) -> str | None:
        """Who rendered a line; ``None`` where that is not said."""
        named = tuple(item.care_team_sequence)
        if named not in self._known:
            position = rendering_member(self._billed.care_team, named)
            reference = self._billed.provider if position is None else self._billed.care_team[position].provider
            self._known[named] = None if reference is None else self._people.provider(reference, "").key
        return self._known[named]


class Before:
    """What was billed beside one claim, as that claim sees it."""

    def __init__(self, history: History, claim: Entry, index: Index, origin: Entry) -> None:
        assert isinstance(claim.resource, elements.Claim)
        self._history = history
        self._entry = claim
        self._claim = claim.resource
        self._index = index
        self._origin = origin
        self._patient = index.identity(claim.resource.patient, claim) if history.bills_besides else None

    def visits(self) -> Visits:
        """The days that every other claim and answer of the patient billed."""
        if self._patient is None:
            return Visits(None, None)
        left_out = [line for bill in self._left_out(self._patient) for line in bill.lines]
        return Visits(self._history.days_of(self._patient), Days(left_out) if left_out else None)

    def _left_out(self, patient: str) -> list[_Bill]:
        """This claim, its copies, and what it replaces, among the patient's bills."""
        named = self._history.by_name(patient)
        copies = [bill for name in {self._own, *self._replaces} for bill in named.get(name, ())]
        found = [bill for bill in copies if bill.name in self._replaces or not self._is_another(bill)]
        own = self._history.bill_of(patient, self._origin)
        return found if own is None or own in found else [*found, own]

    def same_service(self, provider: str, day: date, code: str) -> Iterator[EarlierLine]:
        """Those lines of the patient that are of that provider, day and code, each looked at when it is asked for."""
        if self._patient is None:
            return
        for bill, position in self._history.of_service.get((self._patient, day, code), ()):
            if self._is_another(bill) and bill.lines[position].provider == provider:
                yield from self._seen(bill, (bill.lines[position],))

    def _is_another(self, bill: _Bill) -> bool:
        """Whether it is not this claim, nor a copy of it that came another way: in another document, or prefetched."""
        own, other = self._origin, bill.entry
        if other.document is own.document and other.path[:1] == own.path[:1]:
            return other is not own
        return other.kind != "Claim" or bill.name != self._own

    @cached_property
    def _own(self) -> str:
        return name_of(self._index, self._entry)

    def _shares_identifier(self, other: elements.Billed) -> bool:
        """Whether the other carries an identifier of this claim, as the payer's answer to it does."""
        own = {(each.system, each.value) for each in self._claim.identifier if each.value}
        return any((each.system, each.value) in own for each in other.identifier)

    @cached_property
    def _replaces(self) -> frozenset[str]:
        return replaced_by(self._index, self._entry, self._claim)

    def _seen(self, bill: _Bill, lines: tuple[EarlierLine, ...]) -> tuple[EarlierLine, ...]:
        """Lines of another bill, with what this claim makes of that bill."""
        replaced = bill.name in self._replaces
        sent = not replaced and self._own not in bill.replaces and self._sent_before(bill)
        if not replaced and not sent:
            return lines
        return tuple([msgspec.structs.replace(line, replaced_by_this=replaced, sent_before=sent) for line in lines])

    def _sent_before(self, bill: _Bill) -> bool:
        """Whether the other was billed before: an answer always was, a claim by its date, then by its place."""
        other = bill.entry.resource
        assert isinstance(other, elements.Billed)
        if _asks_only(other) != _asks_only(self._claim):
            return False
        if isinstance(other, elements.ExplanationOfBenefit):
            if self._shares_identifier(other):
                return False
            # Made after this claim without naming another, it may well be the answer to this one.
            return other.claim is not None or _earlier(other.created, self._claim.created) is not False
        earlier = _earlier(other.created, self._claim.created)
        if earlier is not None:
            return earlier
        return bill.place < self._history.place_of(self._origin)


def _earlier(one: str | None, other: str | None) -> bool | None:
    """Whether one was created before the other; ``None`` where that is not said, or it was at one time."""
    days = dates.day(one), dates.day(other)
    if days[0] is None or days[1] is None:
        return None
    times = dates.moment(one), dates.moment(other)
    if times[0] is not None and times[1] is not None and (times[0].tzinfo is None) == (times[1].tzinfo is None):
        return None if times[0] == times[1] else times[0] < times[1]
    return None if days[0] == days[1] else days[0] < days[1]


def name_of(index: Index, entry: Entry) -> str:
    """What tells a claim from others."""
    return index.identity(elements.Reference(reference=entry.name), entry) or entry.name


def replaced_by(index: Index, entry: Entry, billed: elements.Billed) -> frozenset[str]:
    """The claims that this one says it replaces or follows; one for other services it does not."""
    return frozenset(
        found
        for related in billed.related
        if {code for _, code in codes.codes(related.relationship)} != {ASSOCIATED}
        and (found := index.identity(related.claim, entry)) is not None
    )


def _counts(billed: elements.Billed) -> bool:
    """Whether a bill was sent and answered at all: a draft never was, nor did an answer with errors adjudicate one."""
    if billed.status in ("draft", "entered-in-error"):
        return False
    return not (
        isinstance(billed, elements.ExplanationOfBenefit)
        and (billed.status == "cancelled" or billed.outcome == "error")
    )


def _answered(index: Index, entry: Entry, billed: elements.Billed) -> str | None:
    """The claim that an explanation of benefits answers."""
    return index.identity(billed.claim, entry) if isinstance(billed, elements.ExplanationOfBenefit) else None


def _asks_only(billed: elements.Billed) -> bool:
    """Whether it asks what would be paid, and bills nothing."""
    return billed.use in ("preauthorization", "predetermination")
