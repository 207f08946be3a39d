"""The page that reviews a claim, corrects it step by step, and gives it back.

The page itself carries everything: the document, the steps that were taken, the day. Nothing is kept here.
"""

from __future__ import annotations

import contextlib
import uuid
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from flask import Response, current_app, request
from werkzeug.exceptions import NotFound

from fhir_massage.edit.fields import HEAD_FIELDS, LINE_FIELDS, BadField
from fhir_massage.edit.finding import Correction, Finding
from fhir_massage.engine import steps
from fhir_massage.engine.document import corrected_document
from fhir_massage.engine.report import Report
from fhir_massage.errors import TooLarge, Unreadable
from fhir_massage.present.claim import ClaimView, in_order, place, views
from fhir_massage.present.denial import in_words
from fhir_massage.present.marked import Difference, differences, marked_json
from fhir_massage.present.outcome import reason
from fhir_massage.present.text import at_risk, is_shown
from fhir_massage.read.read import Arrival, encode, parse, read
from fhir_massage.rules import rule_by_id
from fhir_massage.store.findings import record_review, record_step
from fhir_massage.web.answer import service
from fhir_massage.web.workbench import examples
from fhir_massage.web.workbench.page import asked_day, door, render

#: A form carries a document with line ends of two characters, and the steps beside it.
_FORM_OVERHEAD = 2
_AROUND = 2
#: A larger document is shown as it came: laid out it may grow beyond what is read.
_LAID_OUT = 1_000_000


class Session:
    """One document being worked on: its content, the day of its review, and the steps taken so far."""

    def __init__(self, content: bytes, on: date) -> None:
        self.content = content.replace(b"\r\n", b"\n")
        self.on = on
        self.steps: list[steps.Step] = []
        self.made: list[Difference] = []
        self.said = ""
        self.problem = ""
        self.confirming = ""
        self.editing = ""
        self.count = False
        self.notes = False
        self.id = uuid.uuid4()
        self.arrival: Arrival = Arrival()
        self.document: Any = None
        self.report: Report | None = None

    def review(self) -> Report:
        """Read and review the document as it is now."""
        self.arrival = read(self.content)
        self.document = parse(self.content.removeprefix(b"\xef\xbb\xbf"))
        self.report = service().review(self.content, self.on)
        return self.report

    def replace(self, document: Any) -> None:
        """Go on with a changed document."""
        self.content = encode(document)
        self.review()

    def take(self, *changes: steps.Change) -> None:
        """Go on with the document that changes made, and tell what they changed."""
        for change in changes:
            self.steps.append(change.step)
            self.made += differences(change.before, Correction("", change.edits))
            self.said = change.step.label
        if changes:
            self.replace(changes[-1].document)


@door.get("/")
def review_page() -> Response:
    """The empty page, or the review of an example."""
    name = request.args.get("example", "")
    example = examples.find(name) if name else None
    if example is None:
        if name:
            raise NotFound
        return _page(Session(b"", asked_day()))
    session = Session(example.content, example.on or asked_day())
    session.review()
    return _page(session)


@door.post("/")
def review() -> Response:
    """The review of what was pasted, dropped or picked, after the step whose button was pressed."""
    session = _session()
    try:
        before = session.review()
    except Unreadable as error:
        return _page(session, error=error)
    _carry_steps(session)
    try:
        _step(session)
    except BadField as error:
        session.problem, session.editing = str(error), request.form.get("save", "")
    except steps.Outdated as error:
        session.problem = str(error)
    _count(session, before)
    return _page(session)


@door.post("/corrected")
def corrected() -> Response:
    """The document with every certain correction, to keep."""
    session = _session()
    report = session.review()
    document = corrected_document(session.arrival, report, session.document)
    answer = Response(_pretty(encode(document)), mimetype="application/fhir+json")
    answer.headers["Content-Disposition"] = 'attachment; filename="corrected-claim.json"'
    return answer


@door.post("/audit-sheet")
def audit_sheet() -> Response:
    """What was found and done, on a sheet to be printed or kept as PDF."""
    session = _session()
    report = session.review()
    _carry_steps(session)
    return Response(render("sheet.html", session=session, claims=_views(session), report=report, **_words(session)))


# --- the steps ----------------------------------------------------------------------------------------


def _step(session: Session) -> None:
    """Do what the pressed button asks."""
    form = request.form
    key = form.get("correction", "") or form.get("confirmed", "")
    report = session.report
    assert report is not None
    if key == "all":
        session.take(*steps.correct_certain(session.arrival, report, session.document))
        if session.made:
            session.said = "Applied every certain correction"
    elif key:
        finding, correction = steps.chosen(report, key)
        if correction.certain or "confirmed" in form:
            session.take(steps.correct(session.arrival, session.document, finding, correction))
        else:
            session.confirming = key
    elif form.get("undo") and session.steps:
        step = session.steps.pop()
        session.replace(steps.undo(session.document, step))
        session.said = f"Taken back: {step.label}"
    elif form.get("save"):
        _save(session, form["save"])
    if "edit" in form:
        session.editing = form["edit"]


def _count(session: Session, before: Report) -> None:
    """Count what was found and what became of it, where the user wants that; nothing of the claim is kept."""
    form = request.form
    session.count = form.get("count") == "on"
    if not session.count or session.report is None:
        return
    store, now = service().store, datetime.now(UTC)
    if form.get("counted") != str(session.id):
        record_review(store, session.id, before, now)
    record_step(store, session.id, before, session.report, now, back="undo" in form)


def _save(session: Session, saved: str) -> None:
    """Change the fields of a line or head that differ from what stands there."""
    claim, line = _edited(session, saved)
    known = HEAD_FIELDS if line is None else LINE_FIELDS
    typed = {
        field: words
        for field in known
        if (words := request.form.get(f"field.{field}")) is not None and words != _text(claim, line, field)
    }
    change = steps.retype(session.arrival, session.document, claim.name, line, typed)
    if change is not None:
        session.take(change)


def _edited(session: Session, named: str) -> tuple[ClaimView, int | None]:
    """The claim, and the line unless it is the head, that ``0.2`` or ``0.head`` names. Raises ``Outdated``."""
    claims = _views(session)
    number, _, part = named.partition(".")
    line, _, _ = part.partition(".")
    if not number.isdecimal() or int(number) >= len(claims):
        raise steps.Outdated("that claim is no longer in the document")
    claim = claims[int(number)]
    if line == "head":
        return claim, None
    if not line.isdecimal() or int(line) >= len(claim.lines):
        raise steps.Outdated("that line is no longer on the claim")
    return claim, int(line)


def _text(claim: ClaimView, line: int | None, field: str) -> str:
    if line is not None:
        return claim.lines[line][field].text
    if field == "diagnoses":
        return " ".join(diagnosis.code for diagnosis in claim.diagnoses)
    return claim[field].text


# --- what the form carries ----------------------------------------------------------------------------


def _session() -> Session:
    """What the form carries. Raises ``TooLarge``."""
    most = int(current_app.config["MAX_CONTENT_LENGTH"])
    request.max_content_length = request.max_form_memory_size = _FORM_OVERHEAD * most + 65_536
    file = request.files.get("file")
    content = file.read() if file is not None and file.filename else request.form.get("claim", "").encode()
    session = Session(content, asked_day())
    session.notes = request.form.get("show_notes", request.form.get("notes", "")) == "on"
    if len(session.content) > most:
        raise TooLarge(f"the document has {len(session.content):,} bytes; at most {most:,} are read")
    return session


def _carry_steps(session: Session) -> None:
    """The steps taken before, unless the document was changed or exchanged by hand since."""
    if request.form.get("digest") == steps.digest(session.document):
        session.steps = steps.read_steps(request.form.get("steps", ""))
        with contextlib.suppress(ValueError):
            session.id = uuid.UUID(request.form.get("session", ""))


# --- what the page shows ------------------------------------------------------------------------------


def _page(session: Session, error: Unreadable | None = None) -> Response:
    report = session.report
    told = _told(report, session.notes)
    page = render(
        "review.html",
        session=session,
        report=report,
        content=_shown(session),
        error=error,
        excerpt=_excerpt(session.content, error),
        claims=_views(session) if report is not None else [],
        marks=in_order(told),
        hidden=0 if report is None else len(report.findings) - len(told),
        sure=_sure(report),
        steps=steps.write_steps(session.steps),
        digest=steps.digest(session.document) if report is not None else "",
        shown_examples=examples.SHOWN,
        **_words(session),
    )
    return Response(page, 200 if error is None else 400)


def _words(session: Session) -> dict[str, Any]:
    """How findings, corrections and JSON are told."""
    report = session.report

    def changes(finding: Finding, correction: Correction) -> list[Difference]:
        return [] if report is None else differences(report.original(finding.resource), correction)

    def written(claim: ClaimView) -> Any:
        return [] if report is None else marked_json(report.original(claim.name), claim.findings)

    return {
        "place": place,
        "choice": steps.choice,
        "changes": changes,
        "written": written,
        "reason": reason,
        "rule": rule_by_id,
        "denial": lambda finding: in_words(finding.denial, service().facts, session.on),
        "dollars_at_risk": at_risk(report.findings) if report is not None else 0,
    }


def _views(session: Session) -> list[ClaimView]:
    assert session.report is not None
    return views(session.arrival, session.report, service().facts, notes=session.notes)


def _told(report: Report | None, notes: bool) -> list[Finding]:
    return [] if report is None else [finding for finding in report.findings if is_shown(finding, notes=notes)]


def _shown(session: Session) -> str:
    """The document as the text area shows it: laid out, unless it cannot be read."""
    laid_out = session.report is not None and len(session.content) < _LAID_OUT
    return _pretty(session.content) if laid_out else session.content.decode("utf-8", "replace")


def _pretty(content: bytes) -> str:
    try:
        return msgspec.json.format(content.removeprefix(b"\xef\xbb\xbf"), indent=2).decode()
    except (msgspec.MsgspecError, UnicodeError):
        return content.decode("utf-8", "replace")


def _excerpt(content: bytes, error: Unreadable | None) -> list[tuple[int, str, bool]]:
    """The lines about the place where the document could not be read, each with whether it is that one."""
    if error is None or error.line is None:
        return []
    lines = content.decode("utf-8", "replace").split("\n")
    first = max(0, error.line - 1 - _AROUND)
    return [(number + 1, lines[number][:400], number + 1 == error.line)
            for number in range(first, min(len(lines), error.line + _AROUND))]  # fmt: skip


def _sure(report: Report | None) -> int:
    """How many certain corrections there are."""
    return 0 if report is None else sum(any(c.certain for c in f.corrections) for f in report.findings)
