"""A report as CDS Hooks cards: one for each resource and topic, and none for a correct claim."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from fhir_massage.case.seen import ClaimCase, OrderCase
from fhir_massage.edit.finding import Citation, Correction, Finding
from fhir_massage.engine.report import Report
from fhir_massage.errors import NotFetched, Unreadable
from fhir_massage.present.finding import as_json
from fhir_massage.present.outcome import reason
from fhir_massage.rules import rule_by_id
from fhir_massage.rules.tools import listed, named

Json = dict[str, Any]
Case = ClaimCase | OrderCase
TOPICS = "http://terminology.hl7.org/CodeSystem/cdshooks-card-type"
OVERRIDES = "urn:fhir-massage:override"
#: The name of the source where the payer is not known by name.
LABEL = "fhir_massage"
LONGEST_SUMMARY = 139
LONGEST_LABEL = 80
#: Da Vinci CRD keeps ``critical`` for danger to life or health; that a claim would be denied is a warning.
_INDICATORS = {"error": "warning", "warning": "info", "information": "info"}
_GRAVITY = {"error": 0, "warning": 1, "information": 2}

OVERRIDE_REASONS = (
    ("documented", "The record documents what the claim does not show"),
    ("payer-agreed", "The payer has agreed otherwise for this patient"),
    ("will-correct", "It will be corrected elsewhere"),
    ("not-applicable", "The finding does not fit this claim"),
)


class Made(msgspec.Struct, frozen=True):
    """A card, the rules that it speaks of, and which of them each of its suggestions (by uuid) is for."""

    card: Json
    topic: str
    gravity: int
    rules: tuple[str, ...]
    suggestions: dict[str, str]


def cards(report: Report, new_id: Callable[[], str]) -> list[Json]:
    """The cards of a report, the gravest first. ``new_id`` gives each card and suggestion its UUID."""
    return [made.card for made in make_cards(report, new_id)]


def make_cards(report: Report, new_id: Callable[[], str], needed: str | None = None) -> list[Made]:
    """The cards of a report, the gravest first, with what is to be remembered of each.

    A finding makes a card where it is an error or a warning, or offers something to do. ``needed`` names the
    prefetch that holds what is reviewed, where there is one: what cannot be read there was not reviewed.
    """
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in report.findings:
        if finding.severity != "information" or finding.corrections or finding.draft:
            groups.setdefault((finding.resource, rule_by_id(finding.rule).topic), []).append(finding)
    made = [_card(report, topic, findings, new_id) for (_, topic), findings in groups.items()]
    unread = [error for error in report.unread if _matters(error, needed)]
    if unread:
        made.append(_unread_card(unread, new_id))
    return sorted(made, key=lambda each: each.gravity)


def _card(report: Report, topic: str, findings: list[Finding], new_id: Callable[[], str]) -> Made:
    findings = sorted(findings, key=lambda finding: _GRAVITY[finding.severity])
    gravest = findings[0]
    case = report.cases.get(gravest.resource)
    suggestions = list(_suggestions(report, findings, new_id))
    card: Json = {
        "uuid": new_id(),
        "summary": _summary(findings),
        "detail": "\n\n".join(_detail(finding, case) for finding in findings),
        "indicator": _INDICATORS[gravest.severity],
        "source": _source(topic, case),
        "overrideReasons": [{"code": code, "system": OVERRIDES, "display": words} for code, words in OVERRIDE_REASONS],
        "extension": {
            "fhir-massage.finding": _without_nulls(as_json(gravest)),
            "fhir-massage.findings": [_without_nulls(as_json(finding)) for finding in findings],
        },
    }
    if "/" in gravest.resource:
        card["extension"]["davinci-crd.associated-resource"] = [{"reference": gravest.resource}]
    if suggestions:
        card["suggestions"] = [suggestion for suggestion, _ in suggestions]
        card["selectionBehavior"] = _selection(card["suggestions"])
    links = {c.url: c.title for finding in findings for c in finding.citations if c.url.startswith("https://")}
    if links and not isinstance(case, OrderCase):  # CRD's cards on orders have none: the detail and the source link
        card["links"] = [{"label": title, "url": url, "type": "absolute"} for url, title in links.items()]
    return Made(
        card,
        topic,
        _GRAVITY[gravest.severity],
        tuple(finding.rule for finding in findings),
        {suggestion["uuid"]: rule for suggestion, rule in suggestions},
    )


def _without_nulls(content: Json) -> Json:
    """CDS Hooks has nothing stand that has no value."""
    return {key: value for key, value in content.items() if value is not None}


def _matters(error: Unreadable, needed: str | None) -> bool:
    """Whether the user is told: not of what a prefetch brings beside what is reviewed."""
    place = error.place or ""
    if needed is not None and not isinstance(error, NotFetched) and place.startswith(f"prefetch.{needed}."):
        return True
    return not place.startswith("prefetch")


def _unread_card(unread: list[Unreadable], new_id: Callable[[], str]) -> Made:
    """The card that says what was not checked. A bad prefetch is no matter of the user's and makes none."""
    what = "A resource" if len(unread) == 1 else f"{len(unread)} resources"
    card = {
        "uuid": new_id(),
        "summary": f"{what} could not be read, so what it says was not checked.",
        "detail": "\n".join(f"- `{error.place or 'the request'}`: {_plain(error.reason)}" for error in unread),
        "indicator": "info",
        "source": {"label": LABEL, "topic": {"system": TOPICS, "code": "claim"}},
    }
    return Made(card, "claim", _GRAVITY["warning"], (), {})


def _summary(findings: list[Finding]) -> str:
    text = findings[0].message
    if len(findings) > 1:
        more = f" (and {len(findings) - 1} more)"
        return _cut(text, LONGEST_SUMMARY - len(more)) + more
    return _cut(text, LONGEST_SUMMARY)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1].rsplit(' ', 1)[0]}…"


def _detail(finding: Finding, case: Case | None) -> str:
    parts = [f"**{_plain(finding.message)}**"]
    facts = [
        f"About: {_plain(_about(case, finding.resource))}",
        f"Element: `{finding.expression[0]}` of {_plain(finding.resource)}",
    ]
    if finding.denial is not None:
        codes = " ".join((f"{finding.denial.group}-{finding.denial.carc}", *finding.denial.rarc))
        facts.append(f"Denial to expect: {codes}")
    if finding.at_risk is not None:
        facts.append(f"At risk: ${finding.at_risk:,.2f}")
    parts.append("\n".join(f"- {fact}" for fact in facts))
    parts.append(_plain(reason(finding)))
    parts += [f"Source: {_cited(cited)}" for cited in finding.citations]
    for correction in finding.corrections:
        if correction.needs is not None:
            parts.append(f"*{_plain(correction.label)}*: first confirm {_plain(correction.needs)}.")
    if finding.draft:
        parts.append(finding.draft)
    return "\n\n".join(parts)


def _cited(cited: Citation) -> str:
    """A source as a Markdown link where its address is safe to follow."""
    title = _plain(cited.title)
    linked = (
        f"[{title}]({cited.url})" if cited.url.startswith("https://") and not set("() <>") & set(cited.url) else title
    )
    return f"{linked} ({cited.in_force})"


def _plain(text: str) -> str:
    """Text in which nothing is taken for Markdown or HTML."""
    return "".join(f"\\{character}" if character in "\\`*_[]<>#|" else character for character in text)


def _about(case: Case | None, resource: str) -> str:
    """What a person calls the claim or order: its services and its day."""
    if case is None:
        return resource
    if isinstance(case, OrderCase):
        service = named(case.facts, case.procedure, case.day) if case.procedure else next(iter(case.words), "a service")
        return f"the order for {service} of {case.day}"
    services = listed(list(dict.fromkeys(named(case.facts, line.code, line.day) for line in case.lines if line.code)))
    days = sorted({str(line.day) for line in case.lines if line.day is not None})
    return "the claim" + (f" for {services}" if services else "") + (f" of {listed(days)}" if days else "")


def _source(topic: str, case: Case | None) -> Json:
    """The payer, as its coverage calls it: it is by its rules that the finding stands."""
    label = LABEL if case is None else case.payer_name or case.payer_title or LABEL
    return {"label": _cut(label, LONGEST_LABEL), "topic": {"system": TOPICS, "code": topic}}


# --- suggestions ----------------------------------------------------------------------------------------


def _suggestions(report: Report, findings: list[Finding], new_id: Callable[[], str]) -> Iterator[tuple[Json, str]]:
    """Each suggestion with the rule that it is for. At most one is recommended: the certain ones, together."""
    sure = [finding for finding in findings if any(correction.certain for correction in finding.corrections)]
    together = report.corrected.get(findings[0].resource) if len(sure) > 1 else None
    if together is not None:
        label = "Make all corrections that need nobody's judgement"
        yield _suggestion(label, "update", findings[0].resource, together, new_id, recommended=True), sure[0].rule
    for finding in findings:
        for correction in finding.corrections:
            recommended = (
                together is None and finding is (sure[0] if sure else None) and correction is _first_sure(finding)
            )
            content = report.corrected_by(finding, correction)
            suggestion = _suggestion(
                correction.label, "update", finding.resource, content, new_id, recommended=recommended
            )
            yield suggestion, finding.rule
        if finding.document is not None:
            label = "File the draft to be finished"
            yield _suggestion(label, "create", "", finding.document, new_id, recommended=False), finding.rule


def _first_sure(finding: Finding) -> Correction | None:
    return next((correction for correction in finding.corrections if correction.certain), None)


def _suggestion(
    label: str, action: str, resource: str, content: Json, new_id: Callable[[], str], *, recommended: bool
) -> Json:
    suggestion: Json = {
        "label": label,
        "uuid": new_id(),
        "actions": [
            {"type": action, "description": f"{label} ({resource})" if resource else label, "resource": content}
        ],
    }
    return {**suggestion, "isRecommended": True} if recommended else suggestion


def _selection(suggestions: list[Json]) -> str:
    """Whole resources exclude each other: of several that replace the same one, the last would win."""
    updates = sum(suggestion["actions"][0]["type"] == "update" for suggestion in suggestions)
    return "any" if updates == 1 and len(suggestions) > 1 else "at-most-one"
