"""The quick ways through a review find what the slow way finds: every rule asked of every case, all read anew."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from fhir_massage.case.record import Record
from fhir_massage.case.seen import ClaimCase
from fhir_massage.engine.effort import Effort
from fhir_massage.engine.prove import Review, Told
from fhir_massage.engine.run import review, under_review
from fhir_massage.engine.silence import speaking
from fhir_massage.facts.book import shipped
from fhir_massage.read.read import encode, read
from fhir_massage.read.references import Index
from fhir_massage.rules import LOOKED_AT, rules_for, rules_within
from tests.claims import Json, with_claim

ROOT = Path(__file__).parents[2]
ON = date(2026, 11, 10)
FILES = sorted(
    [*(ROOT / "examples" / "claims").glob("*.json"), *(ROOT / "fhir_massage/rules/examples").rglob("*.json")]
)
#: Fields that name a line or its place, that are worked out from others, or that are told by the policy.
OF_NO_WEIGHT = frozenset(
    {"facts", "lines", "encounters", "memo", "today", "element", "index", "sequence", "read_json", "payer_title"}
    | {"provider", "payer_class", "named", "words", "codes", "conditions", "procedure"}
)
#: What single rules read besides, for the words of a finding or of a correction.
TOLD_OF = {
    "ptp-modifier-missing": {"diagnoses"},
    "duplicate-line": {"net", "unit_price", "minutes_from"},
    "minutes-overlap": {"minutes_from"},
}


def reviews(content: bytes | dict[str, Any]) -> Iterator[Review]:
    arrival, facts = read(content), shipped()
    index = Index(arrival.entries)
    record = Record(facts, index, arrival.entries, ON)
    for entry in under_review(arrival.entries, index, facts=facts, on=ON):
        if entry.kind == "Claim":
            yield Review(facts, index, entry, record, ON, effort=Effort(1))


def found_by(rules: Any, case: ClaimCase) -> list[tuple[str, str]]:
    case.memo.clear()
    return [(rule.id, found.element) for rule in rules for found in rule.check(case)]


def keyed(told: list[Told]) -> Counter[tuple[str, str, bool]]:
    return Counter((each.rule.id, each.key, each.is_error) for each in told)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_rules_passed_over_have_nothing_to_say(file: Path) -> None:
    for each in reviews(file.read_bytes()):
        assert isinstance(each.case, ClaimCase)
        assert found_by(speaking(each.case, []), each.case) == found_by(rules_for("claim"), each.case)


def proved_alike(each: Review) -> None:
    """Every correction, proved the quick way, leaves what it leaves where all is read and asked anew."""
    for told in each._told:
        assert told.rule.within == "claim" or told.line is not None
        for correction in told.found.corrections:
            change, slow = each._change(correction.edits), each._after(correction.edits)
            assert change is not None and slow is not None
            gone, come = change
            assert keyed(each._told) - keyed(gone) + keyed(come) == keyed(slow._told)
            assert isinstance(slow.case, ClaimCase)
            assert [(t.rule.id, t.found.element) for t in slow._told] == found_by(rules_for("claim"), slow.case)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_correction_is_proved_as_if_all_were_read_and_asked_anew(file: Path) -> None:
    for each in reviews(file.read_bytes()):
        proved_alike(each)


def test_lines_of_all_examples_on_one_claim_are_met_as_the_slow_way_meets_them() -> None:
    """Lines that speak, and lines that do not, side by side and in either order."""
    claims = [json.loads(encode(each.entry.json())) for file in FILES for each in reviews(file.read_bytes())]
    template = json.loads((ROOT / "examples/claims/medicare-physical-therapist-without-gp.json").read_bytes())
    for first in claims[::3]:
        for second in claims[::7]:
            claim = {**first, "item": [*first.get("item", []), *second.get("item", [])]}
            for each in reviews(with_claim(template, claim)):
                assert isinstance(each.case, ClaimCase)
                assert found_by(speaking(each.case, []), each.case) == found_by(rules_for("claim"), each.case)
                proved_alike(each)


@pytest.mark.parametrize("scope", ["line", "encounter"])
def test_a_rule_decides_by_nothing_but_what_is_looked_at(scope: Any) -> None:
    looked_at = {part for name in LOOKED_AT[scope] for part in name.split(".")}
    looked_at.add("day")
    if scope == "encounter":
        looked_at |= {"policy"}
    for rule in rules_within(scope):
        fields = {name for name in rule.reads if not name.startswith("/")}
        assert fields - looked_at - OF_NO_WEIGHT - TOLD_OF.get(rule.id, set()) == set()


def test_what_a_rule_reads_is_seen_through_the_functions_it_calls() -> None:
    reads = {rule.id: rule.reads for rule in rules_for("claim")}
    assert {"regions", "modifiers", "start"} <= reads["ptp-same-region"]  # by way of _pairs, _met and _state
    assert {"net", "unit_price"} <= reads["timely-filing-exceeded"]  # by way of the property charge
    assert "modifiers" not in reads["units-exceed-minutes"]
    assert {"read_json", "/detail"} <= reads["charge-mismatch"]  # by way of _has_details, from the JSON itself
    assert "/modifier" not in reads["charge-mismatch"]


def test_a_rule_is_asked_again_on_another_day_of_review() -> None:
    content = (ROOT / "examples/claims/medicare-physical-therapist-without-gp.json").read_bytes()
    assert {f.rule for f in review(content, on=date(2026, 11, 2)).findings} == {
        f.rule for f in review(content, on=ON).findings
    }
    assert "service-date-invalid" in {f.rule for f in review(content, on=date(2024, 1, 1)).findings}


def times(content: bytes, *moments: tuple[str, str]) -> Json:
    """The example with a period with times on each of its lines."""
    bundle: Json = json.loads(content)
    bill = next(entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Claim")
    first = bill["item"][0]
    bill["item"] = []
    for position, (start, end) in enumerate(moments):
        item = copy.deepcopy(first) | {"sequence": position + 1, "servicedPeriod": {"start": start, "end": end}}
        item.pop("servicedDate", None)
        bill["item"].append(item)
    return bundle


def learned_of(bundle: Json) -> int:
    """How many lines and encounters of the claim were like none before."""
    before = len(shipped().remembered)
    list(reviews(json.dumps(bundle).encode()))
    return len(shipped().remembered) - before


def test_an_encounter_at_another_hour_is_remembered_and_one_whose_times_lie_otherwise_is_not() -> None:
    content = (ROOT / "examples/claims/medicare-physical-therapist-without-gp.json").read_bytes()
    shipped().remembered.clear()
    morning = times(
        content, ("2026-11-02T09:00:00Z", "2026-11-02T09:30:00Z"), ("2026-11-02T09:30:00Z", "2026-11-02T10:00:00Z")
    )
    evening = times(
        content, ("2026-11-02T17:00:00Z", "2026-11-02T17:30:00Z"), ("2026-11-02T17:30:00Z", "2026-11-02T18:00:00Z")
    )
    overlap = times(
        content, ("2026-11-02T09:00:00Z", "2026-11-02T09:30:00Z"), ("2026-11-02T09:15:00Z", "2026-11-02T09:45:00Z")
    )
    without_zone = times(
        content, ("2026-11-02T09:00:00Z", "2026-11-02T09:30:00Z"), ("2026-11-02T09:30:00", "2026-11-02T10:00:00")
    )
    assert learned_of(morning) == 2, "the line, which stands there twice, and the encounter"
    assert learned_of(evening) == 0
    assert learned_of(overlap) == 1
    assert learned_of(without_zone) == 1
    assert "minutes-overlap" in {finding.rule for finding in review(json.dumps(overlap).encode(), on=ON).findings}
