"""Prefetch templates, filled as clients fill them."""

from __future__ import annotations

from datetime import date

import pytest

from fhir_massage.hooks.templates import filled

CONTEXT = {
    "patientId": "p1",
    "userId": "Practitioner/a",
    "performer": "Organization/o1",
    "list": ["a", "b"],
    "bad": "p1&_include=*",
    "draftOrders": {
        "resourceType": "Bundle",
        "entry": [
            {
                "resource": {
                    "resourceType": "ServiceRequest",
                    "id": "s1",
                    "performer": [{"reference": "Practitioner/b"}],
                }
            },
            {"resource": {"resourceType": "Claim", "id": "c1"}},
            {"resource": {"resourceType": "ServiceRequest", "id": "s2"}},
        ],
    },
}


@pytest.mark.conforms("hooks-26", "hooks-28", "hooks-29")
@pytest.mark.parametrize(
    ("template", "query"),
    [
        ("Patient/{{context.patientId}}", "Patient/p1"),
        ("Coverage?patient={{context.patientId}}&status=active", "Coverage?patient=p1&status=active"),
        ("Practitioner/{{userPractitionerId}}", "Practitioner/a"),
        ("{{context.userId}}", "Practitioner/a"),
        ("{{context.performer}}", "Organization/o1"),
        ("ServiceRequest?_id={{context.draftOrders.ServiceRequest.id}}", "ServiceRequest?_id=s1,s2"),
        ("X?_id={{context.draftOrders.entry.resource.ofType(ServiceRequest).id}}", "X?_id=s1,s2"),
        ("X?who={{context.draftOrders.ServiceRequest.performer.reference}}", "X?who=Practitioner/b"),
        ("X?_id={{ context.list }}", "X?_id=a,b"),
        ("X?date=ge{{today() - 10 days}}&date=le{{today()}}", "X?date=ge2026-10-31&date=le2026-11-10"),
        ("metadata", "metadata"),
    ],
)
def test_a_template_is_filled(template: str, query: str) -> None:
    assert filled(template, CONTEXT, date(2026, 11, 10)) == query


@pytest.mark.parametrize(
    "template",
    [
        "Patient/{{context.nobody}}",
        "Patient/{{userPatientId}}",
        "Patient/{{context.bad}}",
        "Patient/{{context.draftOrders}}",
        "Patient/{{context.draftOrders.Coverage.id}}",
        "Patient/{{somethingElse}}",
        "Patient/{{today() - 1 century}}",
    ],
)
def test_a_token_that_stands_for_nothing_or_for_no_id_fills_nothing(template: str) -> None:
    assert filled(template, CONTEXT, date(2026, 11, 10)) is None


@pytest.mark.parametrize("patient", ["../admin", "..", ".", "p1/$everything", "p 1", "p1\n", "", 1, None, ["p1", 2]])
def test_a_patients_id_cannot_write_the_query(patient: object) -> None:
    assert filled("Patient/{{context.patientId}}", {"patientId": patient}, date(2026, 11, 10)) is None


def test_a_reference_given_for_an_id_is_understood() -> None:
    assert filled("Patient/{{context.patientId}}", {"patientId": "Patient/p1"}, date.min) == "Patient/p1"
