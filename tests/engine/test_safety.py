"""No correction is called certain that takes a service off, raises what is charged, or drops what keeps two apart."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from fhir_massage import review
from fhir_massage.edit.finding import Correction
from fhir_massage.engine.safety import made_safe
from fhir_massage.facts.book import shipped
from fhir_massage.synthetic.dataset import DataSet
from fhir_massage.synthetic.files import write_data_set
from tests.claims import Json

DISTINCT = frozenset({"59", "XE", "XP", "XS", "XU"})


def _item(units: int = 1, net: str = "58.00", *modifiers: str) -> Json:
    return {
        "quantity": {"value": units},
        "net": {"value": Decimal(net)},
        "modifier": [{"coding": [{"code": code}]} for code in modifiers],
    }


@pytest.mark.parametrize(
    ("before", "after", "safe"),
    [
        ([_item(2)], [_item(1)], True),
        ([_item(1)], [_item(2)], False),
        ([_item(1), _item(1)], [_item(1)], False),
        ([_item(1, "50.00")], [_item(1, "58.00")], False),
        ([_item(1, "58.00")], [_item(1, "50.00")], True),
        ([_item(1, "58.00", "59")], [_item(1, "58.00")], False),
        ([_item(1, "58.00", "59", "XS")], [_item(1, "58.00", "XS")], True),
        ([_item(1, "58.00", "GP", "GP")], [_item(1, "58.00", "GP")], True),
    ],
)
def test_what_may_be_called_certain(before: list[Json], after: list[Json], safe: bool) -> None:
    kept = made_safe(Correction("change", ()), {"item": before}, {"item": after}, DISTINCT)
    assert kept.certain is safe


def test_what_asks_for_a_confirmation_keeps_its_own_words() -> None:
    asked = Correction("change", (), "the record")
    assert made_safe(asked, {"item": [_item()]}, {"item": []}, DISTINCT) == asked


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
