"""What was billed before, read once for all the claims of an arrival."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from fhir_massage.case.history import _Bill
from fhir_massage.engine.run import review_arrival
from fhir_massage.facts.book import shipped
from fhir_massage.read.read import encode, read
from tests.claims import TODAY, Json, bundle, claim, line, resource, reviewed


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


def test_a_copy_of_the_claim_that_came_another_way_is_no_other_bill() -> None:
    """As where the order being signed is prefetched too, as the EHR last kept it."""
    content = claim(line("97124"), profession="massage-therapist")
    resources = [entry["resource"] for entry in content["entry"]]
    drafts = [each for each in resources if each["resourceType"] == "Claim"]
    rest = [each for each in resources if each["resourceType"] != "Claim"]
    asked = {
        "hook": "order-sign",
        "context": {"draftOrders": bundle(*drafts)},
        "prefetch": {"claims": bundle(*copy.deepcopy(drafts)), "rest": bundle(*rest)},
    }
    report = review_arrival(read(encode(asked)), on=TODAY, facts=shipped())
    assert "duplicate-claim" not in {finding.rule for finding in report.findings}
    drafts[0]["id"] = "another"
    asked["context"] = {"draftOrders": bundle(*drafts)}
    report = review_arrival(read(encode(asked)), on=TODAY, facts=shipped())
    assert "duplicate-claim" in {finding.rule for finding in report.findings}
