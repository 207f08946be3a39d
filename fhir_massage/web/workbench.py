"""The workbench: a page that reviews a pasted claim, applies corrections, and gives the corrected claim back."""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response, render_template, request

from fhir_massage.errors import FhirMassageError
from fhir_massage.fhir.read import encode, parse, read
from fhir_massage.model.finding import Correction, Finding
from fhir_massage.present.outcome import why
from fhir_massage.review.document import corrected_document, with_correction
from fhir_massage.review.report import Report
from fhir_massage.web.answer import service

door = Blueprint("workbench", __name__)


@door.get("/")
def page() -> str:
    """The empty page."""
    return _page("")


@door.post("/")
def review() -> Response:
    """The review of what was pasted or picked, with the correction applied whose button was pressed."""
    content = _content()
    try:
        report = service().review(content)
        pressed = request.form.get("correction")
        if pressed is not None:
            content = _corrected(content, report, pressed)
            report = service().review(content)
    except FhirMassageError as error:
        return Response(_page(content.decode("utf-8", "replace"), problem=str(error)), 400)
    return Response(_page(_pretty(content), report=report))


@door.post("/corrected")
def corrected() -> Response:
    """The document with every certain correction, to keep."""
    content = _content()
    document = corrected_document(read(content), service().review(content), parse(content))
    answer = Response(msgspec.json.format(encode(document), indent=2), mimetype="application/fhir+json")
    answer.headers["Content-Disposition"] = 'attachment; filename="corrected-claim.json"'
    return answer


def _content() -> bytes:
    file = request.files.get("file")
    if file is not None and file.filename:
        return bytes(file.read())
    return request.form.get("claim", "").encode()


def _corrected(content: bytes, report: Report, pressed: str) -> bytes:
    """The document with the correction applied whose button was pressed, or every certain one (``all``)."""
    if pressed == "all":
        return encode(corrected_document(read(content), report, parse(content)))
    for finding in report.findings:
        for correction in finding.corrections:
            if _chosen(finding, correction) == pressed:
                return encode(with_correction(read(content), report, parse(content), finding, correction))
    raise FhirMassageError("that correction no longer fits the claim; review it again")


def _chosen(finding: Finding, correction: Correction) -> str:
    """What a correction's button sends: it still names the same correction after the claim was edited."""
    return f"{finding.resource} {finding.expression[0]} {finding.rule}: {correction.label}"


def _pretty(content: bytes) -> str:
    try:
        return msgspec.json.format(content.removeprefix(b"\xef\xbb\xbf"), indent=2).decode()
    except msgspec.MsgspecError:
        return content.decode("utf-8", "replace")


def _page(content: str, *, report: Report | None = None, problem: str = "") -> str:
    return render_template(
        "workbench.html",
        content=content,
        report=report,
        problem=problem,
        place=_place,
        why=why,
        sure=_sure(report),
        chosen=_chosen,
    )


def _place(finding: Finding) -> str:
    element = finding.expression[0]
    if element.startswith("Claim.item["):
        position = int(element.removeprefix("Claim.item[").partition("]")[0])
        return f"Line {position + 1}"
    return element.partition(".")[2] or element


def _sure(report: Report | None) -> int:
    """How many certain corrections there are."""
    return 0 if report is None else sum(c.certain for f in report.findings for c in f.corrections)
