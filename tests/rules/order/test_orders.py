"""Orders: what the claim will need later, asked for at order time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fhir_massage import review
from tests.claims import PAYORS, Json, concept, grave, order, reviewed, the, varied

NUCC = "http://nucc.org/provider-taxonomy"
ORDER = "ServiceRequest"


@pytest.mark.parametrize("payer", sorted(set(PAYORS) - {"veterans-affairs"}))
def test_a_complete_order_is_met_with_silence(payer: str) -> None:
    report = reviewed(order(payer=payer))
    assert grave(report) == []
    assert report.orders == ("ServiceRequest/o1",)


class TestScope:
    @pytest.mark.parametrize("text", ["Massage therapy", "MANUAL THERAPY, neck", "Soft-tissue  mobilization"])
    def test_words_for_our_services(self, text: str) -> None:
        assert reviewed(order(None, text=text)).orders

    @pytest.mark.parametrize(
        "text", ["Open chest cardiac massage", "Carotid sinus massage", "Prostatic massage", "MRI of the neck", ""]
    )
    def test_words_for_other_things(self, text: str) -> None:
        assert not reviewed(order(None, text=text)).orders

    def test_a_procedure_code_decides_before_the_words(self) -> None:
        assert not reviewed(order("72141", text="MRI before manual therapy")).orders
        assert reviewed(order("97124", text="as discussed")).orders

    def test_snomed(self) -> None:
        assert reviewed(order(None, snomed="387854002")).orders
        assert not reviewed(order(None, snomed="149213005", text="massage")).orders
        assert reviewed(order(None, snomed="91251008", text="Massage therapy")).orders

    def test_our_code_in_a_detail(self) -> None:
        bundle = varied(order("97161"), lambda o: o.update(orderDetail=[concept("97140")]), ORDER)
        assert reviewed(bundle).orders

    def test_an_order_not_to_do_it(self) -> None:
        assert not reviewed(varied(order(), lambda o: o.update(doNotPerform=True), ORDER)).orders

    def test_an_observation(self) -> None:
        def observed(request: Json) -> None:
            request["code"]["coding"] = [{"system": "http://loinc.org", "code": "24531-6"}]

        assert not reviewed(varied(order(None, text="after massage"), observed, ORDER)).orders


class TestDiagnosis:
    def test_each_active_condition_that_supports_the_service_is_offered(self) -> None:
        report = reviewed(order(reasons=(), conditions=("M54.2", "E11.9", "M54.50")))
        found = the(report, "order-diagnosis-missing")
        assert found.expression == ("ServiceRequest.reasonCode",)
        assert [c.label for c in found.corrections] == ["Name M54.2 as the reason", "Name M54.50 as the reason"]
        assert all(c.needs for c in found.corrections)
        changed = report.corrected_by(found, found.corrections[1])
        assert changed["reasonReference"] == [{"reference": "Condition/condition3"}]

    def test_a_condition_that_is_over_is_not_offered(self) -> None:
        bundle = varied(order(reasons=()), lambda c: c.update(clinicalStatus=concept("resolved")), "Condition")
        assert the(reviewed(bundle), "order-diagnosis-missing").corrections == ()

    @pytest.mark.parametrize("status", ["refuted", "entered-in-error"])
    def test_nor_is_one_that_the_patient_never_had(self, status: str) -> None:
        bundle = varied(order(reasons=()), lambda c: c.update(verificationStatus=concept(status)), "Condition")
        assert the(reviewed(bundle), "order-diagnosis-missing").corrections == ()

    def test_nor_one_of_another_patient(self) -> None:
        bundle = varied(order(reasons=()), lambda c: c.update(subject={"reference": "Patient/p2"}), "Condition")
        assert the(reviewed(bundle), "order-diagnosis-missing").corrections == ()

    def test_a_condition_is_named_as_the_order_can_find_it(self) -> None:
        address = "urn:uuid:6f9d2f6e-0000-4000-8000-000000000001"
        bundle = order(reasons=())
        condition = next(e for e in bundle["entry"] if e["resource"]["resourceType"] == "Condition")
        condition["fullUrl"] = address
        del condition["resource"]["id"]
        (correction,) = the(reviewed(bundle), "order-diagnosis-missing").corrections
        assert correction.edits[0].value == [{"reference": address}]

        bundle = order(reasons=())
        within = next(e for e in bundle["entry"] if e["resource"]["resourceType"] == "Condition")
        bundle["entry"].remove(within)
        bundle = varied(bundle, lambda o: o.update(contained=[within["resource"]]), ORDER)
        (correction,) = the(reviewed(bundle), "order-diagnosis-missing").corrections
        assert correction.edits[0].value == [{"reference": "#condition1"}]

    def test_one_within_another_resource_cannot_be_named(self) -> None:
        bundle = order(reasons=())
        within = next(e for e in bundle["entry"] if e["resource"]["resourceType"] == "Condition")
        bundle["entry"].remove(within)
        bundle = varied(bundle, lambda c: c.update(contained=[within["resource"]]), "Coverage")
        assert the(reviewed(bundle), "order-diagnosis-missing").corrections == ()

    def test_a_reason_by_reference_will_do(self) -> None:
        def referred(request: Json) -> None:
            request["reasonReference"] = [{"reference": "Condition/condition1"}]

        assert grave(reviewed(varied(order(reasons=()), referred, ORDER))) == []


class TestQuantity:
    def test_neither_visits_nor_a_period(self) -> None:
        found = the(reviewed(order(visits=None)), "order-quantity-missing")
        assert found.expression == ("ServiceRequest.quantity",)

    @pytest.mark.parametrize(
        "measure",
        [
            {"occurrencePeriod": {"start": "2026-11-10", "end": "2026-12-10"}},
            {"occurrenceTiming": {"repeat": {"count": 6}}},
            {"quantityRange": {"low": {"value": 6}, "high": {"value": 8}}},
            {"quantityQuantity": {"value": 6, "unit": "wk", "code": "wk"}},
        ],
    )
    def test_either_will_do(self, measure: Json) -> None:
        assert grave(reviewed(varied(order(visits=None), lambda o: o.update(measure), ORDER))) == []

    def test_the_length_of_a_visit_is_no_measure(self) -> None:
        an_hour = {"quantityQuantity": {"value": 60, "unit": "min", "code": "min"}}
        bundle = varied(order(visits=None), lambda o: o.update(an_hour), ORDER)
        assert grave(reviewed(bundle)) == ["order-quantity-missing"]


class TestCode:
    @pytest.mark.parametrize("given", [{"text": "Massage therapy"}, {"snomed": "387854002"}])
    def test_words_or_a_general_code(self, given: dict[str, str]) -> None:
        report = reviewed(order(None, **given))
        found = the(report, "order-code-imprecise")
        assert found.expression == ("ServiceRequest.code",)
        assert [c.label.split()[1] for c in found.corrections] == ["97124", "97140"]
        changed = report.corrected_by(found, found.corrections[0])
        assert {"system": "http://www.ama-assn.org/go/cpt", "code": "97124"} in changed["code"]["coding"]
        assert changed["code"].get("text") == given.get("text")

    def test_a_code_that_the_plan_does_not_cover_is_not_offered(self) -> None:
        found = the(
            reviewed(order(None, text="manual therapy", payer="tricare", performer=None)), "order-code-imprecise"
        )
        assert [c.label.split()[1] for c in found.corrections] == ["97140"]


class TestPeople:
    def test_a_referral_that_the_payer_does_not_take(self) -> None:
        found = the(
            reviewed(order(performer="massage-therapist", requester="massage-therapist")),
            "order-orderer-not-qualified",
        )
        assert found.expression == ("ServiceRequest.requester",)
        assert found.denial is not None
        assert found.denial.carc == "183"

    def test_a_requester_of_unknown_profession_is_left_alone(self) -> None:
        assert grave(reviewed(order(performer="massage-therapist", requester=None))) == []

    def test_a_performer_whom_the_payer_does_not_pay(self) -> None:
        report = reviewed(order("97124", payer="medicare-part-b", performer="massage-therapist"))
        found = the(report, "order-performer-not-payable")
        assert found.expression == ("ServiceRequest.performer[0]",)
        assert found.message == "Medicare Part B does not pay a massage therapist for 97124 (massage therapy)."
        changed = report.corrected_by(found, found.corrections[0])
        assert changed["performerType"] == {"coding": [{"system": NUCC, "code": "225100000X"}]}
        assert "performer" not in changed
        assert all(c.needs for c in found.corrections)

    def test_the_others_whom_it_pays_stay(self) -> None:
        bundle = order("97124", payer="medicare-part-b", performer="massage-therapist")

        def two(request: Json) -> None:
            request["performer"].insert(0, {"reference": "Practitioner/requester"})

        report = reviewed(varied(bundle, two, ORDER))
        found = the(report, "order-performer-not-payable")
        assert found.expression == ("ServiceRequest.performer[1]",)
        changed = report.corrected_by(found, found.corrections[0])
        assert changed["performer"] == [{"reference": "Practitioner/requester"}]

    def test_of_several_whom_it_does_not_pay_all_go(self) -> None:
        bundle = order("97124", payer="medicare-part-b", performer="massage-therapist")

        def three(request: Json) -> None:
            request["performer"] += [{"reference": "Practitioner/requester"}, {"reference": "Practitioner/performer"}]

        report = reviewed(varied(bundle, three, ORDER))
        found = next(f for f in report.findings if f.rule == "order-performer-not-payable")
        changed = report.corrected_by(found, found.corrections[0])
        assert changed["performer"] == [{"reference": "Practitioner/requester"}]

    def test_a_kind_of_performer(self) -> None:
        def kind(request: Json) -> None:
            request["performerType"] = concept("111N00000X", NUCC)

        report = reviewed(varied(order(payer="medicare-part-b", performer=None), kind, ORDER))
        found = the(report, "order-performer-not-payable")
        assert found.expression == ("ServiceRequest.performerType",)
        changed = report.corrected_by(found, found.corrections[0])
        assert changed["performerType"]["coding"][0]["code"] == "225100000X"


class TestPlan:
    def test_a_service_that_the_plan_does_not_cover(self) -> None:
        found = the(reviewed(order("97124", payer="tricare", performer=None)), "order-not-covered")
        assert found.expression == ("ServiceRequest.code",)
        assert found.denial is not None
        assert (found.denial.group, found.denial.carc) == ("PR", "96")

    def test_but_does_by_another_profession(self) -> None:
        assert grave(reviewed(order("97124", payer="tricare", performer="physical-therapist"))) == []

    def test_prior_authorization(self) -> None:
        found = the(reviewed(order(payer="veterans-affairs")), "order-authorization-needed")
        assert found.severity == "warning"

    def test_the_payers_answer_on_the_order_tells_that_it_is_there(self) -> None:
        def answered(request: Json) -> None:
            request["extension"] = [
                {
                    "url": "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information",
                    "extension": [{"url": "satisfied-pa-id", "valueString": "VA0001"}],
                }
            ]

        assert grave(reviewed(varied(order(payer="veterans-affairs"), answered, ORDER))) == []

    @pytest.mark.parametrize(
        ("item", "asked"),
        [
            ({"authorizationRequired": True}, True),
            ({"authorizationRequired": False}, False),
            ({"authorizationRequired": True, "productOrService": concept("97140")}, True),
            ({"authorizationRequired": True, "productOrService": concept("97124")}, False),
        ],
    )
    def test_the_payers_answer_on_the_benefits_may_ask_for_it(self, item: Json, asked: bool) -> None:
        bundle = order()
        bundle["entry"].append(
            {
                "resource": {
                    "resourceType": "CoverageEligibilityResponse",
                    "status": "active",
                    "patient": {"reference": "Patient/p1"},
                    "insurance": [{"coverage": {"reference": "Coverage/cov"}, "item": [item]}],
                }
            }
        )
        assert grave(reviewed(bundle)) == (["order-authorization-needed"] if asked else [])

    def test_an_authorization_among_the_orders_insurances_is_one(self) -> None:
        bundle = order(payer="veterans-affairs")
        bundle["entry"].append({"resource": {"resourceType": "ClaimResponse", "id": "pa", "preAuthRef": "VA1"}})
        bundle = varied(bundle, lambda o: o["insurance"].append({"reference": "ClaimResponse/pa"}), ORDER)
        assert grave(reviewed(bundle)) == []

    def test_a_payer_that_is_not_known_gets_no_guess(self) -> None:
        bundle = varied(order(), lambda c: (c.pop("type"), c.pop("payor")), "Coverage")
        assert grave(reviewed(bundle)) == []


@pytest.mark.parametrize("odd", [{}, {"code": None}, {"code": {}}, {"code": {"coding": [{}]}}, {"reasonCode": [{}]}])
def test_odd_orders_fail_no_rule(odd: dict[str, Any]) -> None:
    bundle = varied(order(None, text="massage"), lambda o: o.update(odd), ORDER)
    assert review(json.dumps(bundle)).broken == ()
