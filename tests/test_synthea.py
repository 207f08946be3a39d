"""Output of the shape that Synthea writes: what it codes in SNOMED CT is left alone, and no error is made up of it."""

from __future__ import annotations

import copy
import json
from typing import Any

from tests.claims import concept, reviewed
from tests.test_examples import EXAMPLES, ON

Json = dict[str, Any]
PATIENT: Json = json.loads((EXAMPLES / "synthea/patient.json").read_text())
CPT = "http://www.ama-assn.org/go/cpt"


def with_claim(change: Any) -> Json:
    copied = copy.deepcopy(PATIENT)
    change(next(each["resource"] for each in copied["entry"] if each["resource"]["resourceType"] == "Claim"))
    return copied


def test_its_claim_names_massage_in_words_and_is_told_to_code_it() -> None:
    report = reviewed(PATIENT, ON)
    assert len(report.claims) == 1
    assert [(f.rule, f.severity, f.expression[0]) for f in report.findings] == [
        ("reference-unresolved", "information", "Claim.insurance[0].coverage"),
        ("code-not-read", "warning", "Claim.item[3].productOrService"),
    ]
    assert report.corrected == {}
    assert report.unread == ()


def test_its_completed_referral_is_no_order_under_review() -> None:
    assert reviewed(PATIENT, ON).orders == ()


def test_a_line_that_somebody_coded_for_billing_is_reviewed_like_any_other() -> None:
    def coded(claim: Json) -> None:
        claim["item"][3]["productOrService"] = concept("97124", CPT)

    rules = {f.rule: f.expression[0] for f in reviewed(with_claim(coded), ON).findings}
    assert rules["diagnosis-pointer-missing"] == "Claim.item[3].diagnosisSequence"
