"""The quick ways through a review find what the slow way finds: every rule asked of every case, all read anew."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from operator import attrgetter
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from fhir_massage.case.record import Record
from fhir_massage.case.seen import ClaimCase
from fhir_massage.edit.finding import Found
from fhir_massage.engine.ask import ask, ask_rule
from fhir_massage.engine.effort import Effort
from fhir_massage.engine.prove import Review, Told
from fhir_massage.engine.run import review, under_review
from fhir_massage.facts.book import shipped
from fhir_massage.read.read import encode, read
from fhir_massage.read.references import Index
from fhir_massage.rules import all_rules, registry, rules_for
from fhir_massage.rules.kinds import passed_over
from fhir_massage.rules.parts import Part
from fhir_massage.rules.scopes import AnyLine, decides_by, line_of
from tests.claims import with_claim

ROOT = Path(__file__).parents[2]
ON = date(2026, 11, 10)
FILES = sorted(
    [*(ROOT / "examples" / "claims").glob("*.json"), *(ROOT / "fhir_massage/rules/examples").rglob("*.json")]
)


def reviews(content: bytes | dict[str, Any]) -> Iterator[Review]:
    arrival, facts = read(content), shipped()
    index = Index(arrival.entries)
    record = Record(facts, index, arrival.entries, ON)
    for entry in under_review(arrival.entries, index, facts=facts, on=ON):
        if entry.kind == "Claim":
            yield Review(facts, index, entry, record, ON, effort=Effort(1))


def found_by_all(case: ClaimCase) -> Counter[tuple[str, str]]:
    """What every rule for that kind of claim finds, each asked of everything, with nothing remembered."""
    rules = [rule for rule in rules_for("claim") if rule.id not in passed_over(case)]
    return Counter((rule.id, found.element) for rule in rules for found in ask_rule(rule, case))


def found_by_review(case: ClaimCase) -> Counter[tuple[str, str]]:
    """What a review finds, asked twice, so that the second time everything is remembered."""
    once, again = (Counter((rule.id, found.element) for rule, found in ask(case, [])) for _ in range(2))
    assert once == again
    return once


def keyed(told: list[Told]) -> Counter[tuple[str, str, bool]]:
    return Counter((each.rule.id, each.key, each.is_error) for each in told)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_rules_passed_over_have_nothing_to_say(file: Path) -> None:
    for each in reviews(file.read_bytes()):
        assert isinstance(each.case, ClaimCase)
        assert found_by_review(each.case) == found_by_all(each.case)


def proved_alike(each: Review) -> None:
    """Every correction, proved the quick way, leaves what it leaves where all is read and asked anew."""
    for told in each._told:
        assert told.rule.scope in ("claim", *get_args(Part)) or told.line is not None
        for correction in told.found.corrections:
            change, slow = each._change(correction.edits), each._after(correction.edits)
            assert change is not None and slow is not None
            gone, come = change.gone, change.come
            assert keyed(each._told) - keyed(gone) + keyed(come) == keyed(slow._told)
            assert isinstance(slow.case, ClaimCase)
            assert Counter((t.rule.id, t.found.element) for t in slow._told) == found_by_all(slow.case)


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
                assert found_by_review(each.case) == found_by_all(each.case)
                proved_alike(each)


def test_what_a_rule_on_lines_can_decide_by_is_all_that_a_line_shows_it() -> None:
    """Whatever field is added to a line, what is remembered is kept apart by it."""
    (each,) = reviews((ROOT / "examples/claims/medicare-physical-therapist-without-gp.json").read_bytes())
    assert isinstance(each.case, ClaimCase)
    line = line_of(each.case, each.case.lines[0])
    for name in AnyLine.__struct_fields__:
        if not name.startswith("_"):
            assert decides_by(msgspec.structs.replace(line, **{name: object()})) != decides_by(line), name


def test_a_rule_is_asked_again_on_another_day_of_review() -> None:
    content = (ROOT / "examples/claims/medicare-physical-therapist-without-gp.json").read_bytes()
    assert {f.rule for f in review(content, on=date(2026, 11, 2)).findings} == {
        f.rule for f in review(content, on=ON).findings
    }
    assert "service-date-invalid" in {f.rule for f in review(content, on=date(2024, 1, 1)).findings}


# --- a rule of one's own, however it is written ------------------------------------------------------------

PAGE = "What it checks\na\nWhy it is denied\nb\nWhat to do\nc\nSource\nd"


@pytest.fixture
def own_rules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Rules that a test registers are gone after it."""
    all_rules()
    monkeypatch.setattr(registry, "_rules", dict(registry._rules))
    yield
    registry.rules_for.cache_clear()


def charged(dollars: int) -> bytes:
    """The clean claim with that net charge on its first line."""
    bundle = json.loads((ROOT / "bench" / "clean.json").read_bytes())
    claim = next(entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Claim")
    claim["item"][0]["net"]["value"] = dollars
    return json.dumps(bundle).encode()


def rules_found(content: bytes) -> set[str]:
    return {finding.rule for finding in review(content, on=ON).findings}


@pytest.mark.usefixtures("own_rules")
def test_a_claim_gets_the_same_findings_whatever_was_reviewed_before() -> None:
    def dear(case: ClaimCase) -> Iterator[Found]:
        for line in case.lines:
            if line.net is not None and line.net > 60:
                yield Found(line.element, "dear")

    review(charged(58), on=ON)
    dear.__doc__ = PAGE
    registry.claim_rule("acme-dear", family="claim", severity="error", title="Dear")(dear)
    assert "acme-dear" not in rules_found(charged(58))
    assert "acme-dear" in rules_found(charged(158))
    shipped().remembered.clear()
    assert "acme-dear" in rules_found(charged(158))


@pytest.mark.usefixtures("own_rules")
def test_a_rule_on_lines_that_is_added_later_is_asked_of_lines_that_were_met_before() -> None:
    def any_line(line: AnyLine) -> Iterator[Found]:
        yield line.find("", "seen")

    review(charged(58), on=ON)
    any_line.__doc__ = PAGE
    registry.any_line_rule("acme-any", family="claim", severity="information", title="Any")(any_line)
    assert "acme-any" in rules_found(charged(58))


def by_pattern(case: ClaimCase) -> bool:
    match case:
        case ClaimCase(total=total) if total is not None and total < 300:
            return True
    return False


def by_getter(case: ClaimCase) -> bool:
    return bool(attrgetter("total")(case) < 300)


def by_name(case: ClaimCase) -> bool:
    return bool(getattr(case, "".join(["to", "tal"])) < 300)


@pytest.mark.usefixtures("own_rules")
@pytest.mark.parametrize("is_small", [by_pattern, by_getter, by_name])
def test_a_correction_that_brings_a_new_error_is_not_shown_however_the_rule_is_written(
    is_small: Callable[[ClaimCase], bool],
) -> None:
    """``units-exceed-minutes`` offers fewer units, and so a smaller total, which is an error by the rule."""
    content = (ROOT / "fhir_massage/rules/examples/units-exceed-minutes/bad.json").read_bytes()

    def offered() -> list[str]:
        findings = review(content, on=ON).findings
        return [c.label for finding in findings if finding.rule == "units-exceed-minutes" for c in finding.corrections]

    (before,) = reviews(content)
    assert isinstance(before.case, ClaimCase) and before.case.total is not None
    least = before.case.total
    assert offered()

    def small(case: ClaimCase) -> Iterator[Found]:
        if is_small(msgspec.structs.replace(case, total=(case.total or 0) - least + 300)):
            yield Found("Claim.total", "small")

    small.__doc__ = PAGE
    registry.claim_rule("acme-small", family="claim", severity="error", title="Small")(small)
    assert not offered()
