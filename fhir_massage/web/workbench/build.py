"""The page that makes a claim from a short form, for people who have no FHIR."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from flask import Response, request

from fhir_massage.edit.build import Draft, DraftLine, bundle
from fhir_massage.read import codes
from fhir_massage.read.read import encode
from fhir_massage.rules.payment import PROFESSIONS
from fhir_massage.web.answer import service
from fhir_massage.web.workbench.page import door, professions, render

LINES = 4
MOST_LINES = 50
REGIONS = ("neck", "upper back", "low back", "shoulder", "arm", "hip", "leg", "ankle")

Typed = dict[str, str]


@door.get("/build")
def build_page() -> str:
    """The form, with a line that shows what goes where."""
    return _page({"day": date.today().isoformat()}, [{"code": "97140", "units": "1", "minutes": "15"}], {})


@door.post("/build")
def build() -> Response:
    """The Bundle that the form makes, to take away or to review; the form again where something is missing."""
    form = request.form
    count = min(form.get("lines", LINES, type=int), MOST_LINES)
    head = {key: form.get(key, "").strip() for key in (
        "payer", "profession", "day", "diagnoses", "patient", "therapist", "npi", "referrer", "referrer_npi", "visits",
        "authorization",
    )}  # fmt: skip
    head["referral"] = "on" if form.get("referral") else ""
    lines = [
        {
            key: form.get(f"line.{place}.{key}", "").strip()
            for key in ("code", "modifiers", "units", "minutes", "price", "region")
        }
        for place in range(count)
    ]
    if form.get("more"):
        return Response(_page(head, lines, {}, count + LINES))
    wrong: dict[str, str] = {}
    draft = _draft(head, lines, wrong)
    if draft is None:
        return Response(_page(head, lines, wrong, count), 400)
    content = msgspec.json.format(encode(bundle(draft, service().facts, max(date.today(), draft.day))), indent=2)
    if form.get("take"):
        answer = Response(content, mimetype="application/fhir+json")
        answer.headers["Content-Disposition"] = 'attachment; filename="claim.json"'
        return answer
    return Response(_page(head, lines, {}, count, made=content.decode()))


def _draft(head: Typed, lines: list[Typed], wrong: dict[str, str]) -> Draft | None:
    """The claim that was typed; what is wrong goes under its field's name into ``wrong``."""
    if head["payer"] not in service().facts.policies:
        wrong["payer"] = "Choose who pays."
    if head["profession"] not in PROFESSIONS or head["profession"] == "other":
        wrong["profession"] = "Choose who gave the service."
    day = _day(head["day"])
    if day is None:
        wrong["day"] = "Write the day as YYYY-MM-DD."
    made = [_line(line, place, wrong) for place, line in enumerate(lines) if any(
        line[key] for key in ("code", "price")) or place == 0]  # fmt: skip
    visits = _whole(head["visits"], "visits", wrong)
    if wrong or day is None:
        return None
    return Draft(
        payer=head["payer"],
        profession=head["profession"],
        day=day,
        diagnoses=tuple(codes.with_dot(code) for code in head["diagnoses"].replace(",", " ").replace(";", " ").split()),
        lines=tuple(line for line in made if line is not None),
        patient=head["patient"],
        therapist=head["therapist"],
        npi=head["npi"],
        referrer=head["referrer"],
        referrer_npi=head["referrer_npi"],
        referral=bool(head["referral"]),
        visits=visits,
        authorization=head["authorization"],
    )


def _line(line: Typed, place: int, wrong: dict[str, str]) -> DraftLine | None:
    before = len(wrong)
    if not codes.has_procedure_shape(line["code"]):
        wrong[f"line.{place}.code"] = "Write a code of five characters, such as 97140."
    try:
        price = Decimal(line["price"].removeprefix("$").replace(",", ""))
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite() or not 0 <= price < 1_000_000:
        wrong[f"line.{place}.price"] = "Write the price of one unit in dollars, such as 58.00."
    units = _whole(line["units"] or "1", f"line.{place}.units", wrong)
    minutes = _whole(line["minutes"], f"line.{place}.minutes", wrong)
    if len(wrong) > before:
        return None
    return DraftLine(
        code=line["code"].upper(),
        modifiers=tuple(line["modifiers"].upper().replace(",", " ").split()),
        units=units or 1,
        minutes=minutes,
        price=price,
        region=line["region"],
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _whole(text: str, field: str, wrong: dict[str, str]) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or not text.isascii() or not 0 < int(text) < 1_000:
        wrong[field] = "Write a whole number."
        return None
    return int(text)


def _page(head: Typed, lines: list[Typed], wrong: dict[str, str], count: int = LINES, made: str = "") -> str:
    facts = service().facts
    shown: list[dict[str, Any]] = [*lines, *({} for _ in range(count - len(lines)))]
    return render(
        "build.html",
        head=head,
        lines=shown,
        wrong=wrong,
        made=made,
        payers=sorted(
            ((each, history.file.title) for each, history in facts.policies.items()), key=lambda pair: pair[1]
        ),
        professions=professions(),
        words={row.code: row.words for row in facts.procedure_words},
        regions=REGIONS,
    )
