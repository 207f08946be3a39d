"""What was billed before, read once for all the claims of an arrival."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from fhir_massage.fhir.history import _Bill
from tests.claims import Json, claim, line, resource, reviewed


def many(number: int) -> Json:
    """Claims of one patient, a day each, under one referral, each with a wrong total that is put right."""
    content = claim(line("97124"), profession="massage-therapist")
    resource(content, "ServiceRequest").update(quantityQuantity={"value": 60}, authoredOn="2026-10-01")
    del resource(content, "ServiceRequest")["occurrencePeriod"]
    first = resource(content, "Claim")
    first["total"]["value"] = 1
    for each in range(1, number):
        another = copy.deepcopy(first)
        another["id"] = f"c{each + 1}"
        another["item"][0]["servicedDate"] = f"2026-10-{each + 1:02}"
        content["entry"].append({"resource": another})
    return content


def test_each_claim_is_read_once_however_many_are_reviewed(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Any] = []
    read_lines = _Bill._read_lines

    def counted(self: _Bill) -> Any:
        reads.append(self)
        return read_lines(self)

    monkeypatch.setattr(_Bill, "_read_lines", counted)
    report = reviewed(many(20))
    assert len(report.claims) == 20
    wrong = [finding for finding in report.findings if finding.severity == "error"]
    assert [finding.rule for finding in wrong] == ["charge-mismatch"] * 20
    assert all(finding.corrections for finding in wrong), "each proved by a further review"
    assert len(reads) == 20
