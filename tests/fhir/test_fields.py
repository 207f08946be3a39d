"""Elements of a claim as a person types them: what changes, what follows, what is refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from fhir_massage.edit.fields import BadField, change_head, change_line
from tests.claims import claim, line, resource

Json = dict[str, Any]


def a_claim(**line_options: Any) -> Json:
    return resource(claim(line("97140", units=2, minutes=30, **line_options), line("97110", units=1)), "Claim")


def test_units_bring_the_net_and_the_total_along() -> None:
    after = change_line(a_claim(), 0, "units", "1")
    assert after["item"][0]["quantity"]["value"] == 1
    assert float(after["item"][0]["net"]["value"]) == 58.0
    assert float(after["total"]["value"]) == 116.0


def test_a_charge_is_the_price_times_the_units() -> None:
    after = change_line(a_claim(), 0, "charge", "$120.00")
    assert float(after["item"][0]["unitPrice"]["value"]) == 60.0
    assert float(after["total"]["value"]) == 178.0


def test_a_code_keeps_what_other_systems_say() -> None:
    before = a_claim()
    snomed = {"system": "http://snomed.info/sct", "code": "387854002"}
    before["item"][0]["productOrService"]["coding"].append(snomed)
    after = change_line(before, 0, "code", "g0283")
    assert [c["code"] for c in after["item"][0]["productOrService"]["coding"]] == ["G0283", "387854002"]
    assert "HCPCS" in after["item"][0]["productOrService"]["coding"][0]["system"]


def test_modifiers_come_and_go() -> None:
    with_two = change_line(a_claim(), 0, "modifiers", "gp, 59")
    assert [m["coding"][0]["code"] for m in with_two["item"][0]["modifier"]] == ["GP", "59"]
    assert "modifier" not in change_line(with_two, 0, "modifiers", " ")["item"][0]


def test_pointers_are_letters_of_the_diagnoses() -> None:
    before = resource(claim(line("97140"), diagnoses=("M54.2", "M62.830")), "Claim")
    assert change_line(before, 0, "pointers", "AB")["item"][0]["diagnosisSequence"] == [1, 2]
    assert change_line(before, 0, "pointers", "b")["item"][0]["diagnosisSequence"] == [2]
    with pytest.raises(BadField, match="there is no diagnosis C"):
        change_line(before, 0, "pointers", "C")


def test_minutes_go_where_they_were_read() -> None:
    said = change_line(a_claim(), 0, "minutes", "40")
    assert said["supportingInfo"][0]["valueQuantity"]["value"] == 40
    clock = change_line(a_claim(at=("10:00", "10:30")), 0, "minutes", "45")
    assert clock["item"][0]["servicedPeriod"]["end"] == "2026-11-02T10:45:00-05:00"
    none = resource(claim(line("97140", minutes=None)), "Claim")
    added = change_line(none, 0, "minutes", "15")
    assert added["item"][0]["informationSequence"] == [added["supportingInfo"][0]["sequence"]]


def test_minutes_that_two_lines_share_change_for_one_only() -> None:
    before = a_claim()
    before["item"][1]["informationSequence"] = [1]
    after = change_line(before, 0, "minutes", "40")
    assert after["supportingInfo"][0] == before["supportingInfo"][0]
    assert after["item"][1] == before["item"][1]
    assert after["supportingInfo"][-1]["valueQuantity"]["value"] == 40


def test_a_date_moves_the_clock_along() -> None:
    after = change_line(a_claim(at=("10:00", "10:30")), 0, "date", "2026-11-05")
    assert after["item"][0]["servicedPeriod"]["start"] == "2026-11-05T10:00:00-05:00"
    assert change_line(a_claim(), 0, "date", "2026-11-05")["item"][0]["servicedDate"] == "2026-11-05"


def test_diagnoses_keep_their_sequences() -> None:
    before = resource(claim(line("97140"), diagnoses=("M54.2", "M62.830")), "Claim")
    swapped = change_head(before, "diagnoses", "M54.2 M54.50")
    assert [d["sequence"] for d in swapped["diagnosis"]] == [1, 2]
    more = change_head(before, "diagnoses", "M54.2 m62830 M99.01")
    assert [d["sequence"] for d in more["diagnosis"]] == [1, 2, 3]


def test_an_authorization_goes_on_the_focal_insurance() -> None:
    after = change_head(a_claim(), "authorization", "VA123")
    assert after["insurance"][0]["preAuthRef"] == ["VA123"]
    assert "preAuthRef" not in change_head(after, "authorization", "")["insurance"][0]


@pytest.mark.parametrize(
    ("field", "typed"),
    [("date", "tomorrow"), ("code", "9714"), ("units", "many"), ("units", "-1"), ("minutes", ""), ("charge", "free")],
)
def test_what_cannot_stand_there_is_refused(field: str, typed: str) -> None:
    before = a_claim()
    kept = copy.deepcopy(before)
    with pytest.raises(BadField, match=field):
        change_line(before, 0, field, typed)
    assert before == kept
