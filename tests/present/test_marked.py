"""A resource's JSON with its findings marked at their elements."""

from __future__ import annotations

import json

from fhir_massage.present.claim import in_order
from fhir_massage.present.ehr import drawn_cards
from fhir_massage.present.marked import LONGEST, differences, marked_json
from tests.claims import claim, line, resource, reviewed


def test_the_json_is_the_resource_line_by_line() -> None:
    content = resource(claim(line("97140", units=3, minutes=22)), "Claim")
    written = marked_json(content, ())
    assert json.loads("\n".join(each.text for each in written)) == content
    assert [each.number for each in written] == list(range(1, len(written) + 1))


def test_a_finding_marks_its_element_or_what_should_hold_it() -> None:
    bundle = claim(line("97140", units=3, minutes=22), payer="medicare-part-b")
    report = reviewed(bundle)
    written = marked_json(resource(bundle, "Claim"), in_order(report.findings))
    texts = {mark.finding.rule: each.text.strip() for each in written for mark in each.marks}
    assert texts["units-exceed-minutes"] == '"quantity": {'
    assert texts["therapy-modifier-missing"] == "{", "the line, as it has no modifier"


def test_of_a_long_resource_only_what_is_about_the_marks_is_shown() -> None:
    bundle = claim(*(line("97140", day=f"2026-10-{1 + n % 28:02d}", units=2 if n == 70 else 1, modifiers=("76",))
                     for n in range(100)))  # fmt: skip
    report = reviewed(bundle)
    content = resource(bundle, "Claim")
    written = marked_json(content, [m for m in in_order(report.findings) if m.finding.rule == "units-exceed-minutes"])
    assert len(written) < 50
    whole = len(marked_json(content, ())) if len(json.dumps(content, indent=2).splitlines()) < LONGEST else None
    assert whole is None
    assert sum(each.left_out or 1 for each in written) == len(json.dumps(content, indent=2).splitlines())


def test_a_correction_tells_what_it_changes() -> None:
    bundle = claim(line("97140", units=3, minutes=22), payer="commercial")
    (finding,) = reviewed(bundle).findings
    told = {d.element: (d.before, d.after) for d in differences(resource(bundle, "Claim"), finding.corrections[0])}
    assert told["Line 1, units"] == ("3", "1")


def test_cards_of_any_service_are_drawn_whatever_they_hold() -> None:
    answer = {"cards": ["no card", {"summary": 3, "indicator": "loud", "links": [{"label": "x", "url": "javascript:1"}],
                                    "suggestions": [None, {"label": "Do", "actions": "all"}]}]}  # fmt: skip
    (card,) = drawn_cards(answer)
    assert (card.summary, card.indicator, card.links) == ("", "info", ())
    assert [each.label for each in card.suggestions] == ["Do"]
    assert drawn_cards(None) == []
