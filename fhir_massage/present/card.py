"""A report as CDS Hooks cards: one for each resource and topic, and none for a correct claim."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fhir_massage.errors import Unreadable
from fhir_massage.model.finding import Citation, Correction, Finding
from fhir_massage.present.finding import as_json
from fhir_massage.present.outcome import reason
from fhir_massage.review.report import Report
from fhir_massage.rules import rule_by_id

Json = dict[str, Any]
TOPICS = "http://terminology.hl7.org/CodeSystem/cdshooks-card-type"
LABEL = "fhir_massage"
LONGEST_SUMMARY = 139
_INDICATORS = {"error": "critical", "warning": "warning", "information": "info"}
_GRAVITY = {"error": 0, "warning": 1, "information": 2}

OVERRIDE_REASONS = (
    ("documented", "The record documents what the claim does not show"),
    ("payer-agreed", "The payer has agreed otherwise for this patient"),
    ("will-correct", "It will be corrected elsewhere"),
    ("not-applicable", "The finding does not fit this claim"),
)


def cards(report: Report, new_id: Callable[[], str]) -> list[Json]:
    """The cards of a report. ``new_id`` gives each card and suggestion its UUID.

    A finding makes a card where it is an error or a warning, or offers something to do.
    """
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in report.findings:
        if finding.severity != "information" or finding.corrections or finding.draft:
            groups.setdefault((finding.resource, rule_by_id(finding.rule).topic), []).append(finding)
    made = [_card(report, topic, findings, new_id) for (_, topic), findings in groups.items()]
    unread = [error for error in report.unread if not (error.place or "").startswith("prefetch")]
    if unread:
        made.append(_unread_card(unread, new_id))
    return sorted(made, key=lambda card: list(_INDICATORS.values()).index(card["indicator"]))


def _card(report: Report, topic: str, findings: list[Finding], new_id: Callable[[], str]) -> Json:
    findings = sorted(findings, key=lambda finding: _GRAVITY[finding.severity])
    gravest = findings[0]
    suggestions = [
        _suggestion(report, finding, correction, new_id) for finding in findings for correction in finding.corrections
    ]
    suggestions += [_document(finding, new_id) for finding in findings if finding.document is not None]
    card: Json = {
        "uuid": new_id(),
        "summary": _summary(findings),
        "detail": "\n\n".join(_detail(finding) for finding in findings),
        "indicator": _INDICATORS[gravest.severity],
        "source": _source(gravest, topic),
        "overrideReasons": [
            {"code": code, "system": "urn:fhir-massage:override", "display": words} for code, words in OVERRIDE_REASONS
        ],
        "extension": {
            "fhir-massage.finding": as_json(gravest),
            "fhir-massage.findings": [as_json(finding) for finding in findings],
        },
    }
    if suggestions:
        card["suggestions"] = suggestions
        card["selectionBehavior"] = "at-most-one"
    links = {c.url: c.title for finding in findings for c in finding.citations if c.url.startswith("https://")}
    if links:
        card["links"] = [{"label": title, "url": url, "type": "absolute"} for url, title in links.items()]
    return card


def _unread_card(unread: list[Unreadable], new_id: Callable[[], str]) -> Json:
    """The card that says what was not checked. A bad prefetch is no matter of the user's and makes none."""
    what = "A resource" if len(unread) == 1 else f"{len(unread)} resources"
    return {
        "uuid": new_id(),
        "summary": f"{what} could not be read, so what it says was not checked.",
        "detail": "\n".join(f"- `{error.place or 'the request'}`: {_plain(error.reason)}" for error in unread),
        "indicator": "warning",
        "source": {"label": LABEL, "topic": {"system": TOPICS, "code": "claim"}},
    }


def _summary(findings: list[Finding]) -> str:
    text = findings[0].message
    if len(findings) > 1:
        more = f" (and {len(findings) - 1} more)"
        return _cut(text, LONGEST_SUMMARY - len(more)) + more
    return _cut(text, LONGEST_SUMMARY)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1].rsplit(' ', 1)[0]}…"


def _detail(finding: Finding) -> str:
    parts = [f"**{_plain(finding.message)}**"]
    facts = [f"Element: `{finding.expression[0]}` of {_plain(finding.resource)}"]
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
    return f"{linked} (in force since {cited.effective})"


def _plain(text: str) -> str:
    """Text in which nothing is taken for Markdown or HTML."""
    return "".join(f"\\{character}" if character in "\\`*_[]<>#|" else character for character in text)


def _source(finding: Finding, topic: str) -> Json:
    source: Json = {"label": LABEL, "topic": {"system": TOPICS, "code": topic}}
    url = next((cited.url for cited in finding.citations if cited.url.startswith("https://")), None)
    return {**source, "url": url} if url else source


def _suggestion(report: Report, finding: Finding, correction: Correction, new_id: Callable[[], str]) -> Json:
    suggestion: Json = {
        "label": correction.label,
        "uuid": new_id(),
        "actions": [
            {
                "type": "update",
                "description": f"{correction.label} ({finding.resource})",
                "resource": report.corrected_by(finding, correction),
            }
        ],
    }
    if correction.certain:
        suggestion["isRecommended"] = True
    return suggestion


def _document(finding: Finding, new_id: Callable[[], str]) -> Json:
    """The suggestion that files a finding's draft as a document, for a person to finish."""
    label = "File the draft to be finished"
    return {
        "label": label,
        "uuid": new_id(),
        "actions": [{"type": "create", "description": label, "resource": finding.document}],
    }
