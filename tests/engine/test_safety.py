"""No correction is called certain that takes a service off, raises what is charged, or drops what keeps two apart."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from fhir_massage import review
from fhir_massage.case.claim import claim_case
from fhir_massage.case.record import Record
from fhir_massage.case.seen import Line
from fhir_massage.edit.finding import Correction
from fhir_massage.engine.safety import made_safe
from fhir_massage.facts.book import shipped
from fhir_massage.read.read import read
from fhir_massage.read.references import Index
from fhir_massage.synthetic.dataset import DataSet
from fhir_massage.synthetic.files import write_data_set
from tests.claims import Json

DISTINCT = frozenset({"59", "XE", "XP", "XS", "XU"})


def _line(units: int | None = 1, net: str | None = "58.00", *modifiers: str, price: str | None = None) -> Line:
    item = {
        "sequence": 1,
        "productOrService": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "97140"}]},
        "modifier": [{"coding": [{"code": code}]} for code in modifiers],
    }
    if units is not None:
        item["quantity"] = {"value": units}
    if net is not None:
        item["net"] = {"value": Decimal(net)}
    if price is not None:
        item["unitPrice"] = {"value": Decimal(price)}
    return _lines(item)[0]


def _lines(*items: Json) -> tuple[Line, ...]:
    arrival = read({"resourceType": "Claim", "item": list(items)})
    facts, index, day = shipped(), Index(arrival.entries), date(2026, 11, 20)
    record = Record(facts, index, arrival.entries, day)
    return claim_case(facts, index, arrival.entries[0], record, day).lines


@pytest.mark.parametrize(
    ("before", "after", "safe"),
    [
        ([_line(2)], [_line(1)], True),
        ([_line(1)], [_line(2)], False),
        ([_line(None)], [_line(1)], True),
        ([_line(None)], [_line(2)], False),
        ([_line(1), _line(1)], [_line(1)], False),
        ([_line(1, "50.00")], [_line(1, "58.00")], False),
        ([_line(1, "58.00")], [_line(1, "50.00")], True),
        ([_line(1, None, price="50.00")], [_line(1, "58.00", price="50.00")], False),
        ([_line(1, "58.00", price="50.00")], [_line(1, "58.00", price="58.00")], False),
        ([_line(1, "58.00", "59")], [_line(1, "58.00")], False),
        ([_line(1, "58.00", "59", "XS")], [_line(1, "58.00", "XS")], True),
        ([_line(1, "58.00", "59", "XS")], [_line(1, "58.00", "59")], False),
        ([_line(1, "58.00", "XE", "XS")], [_line(1, "58.00", "XS")], False),
        ([_line(1, "58.00", "GP", "GP")], [_line(1, "58.00", "GP")], True),
    ],
)
def test_what_may_be_called_certain(before: list[Line], after: list[Line], safe: bool) -> None:
    assert made_safe(Correction("change", ()), before, after, DISTINCT).certain is safe


@pytest.mark.parametrize(("unit", "value"), [("min", 30), ("h", 0.5)])
def test_a_time_that_becomes_units_raises_none(unit: str, value: float) -> None:
    quantity = {"value": value, "system": "http://unitsofmeasure.org", "code": unit}
    before = _lines({"sequence": 1, "quantity": quantity, "net": {"value": 58}})
    assert made_safe(Correction("change", ()), before, [_line(2)], DISTINCT).certain


def test_what_asks_for_a_confirmation_keeps_its_own_words() -> None:
    asked = Correction("change", (), "the record")
    assert made_safe(asked, [_line()], [], DISTINCT) == asked


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_certain_corrections_together_take_nothing_off_and_charge_no_more(seed: int, tmp_path: Path) -> None:
    """Claims broken in each known way, several a data set."""
    write_data_set(DataSet(shipped(), 150, seed, 0.8), tmp_path)
    entries = [
        {"resource": json.loads(text)}
        for file in sorted(tmp_path.glob("*.ndjson"))
        if file.name != "answers.ndjson"
        for text in file.read_text().splitlines()
    ]
    report = review(
        json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}), on=date(2026, 11, 20)
    )
    came = {f"Claim/{e['resource']['id']}": e["resource"] for e in entries if e["resource"]["resourceType"] == "Claim"}
    changed = {name: after for name, after in report.corrected.items() if name in came}
    assert changed
    for name, after in changed.items():
        before = came[name]
        assert len(after["item"]) == len(before["item"]), name
        for old, new in zip(before["item"], after["item"], strict=True):
            assert _net(new) <= _net(old), name
            assert not (_distinct(old) and not _distinct(new)), name


def _net(item: Json) -> Decimal:
    return Decimal(str(item["net"]["value"])) if "net" in item else Decimal(0)


def _distinct(item: Json) -> set[str]:
    return {c["code"] for m in item.get("modifier", []) for c in m.get("coding", []) if c.get("code") in DISTINCT}
