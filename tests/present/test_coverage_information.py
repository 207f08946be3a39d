"""Coverage information: what a payer says of an order, written onto the order as Da Vinci CRD asks."""

from __future__ import annotations

import copy
import itertools
import json
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fhir_massage.engine.coverage import assertions, ordered
from fhir_massage.facts.book import Facts, read_facts, shipped
from fhir_massage.present.coverage_information import Version, annotated
from fhir_massage.read.read import encode, parse, read
from tests.claims import PAYORS, TAXONOMY, TODAY, bundle, concept, order, resource
from tests.crd import check_action, check_coverage_information, coverage_information, values

Json = dict[str, Any]


def said_of(
    content: Json,
    *,
    version: Version = "2.2",
    documentation: bool = True,
    failed: bool = False,
    facts: Facts | None = None,
    on: date = TODAY,
    unfetched: tuple[str, ...] = (),
) -> list[Json]:
    """The orders of a Bundle that have something new said of them, after holding each to the guide."""
    arrival = read(content)
    requests = [entry for entry in arrival.entries if entry.kind == "ServiceRequest"]
    numbers = itertools.count()
    orders = ordered(requests, arrival.entries, facts=facts or shipped(), on=on, sent_to={}, unfetched=unfetched)
    updated = []
    for each in orders:
        made = annotated(
            each.entry.json(),
            assertions(each, orders, failed=failed),
            on=on,
            version=version,
            documentation=documentation,
            new_id=lambda: f"assertion-{next(numbers)}",
        )
        if made is not None:
            check_action(each.entry.json(), {"type": "update", "resource": made.resource}, version)
            updated.append(made.resource)
    return updated


def the(content: Json, **how: Any) -> Json:
    """The one extension on the one order."""
    (updated,) = said_of(content, **how)
    (extension,) = coverage_information(updated)
    return extension


def one(extension: Json, url: str) -> Any:
    (value,) = values(extension, url)
    return value


def texts(extension: Json) -> str:
    return " ".join(reason["text"] for reason in values(extension, "reason"))


@pytest.mark.conforms("resp-14", "resp-29", "resp-37", "resp-47", "resp-52", "hook-16", "conf-5", "covinfo-1")
@pytest.mark.parametrize("payer", PAYORS)
@pytest.mark.parametrize("performer", [None, *TAXONOMY])
def test_every_payer_and_profession_is_answered_by_the_guides_rules(payer: str, performer: str | None) -> None:
    for code in ("97124", "97140", None):
        for version in ("2.1", "2.2"):
            content = order(code, text=None if code else "Massage", payer=payer, performer=performer)
            (updated,) = said_of(content, version=version)
            codes = [coding["code"] for each in coverage_information(updated) for coding in values(each, "billingCode")]
            assert sorted(codes) == ([code] if code else ["97124", "97140"])


def test_a_service_that_the_payer_pays_its_performer_for_is_covered() -> None:
    extension = the(order("97140", payer="medicare-part-b", performer="physical-therapist"))
    assert one(extension, "coverage") == {"reference": "Coverage/cov"}
    assert one(extension, "covered") == "covered"
    assert one(extension, "date") == "2026-11-10"
    assert one(extension, "coverage-assertion-id") == "assertion-0"
    assert one(extension, "billingCode") == {"system": "http://www.ama-assn.org/go/cpt", "code": "97140"}


def test_a_policy_that_does_not_speak_of_authorization_says_nothing_of_it() -> None:
    assert values(the(order("97140", payer="medicare-part-b")), "pa-needed") == []


def test_a_performer_who_is_not_paid_is_not_covered_and_the_reason_is_given() -> None:
    extension = the(order("97140", payer="medicare-part-b", performer="massage-therapist"))
    assert one(extension, "covered") == "not-covered"
    assert "does not pay a massage therapist" in texts(extension)


@pytest.mark.conforms("resp-30", "resp-51")
def test_where_it_depends_on_who_renders_the_performer_is_asked_for() -> None:
    extension = the(order("97124", payer="tricare", performer=None))
    assert (one(extension, "covered"), one(extension, "info-needed")) == ("conditional", "performer")
    assert "TRICARE pays a physical therapist" in texts(extension)
    assert "and not a massage therapist" in texts(extension)


def test_authorization_that_the_policy_asks_for_is_needed() -> None:
    extension = the(order("97140", payer="veterans-affairs"))
    assert (one(extension, "covered"), one(extension, "pa-needed")) == ("covered", "auth-needed")


@pytest.mark.conforms("conf-4")
@pytest.mark.parametrize(("required", "said"), [(True, "auth-needed"), (False, "no-auth")])
def test_the_payers_own_answer_on_benefits_is_used(required: bool, said: str) -> None:
    content = order("97140", payer="medicare-part-b")
    benefit = {"type": {"text": "visits"}, "allowedUnsignedInt": 20, "usedUnsignedInt": 3}
    answer = {
        "resourceType": "CoverageEligibilityResponse",
        "id": "answer",
        "status": "active",
        "patient": {"reference": "Patient/p1"},
        "insurance": [
            {
                "coverage": {"reference": "Coverage/cov"},
                "item": [
                    {
                        "productOrService": concept("97140", "http://www.ama-assn.org/go/cpt"),
                        "authorizationRequired": required,
                        "benefit": [benefit],
                    }
                ],
            }
        ],
    }
    content["entry"].append({"resource": answer})
    extension = the(content)
    assert one(extension, "pa-needed") == said
    assert any(
        {"url": "value", "valueQuantity": {"value": 20, "unit": "visits"}} in d for d in values(extension, "detail")
    )


def test_authorization_that_the_payer_has_given_stays_satisfied() -> None:
    content = order("97140", payer="veterans-affairs")
    given = [
        {"url": "coverage", "valueReference": {"reference": "https://ehr.example.org/fhir/Coverage/cov"}},
        {"url": "covered", "valueCode": "covered"},
        {"url": "pa-needed", "valueCode": "satisfied"},
        {"url": "date", "valueDate": "2026-11-01"},
        {"url": "coverage-assertion-id", "valueString": "theirs"},
        {"url": "satisfied-pa-id", "valueString": "Q8U119"},
    ]
    url = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information"
    resource(content, "ServiceRequest")["extension"] = [{"url": url, "extension": given}]
    extension = the(content)
    assert (one(extension, "pa-needed"), one(extension, "satisfied-pa-id")) == ("satisfied", "Q8U119")


def test_a_letter_that_has_to_be_kept_is_documentation() -> None:
    extension = the(order("97124", payer="hsa-fsa"))
    assert (one(extension, "doc-needed"), one(extension, "doc-purpose")) == ("clinical", "retain-doc")


@pytest.mark.conforms("hook-19")
def test_no_document_is_asked_for_on_a_secondary_hook() -> None:
    assert values(the(order("97124", payer="hsa-fsa"), documentation=False), "doc-needed") == []


@pytest.mark.conforms("resp-38")
def test_the_payers_own_form_and_where_to_ask_come_from_its_policy(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(
        """
payer = "riverside"
title = "Riverside Health"
class = "commercial"
extends = "commercial"
[[payors]]
name = "evergreen mutual health"
[sources.policy]
title = "Policy 12"
url = "https://riverside.example.org/policy-12"
owner = "Riverside Health"
published = "2026-01-01"
[[authorization]]
required = true
words = "Riverside asks for authorization before the first visit."
questionnaire = "https://riverside.example.org/Questionnaire/manual-therapy|1.0"
contact = "+1-555-0100"
effective = 2026-01-01
source = "policy"
section = "2"
checked = 2026-11-01
"""
    )
    facts = read_facts(tmp_path)
    extension = the(order("97140"), facts=facts)
    assert one(extension, "pa-needed") == "auth-needed"
    assert (one(extension, "doc-needed"), one(extension, "doc-purpose")) == ("clinical", "withpa")
    assert one(extension, "questionnaire") == "https://riverside.example.org/Questionnaire/manual-therapy|1.0"
    point = {"system": "phone", "value": "+1-555-0100"}
    assert one(extension, "contact") == {"telecom": [point]}
    assert one(the(order("97140"), facts=facts, version="2.1"), "contact") == point


def test_the_years_visits_limit_what_is_covered() -> None:
    content = order("97124", performer="massage-therapist")
    resource(content, "Organization")["name"] = "Uniform Medical Plan"
    resource(content, "Coverage")["payor"] = [{"reference": "Organization/payor"}]
    details = values(the(content), "detail")
    (limit,) = [detail for detail in details if any("valueQuantity" in part for part in detail)]
    assert {"url": "value", "valueQuantity": {"value": 24, "unit": "visits"}} in limit
    assert {"url": "category", "valueCode": "cat-limitation"} in limit


def test_an_order_that_another_one_swallows_depends_on_it() -> None:
    first, second = (order(code, payer="medicare-part-b") for code in ("97124", "97140"))
    other = resource(second, "ServiceRequest")
    other["id"] = "o2"
    massage, manual = said_of(bundle(other, *(each["resource"] for each in first["entry"])))
    depends = {
        one(extension, "billingCode")["code"]: values(extension, "dependency")
        for updated in (massage, manual)
        for extension in coverage_information(updated)
    }
    assert depends == {"97140": [], "97124": [{"reference": "ServiceRequest/o2"}]}


@pytest.mark.conforms("resp-45")
@pytest.mark.parametrize("change", [{"status": "cancelled"}, {"period": {"start": "2015-01-01", "end": "2026-10-31"}}])
def test_a_coverage_that_is_over_covers_nothing(change: Json) -> None:
    content = order("97140")
    resource(content, "Coverage").update(change)
    extension = the(content)
    assert one(extension, "covered") == "not-covered"
    assert one(extension, "reason")["coding"][0]["code"] == "no-active-coverage"


@pytest.mark.conforms("resp-44")
def test_a_coverage_of_another_patient_covers_nothing() -> None:
    content = order("97140")
    resource(content, "Coverage")["beneficiary"] = {"reference": "Patient/other"}
    extension = the(content)
    assert one(extension, "covered") == "not-covered"
    assert one(extension, "reason")["coding"][0]["code"] == "no-member-found"


@pytest.mark.conforms("resp-35", "hook-19")
def test_a_secondary_hook_takes_back_no_document_that_was_asked_for() -> None:
    content = order("97124", payer="hsa-fsa")
    (updated,) = said_of(content)
    resource(content, "ServiceRequest").update(updated)
    assert said_of(content, documentation=False) == []


@pytest.mark.conforms("resp-43", "resp-45", "resp-42")
@pytest.mark.parametrize(
    ("failed", "version", "covered", "code"),
    [
        (False, "2.2", "not-covered", "coverage-not-found"),
        (True, "2.2", "indeterminate", "technical"),
        (True, "2.1", "conditional", "technical"),
    ],
)
def test_a_coverage_that_is_not_there_is_told_from_one_that_could_not_be_had(
    failed: bool, version: Version, covered: str, code: str
) -> None:
    content = order("97140")
    content["entry"] = [each for each in content["entry"] if each["resource"]["resourceType"] != "Coverage"]
    extension = the(content, failed=failed, version=version)
    assert one(extension, "covered") == covered
    assert one(extension, "reason")["coding"][0]["code"] == code


@pytest.mark.conforms("found-34")
def test_without_any_coverage_nothing_can_be_written() -> None:
    content = order("97140")
    content["entry"] = [each for each in content["entry"] if each["resource"]["resourceType"] != "Coverage"]
    del resource(content, "ServiceRequest")["insurance"]
    assert said_of(content) == []


def test_a_payer_that_is_not_recognised_is_asked() -> None:
    content = order("97140")
    resource(content, "Coverage").update({"type": None, "payor": [{"display": "Nobody's Plan"}]})
    del resource(content, "Coverage")["type"]
    extension = the(content)
    assert (one(extension, "covered"), one(extension, "info-needed")) == ("conditional", "OTH")
    assert "not recognised" in texts(extension)


PLAN = {
    "none": None,
    "private": "5",  # insurers have policies of their own
    "medicaid": "2",  # states have
    "medicare": "121",  # nobody has
}


@pytest.mark.conforms("resp-43")
@pytest.mark.parametrize(
    ("plan", "unfetched", "version", "covered"),
    [
        ("none", False, "2.2", "conditional"),
        ("none", True, "2.2", "indeterminate"),
        ("none", True, "2.1", "conditional"),
        ("private", True, "2.2", "indeterminate"),
        ("medicaid", True, "2.2", "indeterminate"),
        ("medicare", True, "2.2", "covered"),
    ],
)
def test_a_payer_that_could_not_be_had_is_told_from_one_that_is_not_known(
    plan: str, unfetched: bool, version: Version, covered: str
) -> None:
    content = order("97140")
    content["entry"] = [each for each in content["entry"] if each["resource"]["resourceType"] != "Organization"]
    coverage = resource(content, "Coverage")
    if PLAN[plan] is None:
        del coverage["type"]
    else:
        coverage["type"]["coding"][0]["code"] = PLAN[plan]
    extension = the(content, unfetched=("Organization/payor",) if unfetched else (), version=version)
    assert one(extension, "covered") == covered
    technical = [reason for reason in values(extension, "reason") if "coding" in reason]
    assert [reason["coding"][0]["code"] for reason in technical] == (
        ["technical"] if unfetched and covered != "covered" else []
    )
    assert all(reason["text"] for reason in technical)


def test_a_payer_that_its_coverage_names_is_known_without_its_organisation() -> None:
    content = order("97140")
    content["entry"] = [each for each in content["entry"] if each["resource"]["resourceType"] != "Organization"]
    resource(content, "Coverage")["payor"][0]["display"] = "Cigna"
    assert one(the(content, unfetched=("Organization/payor",)), "covered") != "indeterminate"


@pytest.mark.conforms("resp-32", "resp-33")
def test_each_coverage_that_may_pay_has_an_answer_of_its_own() -> None:
    content = order("97140", payer="medicare-part-b", performer="massage-therapist")
    second = copy.deepcopy(resource(content, "Coverage"))
    second["id"] = "second"
    second["payor"] = [{"display": "Evergreen Mutual Health"}]
    second["type"]["coding"][0]["code"] = "5"
    content["entry"].append({"resource": second})
    del resource(content, "ServiceRequest")["insurance"]
    (updated,) = said_of(content)
    answers = {one(each, "coverage")["reference"]: one(each, "covered") for each in coverage_information(updated)}
    assert answers == {"Coverage/cov": "not-covered", "Coverage/second": "conditional"}


@pytest.mark.conforms("resp-29", "resp-35")
def test_what_is_said_already_is_not_said_again() -> None:
    content = order(None, text="Massage", payer="medicare-part-b", performer=None)
    (updated,) = said_of(content)
    resource(content, "ServiceRequest").update(updated)
    assert said_of(content, on=date(2026, 12, 24)) == []


@pytest.mark.conforms("resp-35", "resp-36")
def test_what_has_changed_takes_the_place_of_what_was_said() -> None:
    content = order("97140", payer="medicare-part-b", performer=None)
    (updated,) = said_of(content)
    content = order("97140", payer="medicare-part-b", performer="physical-therapist")
    elsewhere = copy.deepcopy(coverage_information(updated)[0])
    elsewhere["extension"][0]["valueReference"]["reference"] = "Coverage/of-another-payer"
    one_id = next(part for part in elsewhere["extension"] if part["url"] == "coverage-assertion-id")
    one_id["valueString"] = "theirs"
    resource(content, "ServiceRequest")["extension"] = [elsewhere, *updated["extension"]]
    (again,) = said_of(content)
    assert [one(each, "covered") for each in coverage_information(again)] == ["conditional", "covered"]
    assert again["extension"][0] == elsewhere


@pytest.mark.conforms("resp-37", "conf-7")
def test_nothing_else_of_the_order_changes() -> None:
    content = order("97140")
    given = resource(content, "ServiceRequest")
    given["quantityQuantity"] = {"value": Decimal("8.50"), "unit": "visits"}
    given["extension"] = [{"url": "https://ehr.example.org/colour", "valueString": "blue"}]
    given["_status"] = {"id": "s1"}
    text = encode(content)
    (updated,) = said_of(parse(text))
    assert b'"value":8.50' in encode(updated)
    assert list(updated) == list(given)


@pytest.mark.conforms("billopt-2", "billopt-3", "found-10")
def test_the_codes_that_an_order_may_be_billed_by_are_each_judged() -> None:
    content = order(None, text="Soft tissue work", payer="medicare-part-b")
    url = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-billing-options"
    options = [
        {"url": url, "valueCodeableConcept": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": code}]}}
        for code in ("97140", "97124", "99999")
    ]
    resource(content, "ServiceRequest")["code"]["extension"] = options
    (updated,) = said_of(content)
    said = {
        coding["code"]: (one(each, "covered"), values(each, "info-needed"))
        for each in coverage_information(updated)
        for coding in values(each, "billingCode")
    }
    assert said == {"97140": ("covered", []), "97124": ("conditional", ["OTH"]), "99999": ("conditional", ["OTH"])}


@pytest.mark.conforms("resp-43")
def test_a_fault_of_ours_leaves_the_order_with_a_technical_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(sys.modules[assertions.__module__], "answer", fail)
    content = order("97140")
    arrival = read(content)
    orders = ordered(arrival.entries[:1], arrival.entries, facts=shipped(), on=TODAY, sent_to={})
    (assertion,) = assertions(orders[0], orders, failed=False)
    assert isinstance(assertion.fault, ZeroDivisionError)
    extension = the(content)
    assert one(extension, "covered") == "indeterminate"
    assert one(extension, "reason")["coding"][0]["code"] == "technical"


def test_the_checks_themselves_notice_what_is_wrong() -> None:
    good = the(order("97140", payer="veterans-affairs"))
    check_coverage_information(good)
    for spoil in (
        {"url": "satisfied-pa-id", "valueString": "x"},
        {"url": "info-needed", "valueCode": "OTH"},
        {"url": "covered", "valueCode": "covered"},
        {"url": "questionnaire", "valueCanonical": "https://example.org/q"},
        {"url": "pa-needed", "valueString": "no-auth"},
        {"url": "doc-purpose", "valueCode": "because"},
    ):
        bad = json.loads(json.dumps(good))
        bad["extension"].append(spoil)
        with pytest.raises(AssertionError):
            check_coverage_information(bad)
