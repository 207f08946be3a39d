"""A claim or order as people know it: who, which payer, diagnoses A to L, and lines, each element with its findings.

Numbers of findings are their places in ``in_order``; they mark the same element in the claim, in its JSON and in
the list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from fhir_massage.case.seen import ClaimCase, Line, OrderCase
from fhir_massage.edit.fields import letter
from fhir_massage.edit.finding import Finding
from fhir_massage.engine.report import Report
from fhir_massage.facts.book import Facts
from fhir_massage.present.naming import NO_NAME, called, is_address
from fhir_massage.present.text import at_risk, is_shown
from fhir_massage.read import codes, elements
from fhir_massage.read.read import Arrival, Entry
from fhir_massage.read.references import Index
from fhir_massage.rules.tools import number

_GRAVITY = {"error": 0, "warning": 1, "information": 2}
_LINE = re.compile(r"Claim\.item\[(\d+)\](?:\.(\w+))?")
#: Which column shows an element of a line.
_COLUMNS = {
    "servicedDate": "date", "servicedPeriod": "date", "productOrService": "code", "modifier": "modifiers",
    "diagnosisSequence": "pointers", "quantity": "units", "informationSequence": "minutes",
    "procedureSequence": "minutes", "net": "charge", "unitPrice": "charge", "factor": "charge",
    "bodySite": "region", "subSite": "region", "careTeamSequence": "provider",
}  # fmt: skip
#: Which fact of the head shows an element of the claim.
_FACTS = {
    "patient": "patient", "insurance": "payer", "referral": "referral", "created": "created", "total": "total",
    "provider": "billing", "careTeam": "provider", "diagnosis": "diagnoses", "accident": "payer",
}  # fmt: skip


class Marked(msgspec.Struct, frozen=True):
    """A finding with the number it bears on the page."""

    number: int
    finding: Finding


class Fact(msgspec.Struct, frozen=True):
    """One thing the head of a claim or order tells: a label, its words, what else is known, and its findings."""

    key: str
    label: str
    text: str
    more: str = ""
    marks: tuple[Marked, ...] = ()


class Cell(msgspec.Struct, frozen=True):
    """One column of a line."""

    key: str
    text: str
    more: str = ""
    marks: tuple[Marked, ...] = ()


class LineView(msgspec.Struct, frozen=True):
    """A line of the claim. ``marks`` are of findings on the line as a whole; ``gravest`` of all on it."""

    index: int
    cells: tuple[Cell, ...]
    marks: tuple[Marked, ...]
    gravest: str | None

    def __getitem__(self, key: str) -> Cell:
        return _by_key(self.cells, key)


class DiagnosisView(msgspec.Struct, frozen=True):
    """A diagnosis: its letter, its code, and its findings."""

    letter: str
    code: str
    words: str
    marks: tuple[Marked, ...]


class ClaimView(msgspec.Struct, frozen=True, kw_only=True):
    """A claim or order under review: its ``name`` in findings, and the ``title`` that people know it by."""

    name: str
    title: str
    kind: str
    facts: tuple[Fact, ...]
    diagnoses: tuple[DiagnosisView, ...] = ()
    lines: tuple[LineView, ...] = ()
    findings: tuple[Marked, ...]
    dollars_at_risk: str

    @property
    def open_findings(self) -> int:
        """How many findings are shown of it."""
        return len(self.findings)

    @property
    def size(self) -> int:
        """How many lines it has."""
        return len(self.lines)

    def __getitem__(self, key: str) -> Fact:
        return _by_key(self.facts, key)


K = TypeVar("K", Fact, Cell)


def _by_key(parts: Sequence[K], key: str) -> K:
    """The part with the key. Raises ``KeyError``, so that templates look for an attribute of that name."""
    for part in parts:
        if part.key == key:
            return part
    raise KeyError(key)


def in_order(findings: Iterable[Finding]) -> tuple[Marked, ...]:
    """The findings by severity, numbered."""
    ordered = sorted(findings, key=lambda finding: _GRAVITY[finding.severity])
    return tuple(Marked(place, finding) for place, finding in enumerate(ordered, start=1))


def views(arrival: Arrival, report: Report, facts: Facts, *, notes: bool = True) -> list[ClaimView]:
    """Every claim and order that was reviewed, as people know it, with notes or without."""
    index = Index(arrival.entries)
    marked = in_order(finding for finding in report.findings if is_shown(finding, notes=notes))
    entries = {entry.name: entry for entry in arrival.entries if entry.container is None}
    made = []
    for name in (*report.claims, *report.orders):
        entry, case = entries.get(name), report.cases.get(name)
        own = tuple(mark for mark in marked if mark.finding.resource == name)
        if entry is not None and isinstance(case, ClaimCase):
            made.append(_Claim(index, entry, case, own, facts).view())
        elif entry is not None and isinstance(case, OrderCase):
            made.append(_order(index, entry, case, own))
    return made


def place(finding: Finding) -> str:
    """Where a finding is, in words: ``Line 2``, ``Diagnosis A``, ``Referral``."""
    element = finding.expression[0]
    line = _LINE.match(element)
    if line:
        column = _COLUMNS.get(line[2] or "")
        return f"Line {int(line[1]) + 1}" + (f", {column}" if column else "")
    diagnosis = re.match(r"Claim\.diagnosis\[(\d+)\]", element)
    if diagnosis:
        return f"Diagnosis {letter(int(diagnosis[1]))}"
    step = re.sub(r"\[\d+\]", "", element.partition(".")[2]).partition(".")[0]
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", step or element).capitalize()


class _Claim:
    def __init__(self, index: Index, entry: Entry, case: ClaimCase, marks: tuple[Marked, ...], facts: Facts) -> None:
        assert isinstance(entry.resource, elements.Claim)
        self.index = index
        self.entry = entry
        self.claim = entry.resource
        self.case = case
        self.facts = facts
        self.marks = marks
        self.letters = {each.sequence: letter(place) for place, each in enumerate(case.diagnoses)}
        self.on_line: dict[int, list[tuple[str, Marked]]] = {}
        self.on_fact: dict[str, list[Marked]] = {}
        for mark in marks:
            self._put(mark)

    def view(self) -> ClaimView:
        return ClaimView(
            name=self.case.resource,
            title=called(self.case.resource, self.case),
            kind="Claim",
            facts=tuple(self._facts()),
            diagnoses=tuple(self._diagnoses()),
            lines=tuple(self._line(line) for line in self.case.lines),
            findings=self.marks,
            dollars_at_risk=_dollars_at_risk(self.marks),
        )

    def _put(self, mark: Marked) -> None:
        element = mark.finding.expression[0]
        line = _LINE.match(element)
        if line:
            self.on_line.setdefault(int(line[1]), []).append((_COLUMNS.get(line[2] or "", "line"), mark))
            return
        step = re.sub(r"\[\d+\]", "", element.partition(".")[2]).partition(".")[0]
        self.on_fact.setdefault(_FACTS.get(step, "claim"), []).append(mark)

    def _facts(self) -> list[Fact]:
        case = self.case
        insurance = next((slot for slot in self.claim.insurance if slot.focal), None) or next(
            iter(self.claim.insurance), None
        )
        payer, plan = self._payer(insurance)
        referral = case.referral
        referred = "none named" if not case.names_referral else "named, not found" if referral is None else "on file"
        ordered = "" if referral is None or referral.visits is None else f"{number(referral.visits)} visits ordered"
        providers = list(dict.fromkeys(self._provider(line) for line in case.lines)) or [("not named", "")]
        patient, born = _person(self.index, self.claim.patient, self.entry)
        return [
            self._fact("claim", "Claim", called(case.resource, case)),
            self._fact("patient", "Patient", patient, f"born {born}" if born else ""),
            self._fact("payer", "Payer", payer, plan),
            self._fact("authorization", "Authorization", case.authorization or ""),
            self._fact("referral", "Referral", referred, ordered),
            self._fact("provider", "Rendering provider", ", ".join(text for text, _ in providers),
                       ", ".join(dict.fromkeys(more for _, more in providers if more))),
            self._fact("billing", "Billed by", _name(self.index, self.claim.provider, self.entry) or "not named"),
            self._fact("created", "Created", self.claim.created or ""),
            self._fact("total", "Total", "" if case.total is None else f"${case.total:,.2f}"),
        ]  # fmt: skip

    def _fact(self, key: str, label: str, text: str, more: str = "") -> Fact:
        return Fact(key, label, text, more, tuple(self.on_fact.get(key, ())))

    def _payer(self, insurance: elements.Insurance | None) -> tuple[str, str]:
        coverage = None if insurance is None else self.index.find(insurance.coverage, self.entry)
        if coverage is None or not isinstance(coverage.resource, elements.Coverage):
            return (self.case.payer_title or "not named"), ""
        named = next((_name(self.index, payor, coverage) for payor in coverage.resource.payor), "")
        title = self.case.payer_title or "not recognised"
        return (named, title) if named and named.lower() != title.lower() else (title, "")

    def _diagnoses(self) -> list[DiagnosisView]:
        found = []
        for position, diagnosis in enumerate(self.case.diagnoses):
            element = f"Claim.diagnosis[{position}]"
            marks = tuple(
                mark for mark in self.on_fact.get("diagnoses", ()) if mark.finding.expression[0].startswith(element)
            )
            concept = self.claim.diagnosis[position].diagnosis_codeable_concept
            words = next(codes.words(concept), "")
            found.append(DiagnosisView(letter(position), diagnosis.code or "?", words, marks))
        return found

    def _line(self, line: Line) -> LineView:
        marks = self.on_line.get(line.index, [])

        def cell(key: str, text: str, more: str = "") -> Cell:
            return Cell(key, text, more, tuple(mark for column, mark in marks if column == key))

        words = None if line.code is None or line.day is None else self.facts.procedure_words.find(line.code, line.day)
        item = self.claim.item[line.index]
        provider, profession = self._provider(line)
        cells = (
            cell("date", "" if line.day is None else line.day.isoformat()),
            cell("code", line.code or "", "" if words is None else words.words),
            cell("modifiers", " ".join(line.modifiers)),
            cell("pointers", " ".join(self.letters.get(pointer, f"{pointer}?") for pointer in line.pointers)),
            cell("units", "" if line.units is None else number(line.units)),
            cell("minutes", "" if line.minutes is None else number(line.minutes), _clock(line)),
            cell("charge", "" if line.charge is None else f"{line.charge:.2f}"),
            cell("region", ", ".join(_site(site) for site in (item.body_site, *item.sub_site) if site is not None)),
            cell("provider", provider, profession),
        )
        whole = tuple(mark for column, mark in marks if column == "line")
        gravest = min((mark.finding.severity for _, mark in marks), key=_GRAVITY.__getitem__, default=None)
        return LineView(line.index, cells, whole, gravest)

    def _provider(self, line: Line) -> tuple[str, str]:
        """Who rendered the line, and as what."""
        member = re.match(r"Claim\.careTeam\[(\d+)\]", line.provider.element)
        reference = self.claim.care_team[int(member[1])].provider if member else self.claim.provider
        profession = (line.provider.profession or "").replace("-", " ")
        return _name(self.index, reference, self.entry) or "not named", profession


def _order(index: Index, entry: Entry, case: OrderCase, marks: tuple[Marked, ...]) -> ClaimView:
    request = entry.resource
    assert isinstance(request, elements.ServiceRequest)
    patient, born = _person(index, request.subject, entry)
    steps = {
        "patient": "subject", "service": "code", "payer": "insurance", "requester": "requester",
        "performer": "performer", "reason": "reason", "visits": "quantity", "authored": "authored",
    }  # fmt: skip
    rest = list(marks)

    def fact(key: str, label: str, text: str, more: str = "") -> Fact:
        element = f"ServiceRequest.{steps[key]}"
        own = tuple(mark for mark in rest if mark.finding.expression[0].startswith(element))
        for mark in own:
            rest.remove(mark)
        return Fact(key, label, text or "not said", more, own)

    service = " ".join(dict.fromkeys([*(code for _, code in case.codes), *case.words]))
    facts = [
        fact("service", "Service", service),
        fact("patient", "Patient", patient, f"born {born}" if born else ""),
        fact("payer", "Payer", case.payer_title),
        fact("requester", "Ordered by", _name(index, request.requester, entry)),
        fact("performer", "To be given by", ", ".join((p.profession or "").replace("-", " ") for p in case.performers)),
        fact("reason", "Reason", ", ".join(case.reasons)),
        fact("visits", "Visits", "" if case.visits is None else number(case.visits)),
        fact("authored", "Written on", request.authored_on or ""),
    ]
    facts.insert(0, Fact("claim", "Order", called(case.resource, case), "", tuple(rest)))
    return ClaimView(
        name=case.resource,
        title=called(case.resource, case),
        kind="Order",
        facts=tuple(facts),
        findings=marks,
        dollars_at_risk=_dollars_at_risk(marks),
    )


def _dollars_at_risk(marks: Sequence[Marked]) -> str:
    dollars = at_risk(mark.finding for mark in marks)
    return f"${dollars:,.2f}" if dollars else ""


def _name(index: Index, reference: elements.Reference | None, within: Entry) -> str:
    """What somebody or some organization is called; failing that, its reference."""
    entry = index.find(reference, within)
    resource = None if entry is None else entry.resource
    if entry is not None and isinstance(resource, elements.PractitionerRole):
        person = index.find(resource.practitioner, entry)
        resource = None if person is None else person.resource
    if isinstance(resource, elements.Practitioner | elements.Patient):
        named = _human(resource.name)
    elif isinstance(resource, elements.Organization):
        named = resource.name or ""
    else:
        named = ""
    if named or reference is None:
        return named
    said = reference.display or reference.reference or ""
    return NO_NAME if is_address(said) else said


def _person(index: Index, reference: elements.Reference | None, within: Entry) -> tuple[str, str]:
    patient = index.resource(reference, within, elements.Patient)
    return _name(index, reference, within) or "not named", "" if patient is None else patient.birth_date or ""


def _human(names: Sequence[elements.HumanName]) -> str:
    for name in names:
        words = name.text or " ".join(filter(None, (*name.given, name.family)))
        if words:
            return words
    return ""


def _site(site: elements.CodeableConcept) -> str:
    return next(codes.words(site), None) or next((code for _, code in codes.codes(site)), "")


def _clock(line: Line) -> str:
    if line.start is None or line.end is None:
        return ""
    return f"{line.start:%H:%M}–{line.end:%H:%M}"
