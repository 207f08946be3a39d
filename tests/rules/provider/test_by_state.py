"""What a payer asks for in one state and not in another: where the service was given decides."""

from __future__ import annotations

import pytest

from tests.claims import Json, bundle, claim, grave, line, resource, reviewed


def in_state(
    state: str | None, *, of: str = "Organization", profession: str = "massage-therapist", code: str = "97124"
) -> Json:
    """A claim to an auto insurer, with the state on one of its resources."""
    content = claim(line(code), payer="auto", profession=profession)
    if state is not None:
        resource(content, of)["address"] = [{"city": "Springfield", "state": state}]
    return content


@pytest.mark.parametrize("of", ["Organization", "Practitioner", "Patient"])
@pytest.mark.parametrize("state", ["FL", "fl", "US-FL"])
def test_florida_pays_no_massage_therapist_after_an_accident(state: str, of: str) -> None:
    report = reviewed(in_state(state, of=of))
    assert grave(report) == ["provider-not-payable"]
    (finding,) = [found for found in report.findings if found.rule == "provider-not-payable"]
    assert finding.severity == "error"
    assert "Florida's law" in finding.message
    assert any("627.736" in str(citation) for citation in finding.citations)


@pytest.mark.parametrize("state", ["WA", "GA", None, "", "Florida Keys"])
def test_elsewhere_nothing_is_said_of_florida(state: str | None) -> None:
    report = reviewed(in_state(state))
    assert grave(report) == []


def test_florida_pays_nobody_for_massage_but_a_chiropractor_for_manual_therapy() -> None:
    assert grave(reviewed(in_state("FL", profession="chiropractor"))) == ["service-not-covered"]
    assert grave(reviewed(in_state("FL", profession="chiropractor", code="97140"))) == []


def test_the_practice_tells_the_state_before_the_patient_does() -> None:
    content = in_state("GA")
    resource(content, "Patient")["address"] = [{"state": "FL"}]
    assert grave(reviewed(content)) == []


def test_the_facility_tells_the_state_first() -> None:
    content = in_state("GA")
    content["entry"] += bundle({"resourceType": "Location", "id": "clinic-fl", "address": {"state": "FL"}})["entry"]
    resource(content, "Claim")["facility"] = {"reference": "Location/clinic-fl"}
    assert grave(reviewed(content)) == ["provider-not-payable"]


def test_a_practice_in_two_states_tells_none() -> None:
    content = in_state(None)
    resource(content, "Organization")["address"] = [{"state": "FL"}, {"state": "GA"}]
    assert grave(reviewed(content)) == []


@pytest.mark.parametrize("address", ["FL", 7, [7], [{"state": 7}], {"state": ["FL"]}, None])
def test_an_address_of_another_shape_is_passed_over(address: object) -> None:
    content = in_state(None)
    resource(content, "Organization")["address"] = address
    assert grave(reviewed(content)) == []


def test_before_the_law_of_2013_florida_paid() -> None:
    content = claim(line("97124", day="2012-12-31"), payer="auto", profession="massage-therapist")
    resource(content, "Organization")["address"] = [{"state": "FL"}]
    assert "provider-not-payable" not in grave(reviewed(content))


@pytest.mark.parametrize(("state", "severity"), [("NJ", "error"), ("WA", "information")])
def test_auto_insurers_are_held_to_ncci_where_the_state_says_so(state: str, severity: str) -> None:
    content = claim(line("97140"), line("97124"), payer="auto", profession="physical-therapist")
    resource(content, "Organization")["address"] = [{"state": state}]
    found = [each for each in reviewed(content).findings if each.rule.startswith("ptp-")]
    assert {each.severity for each in found} == {severity}
